"""The graceful end of a worker."""

import asyncio
import threading

from tests.workers.house import House, until


async def test_draining_gives_back_what_has_not_started_and_waits_for_what_runs(
    house: House,
) -> None:
    gate = asyncio.Event()
    started = finished = 0

    @house.task
    async def one() -> None:
        nonlocal started, finished
        started += 1
        await gate.wait()
        finished += 1

    worker = await house.start(concurrency=2)
    await house.tasks.enqueue_many([one() for _ in range(5)])
    await until(lambda: started == 2)
    draining = asyncio.create_task(worker.drain(30))
    async with asyncio.timeout(10):
        while (await house.counts())["pending"] != 3:
            await asyncio.sleep(0.003)
    gate.set()
    await draining
    assert (started, finished) == (2, 2)
    assert await house.counts() == {"pending": 3}
    assert (await house.tasks.counts())["default"].servers == 0


async def test_draining_interrupts_what_does_not_end(house: House) -> None:
    started = asyncio.Event()

    @house.task
    async def stubborn() -> None:
        started.set()
        await asyncio.sleep(3600)

    worker = await house.start()
    put = await stubborn().enqueue()
    await started.wait()
    await worker.drain(0.01)
    shown = await house.tasks.show(put.id)
    assert (shown.state, shown.attempts, shown.lapses) == ("pending", 0, 0)


async def test_draining_twice_is_nothing(house: House) -> None:
    worker = await house.start()
    await worker.drain(1)
    await worker.drain(1)


async def test_a_worker_that_never_started_drains(house: House) -> None:
    await house.worker().drain(1)


async def test_what_a_thread_still_works_on_is_left_to_its_lease(house: House) -> None:
    started, gate = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    @house.task
    def stubborn() -> None:
        loop.call_soon_threadsafe(started.set)
        gate.wait(60)

    worker = await house.start()
    put = await stubborn().enqueue()
    await started.wait()
    draining = asyncio.create_task(worker.drain(0.01))
    await until(draining.done)
    gate.set()
    assert (await house.tasks.show(put.id)).state == "processing"
