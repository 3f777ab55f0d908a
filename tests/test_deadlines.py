import asyncio

import pytest

from actionhero.deadlines import Deadlines


@pytest.fixture
async def deadlines() -> Deadlines:
    return Deadlines(asyncio.get_running_loop())


async def test_a_body_within_its_limit_is_untouched(deadlines: Deadlines) -> None:
    with deadlines.limit(30) as limit:
        await asyncio.sleep(0)
    assert not limit.expired


async def test_a_body_over_its_limit_is_cancelled(deadlines: Deadlines) -> None:
    with pytest.raises(TimeoutError), deadlines.limit(0.01) as limit:
        await asyncio.Event().wait()
    assert limit.expired
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_no_limit_is_no_limit(deadlines: Deadlines) -> None:
    with deadlines.limit(None) as limit:
        await asyncio.sleep(0)
    assert not limit.expired


async def test_a_cancellation_from_outside_stays_one(deadlines: Deadlines) -> None:
    started = asyncio.Event()

    async def body() -> None:
        with deadlines.limit(30):
            started.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(body())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_many_limits_of_different_lengths_expire_each_at_its_time(
    deadlines: Deadlines,
) -> None:
    ended: list[float] = []

    async def body(seconds: float) -> None:
        with pytest.raises(TimeoutError), deadlines.limit(seconds):
            await asyncio.Event().wait()
        ended.append(seconds)

    async with asyncio.TaskGroup() as group:
        for seconds in (0.3, 0.1, 0.2, 0.1):
            group.create_task(body(seconds))
    assert ended == [0.1, 0.1, 0.2, 0.3]


async def test_the_timer_rests_when_nothing_waits(deadlines: Deadlines) -> None:
    with pytest.raises(TimeoutError), deadlines.limit(0.01):
        await asyncio.Event().wait()
    assert deadlines._queues == {}
    assert deadlines._timer is None


async def test_a_timeout_error_of_the_body_passes(deadlines: Deadlines) -> None:
    with pytest.raises(TimeoutError, match="its own"), deadlines.limit(30) as limit:
        raise TimeoutError("its own")
    assert not limit.expired
