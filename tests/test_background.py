"""The end of tasks in the background."""

import asyncio

import pytest

from actionhero.background import end_task


async def test_waits_for_what_a_task_does_at_its_end() -> None:
    ended = []

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            ended.append(True)

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await end_task(task)
    assert ended == [True]
    await end_task(task)  # again is nothing


async def test_raises_what_it_raised() -> None:
    async def fail() -> None:
        raise LookupError("a fault")

    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    with pytest.raises(LookupError):
        await end_task(task)
