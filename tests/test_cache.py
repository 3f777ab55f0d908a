from typing import Any

import pytest

from actionhero import cache as cache_module
from actionhero.cache import Cache
from actionhero.errors import MalformedError, TooLargeError
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys


@pytest.fixture
def cache(store: StoreClient, keys: Keys) -> Cache:
    return Cache(store, keys)


@pytest.mark.parametrize("value", [1, "text", None, [1, {"a": None}], {"b": 2.5}, ""])
async def test_a_value_comes_back(cache: Cache, value: Any) -> None:
    await cache.save("k", value)
    found = await cache.load("k")
    assert found is not None
    assert found.value == value
    assert found.expires_at is None


async def test_what_is_not_there_is_none(cache: Cache) -> None:
    assert await cache.load("k") is None
    assert await cache.destroy("k") is False


async def test_the_time_of_the_last_read_is_told(cache: Cache) -> None:
    await cache.save("k", 1)
    first, second = await cache.load("k"), await cache.load("k")
    assert first is not None
    assert second is not None
    assert first.read_at is None
    assert second.read_at is not None
    assert second.read_at >= second.created_at == first.created_at


async def test_an_expiry_is_kept_by_the_store(cache: Cache, store: StoreClient, keys: Keys) -> None:
    await cache.save("k", 1, expire="10m")
    found = await cache.load("k")
    assert found is not None
    assert found.expires_at == found.created_at + 600_000
    assert 0 < int(await store.execute("PTTL", keys.cached("k")) or 0) <= 600_000
    await cache.save("k", 2)
    found = await cache.load("k")
    assert found is not None
    assert found.expires_at is None


async def test_a_destroyed_value_is_gone(cache: Cache) -> None:
    await cache.save("k", 1)
    assert await cache.destroy("k") is True
    assert await cache.load("k") is None


async def test_the_size_counts_cached_objects_only(
    cache: Cache, store: StoreClient, keys: Keys
) -> None:
    await store.execute("SET", keys.stats_global, "x")
    for number in range(25):
        await cache.save(f"k{number}", number)
    assert await cache.size() == 25


async def test_a_value_that_is_too_large_or_no_json_is_refused(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "VALUE_BYTES", 10)
    with pytest.raises(TooLargeError, match="at most"):
        await cache.save("k", "x" * 20)
    with pytest.raises(TypeError):
        await cache.save("k", object())


async def test_what_another_program_wrote_is_told(
    cache: Cache, store: StoreClient, keys: Keys
) -> None:
    await store.execute("HSET", keys.cached("k"), "value", "{nonsense", "created", "1")
    with pytest.raises(MalformedError):
        await cache.load("k")
