"""Runs one claim and says how it ended: an `Outcome`, never an exception (but cancellation).

A record that cannot be read, whose type is not defined here or whose parameters no longer fit is
parked: it stays visible, and is no attempt. An async function runs on the loop, under its type's
timeout. Any other runs in a thread, which nothing can stop: past the timeout the attempt counts as
failed, while the thread goes on to its end. Or, if its type says so, in a child process, which can
be killed; one that dies by itself is a lapse of the task it ran. What the app puts around runs
stands around all three, here.
"""

import asyncio
import concurrent.futures
import contextvars
import functools
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic
from typing import Any

import msgspec
from msgspec import Struct

from actionhero.clock import format_duration
from actionhero.deadlines import Deadlines, LimitExpiredError
from actionhero.errors import ActionHeroError, DefinitionError, UnknownTaskError
from actionhero.tasks.importable import ImportPlace, import_place_of
from actionhero.tasks.middleware import through
from actionhero.tasks.outcomes import DONE, Done, Lapsed, Outcome, Parked, describe_error
from actionhero.tasks.record import FLAG, NO_FLAG, Body, is_kept, read_body, read_troubles
from actionhero.tasks.results import done_with
from actionhero.tasks.retry import judge
from actionhero.tasks.task import Task, TaskDefinition
from actionhero.tasks.views import parent_of
from actionhero.telemetry import TaskContext, log_context
from actionhero.tracing import resume_opentelemetry
from actionhero.workers.claims import Claim
from actionhero.workers.processes import ChildImportError, ChildLostError, Processes, Ran
from actionhero.workers.reports import tell_raised
from actionhero.workers.timing import QUICK, Measure, Timing
from actionhero.workers.words import Run

_log = logging.getLogger("actionhero.tasks")
_MOST_THREADS = 64

Provide = Callable[[Any], Any]


class Ready:
    """A type made ready to run: what is handed in is looked up once."""

    __slots__ = (
        "alike_until",
        "decode",
        "definition",
        "fixed",
        "function",
        "is_async",
        "is_plain",
        "layers",
        "limit",
        "place",
        "process_limit",
        "run",
        "task_names",
        "timing",
        "wait",
    )

    def __init__(
        self,
        definition: TaskDefinition,
        provide: Provide,
        deadlines: Deadlines,
        timing: Timing,
    ) -> None:
        self.definition = definition
        self.timing = timing
        self.run, self.wait = timing.run, timing.wait
        self.alike_until = 0.0
        """What begins before this has waited as long as the one before."""
        self.function = definition.function
        self.is_async = definition.is_async
        self.layers = definition.run_layers
        self.is_plain = self.is_async and not self.layers
        self.place = _place_of(definition)
        self.process_limit = deadlines.limit(definition.timeout)
        """That of a run in a child, which may wait for one before it begins."""
        has_limit = definition.timeout is not None and self.place is None
        self.limit = self.process_limit if has_limit else None
        self.decode = definition.inputs.decode
        injected = definition.inputs.injected.items()
        self.task_names = tuple(name for name, kind in injected if kind is Task)
        self.fixed = {
            name: _provided(definition, provide, name, kind)
            for name, kind in injected
            if kind is not Task
        }

    def arguments(self, values: Struct, claim: Claim) -> dict[str, Any]:
        """What the function is called with."""
        arguments = msgspec.structs.asdict(values)
        if self.fixed:
            arguments.update(self.fixed)
        for name in self.task_names:
            arguments[name] = self.task(values, claim)
        return arguments

    def task(self, values: Struct, claim: Claim) -> Task:
        """The running task."""
        id = claim.id.decode()
        return Task(
            self.definition,
            values,
            id,
            read_troubles(claim.troubles),
            parent_of(id, claim.record),
            _teller(claim),
        )


