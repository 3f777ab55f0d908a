"""Types by the clock, fired by workers."""

import asyncio
import logging

import pytest

from actionhero.store.keys import QUEUE_KEYS
from tests.workers.house import House, until

EVERY_SECOND = "* * * * * *"


async def test_fires_and_fires_again_even_if_it_raises(house: House) -> None:
    runs: list[int] = []

    @house.task(cron=EVERY_SECOND)
    async def tick() -> None:
        runs.append(1)
        raise RuntimeError("as it does")

    await house.start()
    await until(lambda: len(runs) >= 2)
    assert (await house.counts())["failed"] == 1


async def test_several_servers_fire_each_second_once(house: House) -> None:
    runs: list[int] = []

    @house.task(cron=EVERY_SECOND, overlap="allow")
    async def tick() -> None:
        runs.append(1)

    for _ in range(3):
        await house.start()
    first = await _next_time(house)
    await until(lambda: len(runs) >= 2)
    assert len(runs) <= (await _next_time(house) - first) // 1000


async def _next_time(house: House) -> int:
    """When the only type comes next."""
    async with asyncio.timeout(20):
        while True:
            (one,) = await house.tasks.periodic()
            if one.next_at is not None:
                return one.next_at
            await asyncio.sleep(0.003)


async def test_on_every_server(house: House) -> None:
    runs: list[int] = []

    @house.task(cron=EVERY_SECOND, scope="all")
    async def tick() -> None:
        runs.append(1)

    await house.start()
    await house.start()
    await until(lambda: len(runs) >= 2)


async def test_stops_until_a_server_starts(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ran = asyncio.Event()

    @house.task(cron=EVERY_SECOND)
    async def tick() -> None:
        ran.set()

    await house.start()
    await asyncio.wait_for(ran.wait(), 20)
    assert await house.tasks.stop_recurrent("tick")
    assert not await house.tasks.stop_recurrent("tick")
    (one,) = await house.tasks.periodic()
    assert one.is_stopped
    assert one.next_at is None

    async def nothing_is_left() -> bool:
        return await house.counts() == {"periodic": 1}

    await until(nothing_is_left)
    ran.clear()
    await house.start()
    await asyncio.wait_for(ran.wait(), 20)


async def test_stopping_cancels_what_waits(house: House) -> None:
    gate, runs = asyncio.Event(), []

    @house.task(priority="high")
    async def block() -> None:
        await gate.wait()

    @house.task(every="50ms")
    async def sweep() -> None:
        runs.append(1)

    await block().enqueue()
    await house.start(concurrency=1)

    async def counts_are(expected: dict[str, int]) -> bool:
        return await house.counts() == expected

    await until(lambda: counts_are({"pending": 1, "processing": 1, "periodic": 1}))
    assert await house.tasks.stop_recurrent("sweep")
    assert await counts_are({"processing": 1, "periodic": 1})
    gate.set()
    await until(lambda: counts_are({"periodic": 1}))
    assert runs == []


async def test_one_enqueued_by_hand_is_a_task_like_any(house: House) -> None:
    runs: list[int] = []

    @house.task(every="1h")
    async def sweep() -> None:
        runs.append(1)

    await sweep().enqueue()
    await house.burst()
    assert runs == [1]
    (one,) = await house.tasks.periodic()
    assert (one.name, one.queue, one.scope, one.current) == ("sweep", "default", "any", None)
    assert str(one.schedule) == "every 1h"


async def test_says_what_there_is(house: House) -> None:
    @house.task(cron="0 3 * * *", tz="Europe/Vienna", catch_up="latest", scope="all")
    async def nightly() -> None: ...

    @house.task(every="1h", queue="other")
    async def sweep() -> None: ...

    worker = await house.start()
    await until(lambda: worker.is_idle)

    async def are_planned() -> bool:
        return all(one.next_at for one in await house.tasks.periodic())

    await until(are_planned)
    nightly_, sweep_ = await house.tasks.periodic()
    assert (nightly_.name, nightly_.scope, str(nightly_.schedule)) == (
        "nightly", "all", "0 3 * * * Europe/Vienna",
    )  # fmt: skip
    assert (sweep_.name, sweep_.queue) == ("sweep", "other")


async def test_a_plan_of_a_version_that_is_gone_gives_way(house: House) -> None:
    ran = asyncio.Event()

    @house.task(cron=EVERY_SECOND)
    async def tick() -> None:
        ran.set()

    async def is_settled() -> bool:
        return not {"processing", "pending"} & set(await house.counts())

    await house.start()
    await asyncio.wait_for(ran.wait(), 20)
    await until(is_settled)  # else its end is planned by what stands there then
    keys = dict(zip(QUEUE_KEYS, house.keys.queue("default").for_scripts, strict=True))
    old = '3600000 1np-{"name":"tick","params":{}}'
    await house.client.execute("HSET", keys["periodic"], "tick", old)

    async def is_ours_again() -> bool:
        (one,) = await house.tasks.scripts("default").periodic()
        return one.spec == "c:skip:skip:UTC:*_*_*_*_*_*"

    await until(is_ours_again)
    ran.clear()
    await asyncio.wait_for(ran.wait(), 20)
