"""What a worker does when its store is full, emptied, slow, silent, or gone."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from actionhero.errors import StoreFullError
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from tests.workers.house import House, until


@pytest.fixture
async def own_house(own_store: StoreClient, keys: Keys) -> AsyncIterator[House]:
    """A house whose store the test may harm."""
    house = House(own_store, keys)
    yield house
    await house.aclose()


async def fill(store: StoreClient) -> None:
    """Its memory has reached its bound."""
    await store.execute("CONFIG", "SET", "maxmemory", 1)


async def until_ticked(store: StoreClient, times: int) -> None:
    """Its workers have called scripts so often since now."""

    async def calls() -> int:
        stats = (await store.execute("INFO", "commandstats")).decode()
        found = re.search(r"cmdstat_evalsha:calls=(\d+)", stats)
        return int(found.group(1)) if found else 0

    goal = await calls() + times

    async def has_ticked() -> bool:
        return await calls() >= goal

    await until(has_ticked)


async def test_a_full_store_takes_outcomes_while_every_slot_is_taken(own_house: House) -> None:
    goes_on, ran = asyncio.Event(), 0

    @own_house.task
    async def one() -> None:
        nonlocal ran
        await goes_on.wait()
        ran += 1

    await own_house.tasks.enqueue_many([one() for _ in range(6)])
    worker = await own_house.start(concurrency=2)
    await until(lambda: not worker.is_idle)
    await fill(own_house.client)
    with pytest.raises(StoreFullError):
        await one().enqueue()
    await until_ticked(own_house.client, 2)
    goes_on.set()
    await until(lambda: ran == 6)
    await until(lambda: own_house.stats["tasksRun"] == 6)
    assert await own_house.counts() == {}
