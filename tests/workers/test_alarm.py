"""Waking one waiter."""

import asyncio

from actionhero.workers.alarm import Alarm


async def test_wakes_at_its_time() -> None:
    alarm, loop = Alarm(), asyncio.get_running_loop()
    when = loop.time() + 0.01
    await alarm.wait(when)
    assert loop.time() >= when - 0.002


async def test_a_time_that_has_passed_wakes_at_once() -> None:
    async with asyncio.timeout(10):
        await Alarm().wait(0.0)


async def test_ringing_wakes() -> None:
    alarm = Alarm()
    asyncio.get_running_loop().call_soon(alarm.ring)
    async with asyncio.timeout(10):
        await alarm.wait(float("inf"))
    alarm.cancel()


async def test_the_earlier_time_counts() -> None:
    alarm, loop = Alarm(), asyncio.get_running_loop()
    waiting = asyncio.create_task(alarm.wait(loop.time() + 3600))
    await asyncio.sleep(0)
    alarm.ring_at(loop.time() + 7200)
    assert not waiting.done()
    alarm.ring_at(loop.time())
    async with asyncio.timeout(10):
        await waiting
