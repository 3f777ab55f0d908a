"""A value that many ask for is computed once."""

import asyncio

import pytest

from actionhero.cache import Cache
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys


class Computing:
    """Counts what it computes, and holds it until it is let go on."""

    def __init__(self) -> None:
        self.count = 0
        self.cancelled = 0
        self.began = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self) -> int:
        self.count += 1
        self.began.set()
        try:
            await asyncio.wait_for(self.may_end.wait(), 20)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self.count


async def test_it_is_kept(cache: Cache) -> None:
    computing = Computing()
    computing.may_end.set()
    assert await cache.get_or_compute("k", computing, expire="10m") == 1
    assert await cache.get_or_compute("k", computing) == 1
    found = await cache.load("k")
    assert found is not None
    assert found.expires_at == found.created_at + 600_000


async def test_nothing_is_a_value_too(cache: Cache) -> None:
    async def nothing() -> None:
        counted.append(1)

    counted: list[int] = []
    assert await cache.get_or_compute("k", nothing) is None
    assert await cache.get_or_compute("k", nothing) is None
    assert counted == [1]


async def test_many_at_once_in_several_servers_compute_it_once(
    cache: Cache, store: StoreClient, keys: Keys
) -> None:
    computing = Computing()
    caches = [cache, Cache(store, keys), Cache(store, keys)]
    asking = [
        asyncio.create_task(one.get_or_compute("k", computing)) for one in caches for _ in range(10)
    ]
    await asyncio.wait_for(computing.began.wait(), 20)
    computing.may_end.set()
    assert await asyncio.wait_for(asyncio.gather(*asking), 20) == [1] * 30


async def test_an_error_is_everybodys_and_nothing_is_kept(cache: Cache) -> None:
    began = asyncio.Event()

    async def fail() -> None:
        began.set()
        await asyncio.sleep(0)
        raise LookupError("not today")

    results = await asyncio.gather(
        *(cache.get_or_compute("k", fail) for _ in range(3)), return_exceptions=True
    )
    assert [type(one) for one in results] == [LookupError] * 3
    computing = Computing()
    computing.may_end.set()
    assert await cache.get_or_compute("k", computing) == 1


async def test_who_leaves_does_not_take_it_from_the_others(cache: Cache) -> None:
    computing = Computing()
    first = asyncio.create_task(cache.get_or_compute("k", computing))
    await asyncio.wait_for(computing.began.wait(), 20)
    second = asyncio.create_task(cache.get_or_compute("k", computing))
    async with asyncio.timeout(20):
        while len(cache._flights._flights["k"][1]) < 2:
            await asyncio.sleep(0.001)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    computing.may_end.set()
    assert await asyncio.wait_for(second, 20) == 1
    assert (computing.count, computing.cancelled) == (1, 0)


async def test_when_the_last_one_leaves_it_is_cancelled(cache: Cache) -> None:
    computing = Computing()
    asking = asyncio.create_task(cache.get_or_compute("k", computing))
    await asyncio.wait_for(computing.began.wait(), 20)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    computing.may_end.set()
    assert await asyncio.wait_for(cache.get_or_compute("k", computing), 20) == 2
    assert computing.cancelled == 1


async def test_closing_ends_what_is_under_way(cache: Cache) -> None:
    computing = Computing()
    asking = asyncio.create_task(cache.get_or_compute("k", computing))
    await asyncio.wait_for(computing.began.wait(), 20)
    await cache.aclose()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asking, 20)
