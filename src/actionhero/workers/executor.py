"""Runs one claim and says how it ended: an `Outcome`, never an exception (but cancellation).

A record that cannot be read, whose type is not defined here or whose parameters no longer fit is
parked: it stays visible, and is no attempt. An async function runs on the loop, under its type's
timeout; any other runs in a thread, which nothing can stop: past the timeout the attempt counts as
failed, while the thread goes on to its end.
"""

import asyncio
import concurrent.futures
import contextvars
import functools
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct

from actionhero.clock import format_duration
from actionhero.deadlines import Deadlines, LimitExpiredError
from actionhero.errors import ActionHeroError, DefinitionError, UnknownTaskError
from actionhero.tasks.outcomes import DONE, Outcome, Parked, describe_error
from actionhero.tasks.record import is_kept, read_body, read_troubles
from actionhero.tasks.results import done_with
from actionhero.tasks.retry import judge
from actionhero.tasks.task import Task, TaskDefinition
from actionhero.tasks.views import parent_of
from actionhero.telemetry import log_context
from actionhero.workers.claims import Claim
from actionhero.workers.reports import tell_raised

_log = logging.getLogger("actionhero.tasks")
_MOST_THREADS = 64

Provide = Callable[[Any], Any]


class Ready:
    """A type made ready to run: what is handed in is looked up once."""

    __slots__ = ("decode", "definition", "fixed", "function", "is_async", "limit", "task_names")

    def __init__(self, definition: TaskDefinition, provide: Provide, deadlines: Deadlines) -> None:
        self.definition = definition
        self.function = definition.function
        self.is_async = definition.is_async
        timeout = definition.timeout
        self.limit = None if timeout is None else deadlines.limit(timeout)
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
            id = claim.id.decode()
            arguments[name] = Task(
                self.definition,
                values,
                id,
                read_troubles(claim.troubles),
                parent_of(id, claim.record),
                claim.tell and functools.partial(claim.tell, claim),
            )
        return arguments


class Executor:
    """Runs claims of the given types. Raises `DefinitionError` for a type that cannot run here."""

    def __init__(
        self,
        definitions: Iterable[TaskDefinition],
        provide: Provide,
        deadlines: Deadlines,
        threads: int,
    ) -> None:
        self._ready = {one.name: Ready(one, provide, deadlines) for one in definitions}
        self._threads = concurrent.futures.ThreadPoolExecutor(
            min(threads, _MOST_THREADS), thread_name_prefix="task"
        )

    def close(self) -> None:
        """Wait for no thread; what has not started in one never will."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def execute(self, claim: Claim) -> Outcome:
        """Run one claim to its end."""
        try:
            body = read_body(claim.record)
            ready = self._ready[body.name]
            arguments = ready.arguments(ready.decode(body.params), claim)
        except Exception as exc:
            return _parked(claim, exc)
        log_context.set({"task": body.name, "task_id": claim.id.decode()})
        try:
            if ready.limit is None:
                value = await self._call(ready, arguments, claim)
            else:
                with ready.limit:
                    value = await self._call(ready, arguments, claim)
        except asyncio.CancelledError as exc:
            if _is_being_cancelled():
                raise
            return _raised(ready, claim, exc)
        except LimitExpiredError:
            return _raised(ready, claim, _too_long(ready))
        except (Exception, SystemExit) as exc:
            return _raised(ready, claim, exc)
        return done_with(value) if is_kept(claim.record) else DONE

    def _call(self, ready: Ready, arguments: dict[str, Any], claim: Claim) -> Awaitable[Any]:
        if ready.is_async:
            started: Awaitable[Any] = ready.function(**arguments)
            return started
        claim.is_in_thread = True
        call = functools.partial(ready.function, **arguments)
        run = contextvars.copy_context().run
        return asyncio.get_running_loop().run_in_executor(self._threads, run, call)


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


def _raised(ready: Ready, claim: Claim, error: BaseException) -> Outcome:
    """What becomes of a task that raised."""
    attempts = read_troubles(claim.troubles).attempts + 1
    outcome = judge(ready.definition.retry, error, attempts)
    tell_raised(outcome, error, {"attempts": attempts, **_named(claim)})
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
