"""One holder at a time, and one who has lost the lock is told."""

import asyncio

import pytest

from actionhero.cache import Cache
from actionhero.errors import LockLostError, LockTimeoutError
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys


async def until(condition: asyncio.Event) -> None:
    await asyncio.wait_for(condition.wait(), 20)


async def test_one_holds_it_at_a_time(cache: Cache) -> None:
    inside, most, order = 0, 0, list[int]()

    async def work(number: int) -> None:
        nonlocal inside, most
        async with cache.lock("x"):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            await cache.increment("n")
            order.append(number)
            inside -= 1

    await asyncio.gather(*(work(number) for number in range(20)))
    assert (most, sorted(order), await cache.get("n")) == (1, [*range(20)], 20)


async def test_it_is_given_back(cache: Cache, store: StoreClient, keys: Keys) -> None:
    async def fail() -> None:
        async with cache.lock("x"):
            assert int(await store.execute("PTTL", keys.lock("x"))) > 5_000
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert await store.execute("EXISTS", keys.lock("x")) == 0


async def test_who_does_not_get_it_in_time_is_told(cache: Cache) -> None:
    async with cache.lock("x"):
        with pytest.raises(LockTimeoutError, match="'x' was not free within 0 s"):
            async with cache.lock("x", wait=0):
                pass
        with pytest.raises(TimeoutError):
            async with cache.lock("x", wait="20ms"):
                pass
        async with cache.lock("other", wait=0):
            pass


async def test_it_is_renewed_while_it_is_held(cache: Cache, store: StoreClient, keys: Keys) -> None:
    async with cache.lock("x", lease="300ms"):
        lifetimes = [int(await store.execute("PTTL", keys.lock("x")))]
        async with asyncio.timeout(20):
            while lifetimes[-1] <= lifetimes[0] or len(lifetimes) < 2:
                lifetimes[0] = min(lifetimes[0], lifetimes[-1])  # it runs out, and then it does not
                lifetimes.append(int(await store.execute("PTTL", keys.lock("x"))))
    assert await store.execute("EXISTS", keys.lock("x")) == 0


async def test_a_dead_holder_lets_go_of_it(cache: Cache, store: StoreClient, keys: Keys) -> None:
    await store.execute("SET", keys.lock("x"), "somebody who died", "PX", 50)
    async with cache.lock("x", wait="20s"):
        pass


async def test_only_the_owner_gives_it_back(cache: Cache, store: StoreClient, keys: Keys) -> None:
    with pytest.raises(LockLostError):
        async with cache.lock("x"):
            await store.execute("SET", keys.lock("x"), "somebody else")
    assert await store.execute("GET", keys.lock("x")) == b"somebody else"


async def test_who_loses_it_is_cancelled_and_told(
    cache: Cache, store: StoreClient, keys: Keys
) -> None:
    seen: list[str] = []

    async def hold() -> None:
        async with cache.lock("x", lease="100ms"):
            await store.execute("SET", keys.lock("x"), "somebody else")
            try:
                await until(asyncio.Event())
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise

    with pytest.raises(LockLostError, match="ran out while it was held"):
        await hold()
    task = asyncio.current_task()
    assert task is not None
    assert (seen, task.cancelling()) == (["cancelled"], 0)
    await asyncio.sleep(0)


async def test_it_is_lost_when_the_store_stays_away(own_store: StoreClient, keys: Keys) -> None:
    async def hold() -> None:
        async with Cache(own_store, keys).lock("x", lease="300ms"):
            await own_store.aclose()
            await until(asyncio.Event())

    with pytest.raises(LockLostError):
        await hold()


async def test_a_cancellation_from_outside_stays_one(cache: Cache) -> None:
    entered = asyncio.Event()

    async def hold() -> None:
        async with cache.lock("x"):
            entered.set()
            await until(asyncio.Event())

    task = asyncio.create_task(hold())
    await until(entered)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with cache.lock("x", wait="20s"):
        pass
