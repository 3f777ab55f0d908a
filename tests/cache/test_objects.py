import asyncio
from typing import Any

import pytest

from actionhero.cache import Cache, objects
from actionhero.errors import MalformedError, TooLargeError, WrongKindError
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys


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
    monkeypatch.setattr(objects, "VALUE_BYTES", 10)
    with pytest.raises(TooLargeError, match="at most"):
        await cache.save("k", "x" * 20)
    with pytest.raises(TooLargeError, match="at most"):
        await cache.push("list", "x" * 20)
    with pytest.raises(TypeError):
        await cache.save("k", object())


async def test_what_another_program_wrote_is_told(
    cache: Cache, store: StoreClient, keys: Keys
) -> None:
    await store.execute("HSET", keys.cached("k"), "value", "{nonsense", "created", "1")
    with pytest.raises(MalformedError):
        await cache.load("k")


async def test_a_value_alone_is_got_without_a_trace(cache: Cache) -> None:
    assert await cache.get("k") is None
    assert await cache.get("k", "default") == "default"
    await cache.save("k", None)
    assert await cache.get("k", "default") is None
    found = await cache.load("k")
    assert found is not None
    assert found.read_at is None


async def test_a_read_may_let_it_live_on(cache: Cache, store: StoreClient, keys: Keys) -> None:
    await cache.save("k", 1, expire="1s")
    found = await cache.load("k", touch="10m")
    assert found is not None
    assert found.expires_at is not None
    assert found.expires_at >= found.created_at + 600_000
    assert int(await store.execute("PTTL", keys.cached("k"))) > 500_000
    again = await cache.load("k")
    assert again is not None
    assert again.expires_at == found.expires_at


async def test_whether_it_exists(cache: Cache) -> None:
    assert not await cache.exists("k")
    await cache.save("k", 1)
    await cache.push("list", 1)
    assert await cache.exists("k")
    assert await cache.exists("list")


async def test_counters(cache: Cache, store: StoreClient, keys: Keys) -> None:
    assert await asyncio.gather(*(cache.increment("hits", expire="10m") for _ in range(10))) == [
        *range(1, 11)
    ]
    assert await cache.increment("hits", -20) == -10
    found = await cache.load("hits")
    assert found is not None
    assert found.value == -10
    assert found.expires_at == found.created_at + 600_000
    await cache.save("text", "ten")
    for key, by in (("text", 1), ("hits", -(2**63))):
        with pytest.raises(WrongKindError, match="no whole number"):
            await cache.increment(key, by)


async def test_lists(cache: Cache, store: StoreClient, keys: Keys) -> None:
    for length, item in enumerate(({"a": 1}, "two", None), 1):
        assert await cache.push("list", item, expire="10m") == length
    assert int(await store.execute("PTTL", keys.cached("list"))) > 500_000
    assert await cache.length("list") == 3
    assert [await cache.pop("list") for _ in range(2)] == [{"a": 1}, "two"]
    assert await cache.push("list", 4) == 2
    assert await cache.destroy("list")
    assert await cache.pop("list") is None
    assert await cache.length("list") == 0


async def test_a_list_is_no_value_nor_a_value_a_list(cache: Cache) -> None:
    await cache.save("k", 1)
    await cache.push("list", 1)
    for wrong in (
        cache.load("list"),
        cache.get("list"),
        cache.increment("list"),
        cache.push("k", 1),
        cache.pop("k"),
        cache.length("k"),
    ):
        with pytest.raises(WrongKindError, match="holds something else"):
            await wrong
    await cache.save("list", 2)  # to write is to put something else there
    assert await cache.get("list") == 2


async def test_keys_come_by_pages_and_prefix(cache: Cache, store: StoreClient, keys: Keys) -> None:
    wanted = {f"user:{number}" for number in range(2500)}
    await asyncio.gather(*(cache.save(key, 1) for key in wanted))
    for other in ("users", "user", "*", "user?1", "a[b]"):
        await cache.save(other, 1)
    found: set[str] = set()
    page = await cache.keys(prefix="user:")
    while True:
        found.update(page.keys)
        if page.next is None:
            break
        page = await cache.keys(page.next, prefix="user:")
    assert found == wanted
    assert (await cache.size(), await cache.size("user:"), await cache.size("a[")) == (
        2505,
        2500,
        1,
    )
    assert (await cache.clear("*"), await cache.clear("user:")) == (1, 2500)
    assert await cache.size() == 4
    await store.execute("SET", keys.stats_global, "x")
    assert await cache.clear() == 4
    assert await store.execute("EXISTS", keys.stats_global) == 1
