"""Work that is begun in batches is run as asyncio runs tasks."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextvars import ContextVar
from typing import Any

import pytest

from actionhero.deadlines import resume
from actionhero.transports.starter import Rest, Starter
from tests.transports.serving import PATIENCE, eventually

variable: ContextVar[str] = ContextVar("variable", default="unset")
Begin = Callable[[], Rest | None]


class Job:
    """Work whose beginning is a function."""

    def __init__(self) -> None:
        self.task: asyncio.Task[None] | None = None

    def begin(self, argument: Begin) -> Rest | None:
        return argument()


@pytest.fixture
async def starter() -> AsyncIterator[Starter[Begin]]:
    starter: Starter[Begin] = Starter(asyncio.get_running_loop())
    yield starter
    starter.close()
    await eventually(lambda: len(asyncio.all_tasks()) == 1)


@pytest.fixture
async def event_loop_faults() -> AsyncIterator[list[BaseException]]:
    """What callbacks of the loop have raised."""
    loop, faults = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))
    yield faults
    loop.set_exception_handler(None)


def start(starter: Starter[Begin], begin: Begin) -> Job:
    job = Job()
    starter.submit(job, begin)
    return job


def stepped(coroutine: Coroutine[Any, Any, None]) -> Rest | None:
    """Run a coroutine up to where it first waits, as an action is run."""

    async def rest(waits_for: Any) -> None:
        await resume(coroutine, waits_for)

    try:
        waits_for = coroutine.send(None)
    except StopIteration:
        return None
    return rest(waits_for)


async def given(job: Job) -> "asyncio.Task[None]":
    await eventually(lambda: job.task is not None)
    assert job.task is not None
    return job.task


async def test_work_begins_in_the_next_turn_in_order(starter: Starter[Begin]) -> None:
    begun: list[int] = []
    for number in range(3):
        start(starter, lambda number=number: begun.append(number))  # type: ignore[misc]
    assert begun == []
    await asyncio.sleep(0)
    assert begun == [0, 1, 2]


async def test_work_that_is_submitted_by_work_waits_for_its_turn(starter: Starter[Begin]) -> None:
    begun: list[str] = []

    def first() -> None:
        start(starter, lambda: begun.append("second"))
        begun.append("first")

    start(starter, first)
    await asyncio.sleep(0)
    assert begun == ["first"]
    await eventually(lambda: begun == ["first", "second"])


async def test_what_never_waits_has_a_current_task_but_none_of_its_own(
    starter: Starter[Begin],
) -> None:
    seen: list[asyncio.Task[Any] | None] = []
    jobs = [start(starter, lambda: seen.append(asyncio.current_task())) for _ in range(2)]
    await eventually(lambda: len(seen) == 2)
    assert seen[0] is seen[1] is not None
    assert seen[0] is not asyncio.current_task()
    assert [job.task for job in jobs] == [None, None]


async def test_what_waits_keeps_the_task_that_it_saw_first(starter: Starter[Begin]) -> None:
    seen: list[asyncio.Task[Any] | None] = []
    gate = asyncio.Event()

    async def work() -> None:
        seen.append(asyncio.current_task())
        await gate.wait()
        seen.append(asyncio.current_task())

    jobs = [start(starter, lambda: stepped(work())) for _ in range(2)]
    await eventually(lambda: len(seen) == 2)
    gate.set()
    tasks = [await given(job) for job in jobs]
    await asyncio.wait_for(asyncio.gather(*tasks), PATIENCE)
    assert set(seen) == set(tasks)
    assert tasks[0] is not tasks[1]


async def test_context_variables_are_each_works_own(starter: Starter[Begin]) -> None:
    seen: list[tuple[str, str]] = []

    async def work(name: str, waits: bool) -> None:
        before = variable.get()
        variable.set(name)
        if waits:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        seen.append((before, variable.get()))

    for name in ("a", "b", "c", "d"):
        start(starter, lambda name=name: stepped(work(name, name in "bd")))  # type: ignore[misc]
    await eventually(lambda: len(seen) == 4)
    assert sorted(seen) == [("unset", name) for name in "abcd"]
    assert variable.get() == "unset"


async def test_time_limits_work_across_the_first_wait(starter: Starter[Begin]) -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.Event().wait()
        except TimeoutError:
            ended.append("timeout")
        await asyncio.sleep(0)
        ended.append("after")

    start(starter, lambda: stepped(work()))
    await eventually(lambda: ended == ["timeout", "after"])


async def test_task_groups_work_across_the_first_wait(starter: Starter[Begin]) -> None:
    ended: list[str] = []

    async def fail() -> None:
        raise LookupError

    async def work() -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fail())
                await asyncio.Event().wait()
        except* LookupError:
            ended.append("failed")

    start(starter, lambda: stepped(work()))
    await eventually(lambda: ended == ["failed"])


@pytest.mark.parametrize("turns", [0, 1, 3])
async def test_a_cancellation_reaches_the_work_where_it_waits(
    turns: int, starter: Starter[Begin]
) -> None:
    ended: list[str] = []
    waited: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def work() -> None:
        try:
            await waited
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    job = Job()

    def begin() -> Rest | None:
        if turns == 0:  # as when it is cancelled in the very turn in which it was begun
            asyncio.get_running_loop().call_soon(lambda: job.task and job.task.cancel())
        return stepped(work())

    starter.submit(job, begin)
    task = await given(job)
    for _ in range(turns):
        await asyncio.sleep(0)
    if turns:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, PATIENCE)
    assert ended == ["cancelled"]
    assert waited.cancelled()
    assert task.cancelling() == 1


async def test_a_cancellation_in_the_turn_of_the_beginning_reaches_the_work(
    starter: Starter[Begin],
) -> None:
    """Also that of a task which is so new that it has not run itself."""
    ended: list[int] = []

    async def work(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(number)

    for number in range(3):
        job = start(starter, lambda number=number: stepped(work(number)))  # type: ignore[misc]
        start(starter, lambda job=job: job.task.cancel() and None)  # type: ignore[misc]
    await eventually(lambda: len(ended) == 3)


async def test_work_that_cancels_itself_and_ends_harms_nobody(starter: Starter[Begin]) -> None:
    def cancel() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    def look() -> None:
        task = asyncio.current_task()
        assert task is not None
        seen.append(task.cancelling())

    seen: list[int] = []
    for _ in range(2):  # the spare task has not begun yet, the first time
        start(starter, cancel)
        start(starter, look)
        await eventually(lambda: starter.waiting == 0)
    assert seen == [0, 0]


async def test_a_flood_is_begun_bit_by_bit(starter: Starter[Begin]) -> None:
    begun: list[int] = []
    released: list[int] = []
    for number in range(500):
        waiting = starter.submit(Job(), lambda number=number: begun.append(number))  # type: ignore[misc]
    assert waiting == 500
    starter.hold(lambda: released.append(len(begun)))
    await asyncio.sleep(0)
    assert 0 < len(begun) < 500
    await eventually(lambda: bool(released))
    assert released == [500]
    assert begun == list(range(500))


async def test_a_fault_keeps_no_other_work_from_beginning(
    starter: Starter[Begin], event_loop_faults: list[BaseException]
) -> None:
    begun: list[int] = []

    def fail() -> Rest | None:
        raise LookupError("a fault of ours")

    start(starter, fail)
    for number in range(3):
        start(starter, lambda number=number: begun.append(number))  # type: ignore[misc]
    await eventually(lambda: begun == [0, 1, 2])
    assert [type(fault) for fault in event_loop_faults] == [LookupError]


async def test_an_error_after_the_first_wait_is_the_tasks(starter: Starter[Begin]) -> None:
    async def work() -> None:
        await asyncio.sleep(0)
        raise LookupError("its own")

    job = start(starter, lambda: stepped(work()))
    task = await given(job)
    with pytest.raises(LookupError, match="its own"):
        await asyncio.wait_for(task, PATIENCE)


async def test_nothing_begins_after_the_end() -> None:
    starter: Starter[Begin] = Starter(asyncio.get_running_loop())
    begun: list[bool] = []
    start(starter, lambda: begun.append(True))
    starter.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert begun == []
    assert len(asyncio.all_tasks()) == 1
