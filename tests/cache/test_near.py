"""What is kept in the process is never older than what the store has."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from actionhero.cache import Cache
from actionhero.cache.near import Encoded, Near
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys


@pytest.fixture
async def near(store: StoreClient, keys: Keys) -> AsyncIterator[Cache]:
    cache = Cache(store, keys, near_entries=3)
    assert cache._near is not None
    await asyncio.wait_for(cache._near.wait_ready(), 20)
    yield cache
    await cache.aclose()


async def eventually(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.002)


def entries(cache: Cache) -> set[str]:
    assert cache._near is not None
    return set(cache._near._entries)


async def test_a_second_read_asks_nobody(near: Cache, store: StoreClient) -> None:
    await near.save("k", [1])
    await near.get("other")
    async with asyncio.timeout(20):  # until our own write was heard
        before = -1
        while before != store.commands_answered:
            before = store.commands_answered
            assert await near.get("k") == [1]


async def test_what_is_not_there_is_remembered_too(near: Cache, store: StoreClient) -> None:
    assert await near.get("k", 0) == 0
    before = store.commands_answered
    assert await near.get("k", 0) == 0
    assert store.commands_answered == before
    await near.save("k", 1)
    assert await near.get("k", 0) == 1


async def test_own_writes_are_seen_at_once(near: Cache) -> None:
    for number in range(50):
        await near.save("k", number)
        assert await near.get("k") == number
    assert await near.increment("k") == 50
    assert await near.get("k") == 50
    await near.destroy("k")
    assert await near.get("k") is None


async def test_others_writes_are_heard(near: Cache, cache: Cache) -> None:
    for write in (
        lambda: cache.save("k", 1),
        lambda: cache.increment("k"),
        lambda: cache.destroy("k"),
        cache.clear,
    ):
        await near.get("k")
        assert "k" in entries(near)
        await cache.save("k", 5)
        await eventually(lambda: "k" not in entries(near))
        await near.get("k")
        await write()
        await eventually(lambda: "k" not in entries(near))


async def test_who_was_not_used_longest_makes_room(near: Cache) -> None:
    for key in ("a", "b", "c"):
        await near.get(key)
    await near.get("a")
    await near.get("d")
    assert entries(near) == {"c", "a", "d"}


async def test_an_entry_lives_no_longer_than_the_object(near: Cache) -> None:
    await near.save("k", 1, expire="30ms")
    assert await near.get("k") in {1, None}
    async with asyncio.timeout(20):
        while await near.get("k") is not None:
            await asyncio.sleep(0.005)


async def test_what_is_written_while_it_is_read_is_not_kept(near: Cache) -> None:
    inner = near._near
    assert inner is not None

    async def load() -> Encoded:
        inner.forget("k")
        return b"1", None

    assert await inner.read("k", load) == b"1"
    assert entries(near) == set()


async def test_nothing_is_found_while_nothing_is_heard(own_store: StoreClient, keys: Keys) -> None:
    near = Near(own_store, keys.cache_written, 10)
    loads = 0

    async def load() -> Encoded:
        nonlocal loads
        loads += 1
        return b"%d" % loads, None

    assert [await near.read("k", load) for _ in range(2)] == [b"1", b"2"]  # not ready yet
    await asyncio.wait_for(near.wait_ready(), 20)
    assert [await near.read("k", load) for _ in range(2)] == [b"3", b"3"]
    await own_store.execute("CLIENT", "KILL", "TYPE", "pubsub")
    await eventually(lambda: not near._is_listening)
    assert await near.read("k", load) == b"4"
    await eventually(lambda: near._is_listening and not near._entries)
    assert [await near.read("k", load) for _ in range(2)] == [b"5", b"5"]
    await near.aclose()


async def test_a_value_is_computed_once_for_all_near_caches(near: Cache, cache: Cache) -> None:
    async def compute() -> int:
        computed.append(1)
        return 7

    computed: list[int] = []
    assert await near.get_or_compute("k", compute) == 7
    assert await cache.get_or_compute("k", compute) == 7
    assert await near.get_or_compute("k", compute) == 7
    assert computed == [1]