class Executor:
    """Runs claims of the given types. Raises `DefinitionError` for a type that cannot run here."""

    def __init__(
        self,
        definitions: Iterable[TaskDefinition],
        provide: Provide,
        deadlines: Deadlines,
        threads: int,
        stats: Measure,
        processes: int = 0,
    ) -> None:
        """`processes`: how many children at most; 0: as many as this process may use cores."""
        self._ready = {
            one.name: Ready(one, provide, deadlines, Timing(one.name, stats)) for one in definitions
        }
        self._processes = Processes(processes or _cores())
        self._threads = concurrent.futures.ThreadPoolExecutor(
            min(threads, _MOST_THREADS), thread_name_prefix="task"
        )

    async def aclose(self) -> None:
        """Wait for no thread; what has not started in one never will. The children end."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._processes.aclose()

    async def execute(self, claim: Claim) -> Outcome:
        """Run one claim to its end."""
        try:
            body = read_body(claim.record)
            ready = self._ready[body.name]
            values = ready.decode(body.params)
            arguments = ready.arguments(values, claim)
        except Exception as exc:
            return _parked(claim, exc)
        log_context.set(TaskContext(body.name, claim.id.decode(), body.trace))
        if body.trace is not None:
            resume_opentelemetry(body.trace)
        began = monotonic()
        if began < ready.alike_until:
            ready.wait.again += 1
        else:
            ready.alike_until = ready.timing.begin(claim, began)
        running: Awaitable[Any]
        try:
            if ready.is_plain:
                running = ready.function(**arguments)
            else:
                running = self._call(ready, values, body, arguments, claim)
            if ready.limit is None:
                value = await running
            else:
                with ready.limit:
                    value = await running
        except (Exception, asyncio.CancelledError, SystemExit) as exc:
            return _raised(ready, claim, exc, monotonic() - began)
        took = monotonic() - began
        if took < QUICK:
            run = ready.run
            run.quick += 1
            run.seconds += took
        else:
            ready.run.observe(took)
        return DONE if claim.record[FLAG] == NO_FLAG else _done(value, claim.record)

    def _call(
        self, ready: Ready, values: Struct, body: Body, arguments: dict[str, Any], claim: Claim
    ) -> Awaitable[Any]:
        """Start the function where it runs, inside what stands around it."""
        if ready.layers:
            return self._call_inside(ready, values, body, arguments, claim)
        return self._call_bare(ready, body, arguments, claim)

    def _call_bare(
        self, ready: Ready, body: Body, arguments: dict[str, Any], claim: Claim
    ) -> Awaitable[Any]:
        if ready.is_async:
            started: Awaitable[Any] = ready.function(**arguments)
            return started
        if ready.place is not None:
            return self._call_child(ready, body, claim)
        claim.is_in_thread = True
        call = functools.partial(ready.function, **arguments)
        run = contextvars.copy_context().run
        return asyncio.get_running_loop().run_in_executor(self._threads, run, call)

    async def _call_inside(
        self, ready: Ready, values: Struct, body: Body, arguments: dict[str, Any], claim: Claim
    ) -> Any:
        """What stands around it sees the value; what is kept of that is the child's affair, if
        there is one."""
        returned: Any = None

        async def core() -> Any:
            nonlocal returned
            returned = await self._call_bare(ready, body, arguments, claim)
            return returned.value if isinstance(returned, Ran) else returned

        await through(ready.layers, ready.task(values, claim), core)
        return returned

    async def _call_child(self, ready: Ready, body: Body, claim: Claim) -> Ran:
        assert ready.place is not None  # noqa: S101
        id = claim.id.decode()
        run = Run(
            ready.place,
            id,
            bytes(body.params),
            claim.troubles,
            parent_of(id, claim.record),
            body.trace,
            wants_kept=is_kept(claim.record),
            wants_value=bool(ready.layers),
        )
        return await self._processes.run(run, ready.process_limit, _teller(claim))


def _cores() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _done(value: Any, record: bytes) -> Done:
    if not is_kept(record):
        return DONE
    return value.done if isinstance(value, Ran) else done_with(value)


def _teller(claim: Claim) -> Callable[[float, str], None] | None:
    return None if claim.tell is None else functools.partial(claim.tell, claim)


def _place_of(definition: TaskDefinition) -> ImportPlace | None:
    """Where a child process finds a type's function, if it is to run in one."""
    if definition.executor != "process":
        return None
    place = import_place_of(definition.function)
    found = place.look_up()
    if found is not definition and getattr(found, "function", found) is not definition.function:
        raise DefinitionError(
            f"{definition.place}: a child process looks for it at {place}, where something else "
            "is; give the function a name of its own at the top of its module"
        )
    return place


def _provided(definition: TaskDefinition, provide: Provide, name: str, kind: Any) -> Any:
    try:
        return provide(kind)
    except (KeyError, DefinitionError) as exc:
        raise DefinitionError(
            f"{definition.place}: nothing provides {kind!r} for parameter {name!r}; "
            "an initializer must yield it"
        ) from exc


def _parked(claim: Claim, error: Exception) -> Parked:
    """Why a claim could not even be tried."""
    if isinstance(error, KeyError):
        error = UnknownTaskError(
            f"no task type {error.args[0]!r} is defined on this server; define it (or start a "
            "server that does), then retry the task"
        )
    if not isinstance(error, ActionHeroError):
        _log.error("a task could not be prepared", exc_info=error, extra=_named(claim))
    _log.error("task parked: %s", error, extra=_named(claim))
    return Parked(describe_error(error))


def _raised(ready: Ready, claim: Claim, error: BaseException, took: float) -> Outcome:
    """What becomes of a task that raised. Our own cancelling of its run is raised again."""
    if isinstance(error, asyncio.CancelledError) and _is_being_cancelled():
        raise error
    outcome = _judged(ready, claim, error)
    ready.timing.fail(outcome, took)
    return outcome


def _judged(ready: Ready, claim: Claim, error: BaseException) -> Outcome:
    named = _named(claim)
    if isinstance(error, ChildImportError):
        _log.error("task parked: %s", error, extra=named)
        return Parked(error.described)
    if isinstance(error, ChildLostError):
        _log.error("task lapsed: %s", error, extra=named)
        return Lapsed(describe_error(error))
    if isinstance(error, LimitExpiredError):
        error = _too_long(ready)
    attempts = read_troubles(claim.troubles).attempts + 1
    outcome = judge(ready.definition.retry, error, attempts)
    tell_raised(outcome, error, {"attempts": attempts, **named})
    return outcome


def _too_long(ready: Ready) -> TimeoutError:
    seconds = ready.definition.timeout or 0.0
    return TimeoutError(f"it ran longer than its timeout of {format_duration(seconds)}")


def _is_being_cancelled() -> bool:
    """Whether we cancel this run; a function may also raise `CancelledError` of its own."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _named(claim: Claim) -> dict[str, str]:
    return {"task_id": claim.id.decode("utf-8", "replace")}
