"""Running one claim: every way it can end is an outcome."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from actionhero.codec import decode_json
from actionhero.deadlines import Deadlines
from actionhero.errors import DefinitionError
from actionhero.tasks.middleware import Proceed
from actionhero.tasks.outcomes import DONE, Failed, Outcome, Parked, Retrying
from actionhero.tasks.retry import Discard, Retry
from actionhero.tasks.task import Task, TaskDefinition
from actionhero.telemetry import current_fields
from actionhero.workers.claims import Claim
from actionhero.workers.executor import Executor
from tests.workers.house import Counts


def claim(params: str = "{}", *, name: str = "one", troubles: bytes | None = None) -> Claim:
    record = f'1no-1800000000000{{"name":"{name}","params":{params}}}'.encode()
    return Claim(b"t1", "1", record, troubles)


async def execute(
    function: Callable[..., Any],
    claimed: Claim | None = None,
    counts: Counts | None = None,
    **options: Any,
) -> Outcome:
    definition = TaskDefinition(function, name="one", **options)
    deadlines = Deadlines(asyncio.get_running_loop())
    executor = Executor(
        [definition], {str: "handed in"}.__getitem__, deadlines, 2, counts or Counts()
    )
    try:
        return await executor.execute(claimed or claim())
    finally:
        await executor.aclose()


def error_of(outcome: Outcome) -> dict[str, str]:
    assert isinstance(outcome, Failed | Parked | Retrying)
    text = outcome.reason if isinstance(outcome, Parked) else outcome.error
    return dict(decode_json(text))


async def test_what_returns_is_done() -> None:
    async def one(n: int) -> int:
        return n

    assert await execute(one, claim('{"n":1}')) is DONE


async def test_what_raises_fails_or_is_retried() -> None:
    async def one() -> None:
        raise ValueError("no")

    assert isinstance(await execute(one), Failed)
    retried = await execute(one, retries=2, backoff=4)
    assert isinstance(retried, Retrying)
    assert 2 <= retried.delay <= 4
    assert isinstance(await execute(one, claim(troubles=b"2 0 "), retries=2), Failed)
    assert isinstance(await execute(one, claim(troubles=b"0 5 "), retries=2), Retrying)


async def test_the_running_task_is_handed_in() -> None:
    seen: list[Task] = []

    async def one(task: Task) -> None:
        seen.append(task)

    await execute(one, claim(troubles=b"3 1 "))
    assert (seen[0].id, seen[0].attempts, seen[0].lapses) == ("t1", 3, 1)


async def test_the_log_is_told_which_task_it_is() -> None:
    seen: list[Any] = []

    async def one() -> None:
        seen.append(current_fields())

    await execute(one)
    assert seen == [{"task": "one", "task_id": "t1"}]


async def test_a_thread_has_the_context_too() -> None:
    seen: list[Any] = []

    def one() -> None:
        seen.append((threading.current_thread().name[:4], current_fields()["task_id"]))

    claimed = claim()
    assert await execute(one, claimed) is DONE
    assert seen == [("task", "t1")]
    assert claimed.is_in_thread


async def test_a_thread_that_takes_too_long_fails_the_attempt_and_goes_on() -> None:
    gate, ended = threading.Event(), threading.Event()

    def one() -> None:
        gate.wait(30)
        ended.set()

    outcome = await execute(one, timeout="20ms")
    assert error_of(outcome)["type"] == "TimeoutError"
    gate.set()
    assert ended.wait(30)


@pytest.mark.parametrize(
    ("claimed", "kind"),
    [
        (claim(name="other"), "UnknownTaskError"),
        (claim('{"n":"x"}'), "InvalidInputError"),
        (claim("[]"), "InvalidInputError"),
        (Claim(b"t1", "1", b"1no-1800000000000{", None), "UnreadableRecordError"),
        (Claim(b"t1", "1", b"7no-1800000000000{}", None), "UnreadableRecordError"),
    ],
)
async def test_what_cannot_be_tried_is_parked(claimed: Claim, kind: str) -> None:
    async def one(n: int) -> None: ...

    outcome = await execute(one, claimed)
    assert isinstance(outcome, Parked)
    assert error_of(outcome)["type"] == kind


async def test_being_cancelled_is_no_outcome() -> None:
    started = asyncio.Event()

    async def one() -> None:
        started.set()
        await asyncio.sleep(3600)

    running = asyncio.create_task(execute(one, timeout=60))
    await started.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_cancellation_of_its_own_is_its_failure() -> None:
    async def one() -> None:
        raise asyncio.CancelledError

    assert error_of(await execute(one))["type"] == "CancelledError"


async def test_what_it_waits_for_too_long_itself_is_its_own_error() -> None:
    async def one() -> None:
        raise TimeoutError("mine")

    assert error_of(await execute(one, timeout=60))["message"] == "mine"


async def test_nothing_provides_what_a_type_needs() -> None:
    class Mailer: ...

    async def one(mailer: Mailer) -> None: ...

    with pytest.raises(DefinitionError, match="nothing provides"):
        await execute(one)


async def test_runs_and_waits_are_counted_by_type() -> None:
    async def one(how: str) -> None:
        if how == "slow":
            await asyncio.sleep(0.02)
        elif how:
            raise {"fail": ValueError, "discard": Discard, "retry": Retry}[how]

    counts = Counts()
    for how in ("", "", "slow", "fail", "discard", "retry"):
        await execute(one, claim(f'{{"how":"{how}"}}'), counts)
    await execute(one, claim('{"how":""}', troubles=b"1 0 "), counts)
    run = counts.histograms["tasks:one:run"].tallies("run")
    wait = counts.histograms["tasks:one:wait"].tallies("wait")
    assert run["run"] == 7
    assert run["run:0.05"] >= 1 or run["run:0.1"] >= 1
    assert run["run:sum"] >= 20_000
    assert wait["wait"] == 6
    assert {key: n for key, n in counts.counted.items() if key.startswith("tasks:one")} == {
        "tasks:one:failed": 1,
        "tasks:one:discarded": 1,
        "tasks:one:retried": 1,
    }


async def test_what_begins_at_the_same_time_waited_as_long() -> None:
    async def one() -> None: ...

    counts = Counts()
    definition = TaskDefinition(one)
    executor = Executor(
        [definition], {}.__getitem__, Deadlines(asyncio.get_running_loop()), 1, counts
    )
    for _ in range(1000):
        await executor.execute(claim())
    await executor.aclose()
    assert counts.histograms["tasks:one:wait"].tallies("w")["w"] == 1000
    assert counts.histograms["tasks:one:run"].tallies("r")["r"] == 1000


async def test_a_run_is_inside_its_layers() -> None:
    seen: list[Any] = []

    async def around(task: Task, proceed: Proceed) -> None:
        seen.append((task.id, task.attempts, await proceed()))

    async def late(task: Task, proceed: Proceed) -> None:
        await proceed()
        raise Retry("not good enough")

    async def one() -> int:
        return 5

    assert await execute(one, claim(troubles=b"3 0 "), around_run=(around,)) is DONE
    assert seen == [("t1", 3, 5)]
    assert isinstance(await execute(one, around_run=(late,)), Retrying)


async def test_a_thread_is_inside_them_too() -> None:
    seen: list[Any] = []

    async def around(task: Task, proceed: Proceed) -> None:
        seen.append(await proceed())

    def one() -> int:
        return threading.get_ident()

    assert await execute(one, around_run=(around,)) is DONE
    assert seen[0] != threading.get_ident()
