import asyncio

import pytest

from actionhero.deadlines import Deadlines, LimitExpiredError, resume


@pytest.fixture
async def deadlines() -> Deadlines:
    return Deadlines(asyncio.get_running_loop())


async def test_a_body_within_its_limit_is_untouched(deadlines: Deadlines) -> None:
    with deadlines.limit(30):
        await asyncio.sleep(0)


async def test_a_body_over_its_limit_is_cancelled(deadlines: Deadlines) -> None:
    with pytest.raises(LimitExpiredError), deadlines.limit(0.01):
        await asyncio.Event().wait()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_no_limit_is_no_limit(deadlines: Deadlines) -> None:
    with deadlines.limit(None):
        await asyncio.sleep(0)


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
    assert deadlines._timer is None


async def test_a_limit_may_be_kept_and_shared_by_many_tasks(deadlines: Deadlines) -> None:
    limit = deadlines.limit(0.05)
    assert deadlines.limit(0.05) is limit
    quick = asyncio.Event()

    async def body(event: asyncio.Event) -> str:
        try:
            with limit:
                await event.wait()
        except LimitExpiredError:
            return "expired"
        return "done"

    tasks = [asyncio.create_task(body(event)) for event in (asyncio.Event(), quick)]
    await asyncio.sleep(0)
    quick.set()
    assert await asyncio.gather(*tasks) == ["expired", "done"]


async def test_a_limit_within_itself_belongs_to_the_outer_one(deadlines: Deadlines) -> None:
    limit = deadlines.limit(0.01)
    inner: list[type[BaseException]] = []

    async def body() -> None:
        with limit, limit:
            await asyncio.sleep(0)
        try:
            with limit:
                await asyncio.Event().wait()
        except BaseException as exc:
            inner.append(type(exc))
            raise

    with pytest.raises(LimitExpiredError), limit:
        await body()
    assert inner == [asyncio.CancelledError]
    with limit:  # nothing of it is left
        await asyncio.sleep(0)
    assert limit._nested == {}
    assert limit._expired == set()


async def test_a_task_that_is_being_cancelled_stays_so(deadlines: Deadlines) -> None:
    async def body() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            with pytest.raises(LimitExpiredError), deadlines.limit(0.01):
                await asyncio.Event().wait()

    task = asyncio.create_task(body())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_timeout_error_of_the_body_passes(deadlines: Deadlines) -> None:
    with pytest.raises(TimeoutError, match="its own") as caught, deadlines.limit(30):
        raise TimeoutError("its own")
    assert not isinstance(caught.value, LimitExpiredError)


async def test_a_coroutine_that_was_begun_is_gone_on_with() -> None:
    first, second = asyncio.Event(), asyncio.Event()

    async def body() -> str:
        await first.wait()
        await second.wait()
        return "done"

    async def whole() -> str:
        running = body()
        return await resume(running, running.send(None))

    task = asyncio.create_task(whole())
    await asyncio.sleep(0)
    first.set()
    await asyncio.sleep(0)
    second.set()
    assert await task == "done"


@pytest.mark.parametrize("goes_on", [True, False])
async def test_a_cancellation_reaches_a_coroutine_that_was_begun(goes_on: bool) -> None:
    caught: list[str] = []

    async def body() -> str:
        for name in ("first", "second"):
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                caught.append(name)
        if goes_on:
            await asyncio.sleep(0)
        return "done"

    async def whole() -> str:
        running = body()
        return await resume(running, running.send(None))

    task = asyncio.create_task(whole())
    for _ in range(2):
        await asyncio.sleep(0)
        task.cancel()
    assert await task == "done"
    assert caught == ["first", "second"]


async def test_an_error_of_a_coroutine_that_was_begun_is_raised() -> None:
    async def body() -> None:
        await asyncio.sleep(0)
        raise LookupError("its own")

    running = body()
    with pytest.raises(LookupError, match="its own"):
        await resume(running, running.send(None))
