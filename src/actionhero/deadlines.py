"""Time limits for many tasks at once, on one timer.

`asyncio.timeout` schedules and cancels a timer for each use (5 µs); an action or a job needs a
limit that almost never fires. Limits of one duration expire in the order they began, so each
duration has one `Limit` with a queue of its own, shared by all that use it, and only the queues'
heads are ever looked at. To begin and end one is to put a task into a dict and take it out.

Most actions end without ever waiting, and what never waits cannot be cancelled: so one may step a
coroutine with `send(None)` first, and only if it waits, go on within a limit by `resume`.
"""

import asyncio
import sys
import types
from collections.abc import Callable, Coroutine, Generator
from types import TracebackType
from typing import Any, TypeVar

_RESOLUTION = 0.02
"""Seconds. A limit fires at most this much late."""

_NEVER = float("inf")
T = TypeVar("T")

_task_of: Callable[[asyncio.AbstractEventLoop], "asyncio.Task[object] | None"]
if sys.version_info >= (3, 12):
    _task_of = asyncio.current_task
else:  # there `current_task` is written in Python and takes three times as long as its dict
    _task_of = asyncio.tasks._current_tasks.get  # type: ignore[attr-defined]


class LimitExpiredError(TimeoutError):
    """The body of a limit ran too long and was cancelled."""


@types.coroutine
def resume(coroutine: Coroutine[Any, Any, T], waits_for: Any) -> Generator[Any, Any, T]:
    """Await the rest of a coroutine of this task, whose `send(None)` has given `waits_for`."""
    while True:
        try:
            yield waits_for
        except BaseException as exc:
            try:
                waits_for = coroutine.throw(exc)
            except StopIteration as done:
                value: T = done.value
                return value
        else:
            return (yield from coroutine.__await__())


class Deadlines:
    """All limits of one event loop."""

    __slots__ = ("_limits", "_loop", "_timer", "wakes_at")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._limits: dict[float | None, Limit] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.wakes_at = _NEVER
        """The time of the loop when the limits are looked at next."""

    def limit(self, seconds: float | None) -> "Limit":
        """`with deadlines.limit(2.0):` cancels the body after two seconds and raises
        `LimitExpiredError`; `None` is no limit. As with `asyncio.timeout`, a body that swallows
        the cancellation is not stopped. What it returns may be kept and used any number of times,
        by many tasks at once."""
        limit = self._limits.get(seconds)
        if limit is None:
            limit = self._limits[seconds] = Limit(self, self._loop, seconds)
        return limit

    def wake_at(self, when: float) -> None:
        """Look at the limits at `when` instead, a time of the loop."""
        if self._timer is not None:
            self._timer.cancel()
        self.wakes_at = max(when, self._loop.time() + _RESOLUTION)
        self._timer = self._loop.call_at(self.wakes_at, self._fire)

    def _fire(self) -> None:
        self._timer = None
        self.wakes_at = _NEVER
        now = self._loop.time()
        upcoming = [when for limit in self._limits.values() if (when := limit.expire(now))]
        if upcoming:
            self.wake_at(min(upcoming))


class Limit:
    """The limit of one duration, over any number of `with` bodies."""

    __slots__ = ("_cancelling", "_deadlines", "_due", "_expired", "_loop", "_nested", "_seconds")

    def __init__(
        self, deadlines: Deadlines, loop: asyncio.AbstractEventLoop, seconds: float | None
    ) -> None:
        self._deadlines = deadlines
        self._loop = loop
        self._seconds = seconds
        self._due: dict[asyncio.Task[object], float] = {}
        self._expired: set[asyncio.Task[object]] = set()
        self._cancelling: dict[asyncio.Task[object], int] = {}
        self._nested: dict[asyncio.Task[object], int] = {}

    def __enter__(self) -> None:
        seconds = self._seconds
        if seconds is None:
            return
        task = _task_of(self._loop)
        if task is None:
            raise RuntimeError("a limit works only inside an asyncio task")
        due = self._due
        if task in due or (self._expired and task in self._expired):
            self._nested[task] = self._nested.get(task, 0) + 1  # the outer one fires first
            return
        when = self._loop.time() + seconds
        if when < self._deadlines.wakes_at:
            self._deadlines.wake_at(when)
        due[task] = when
        if task.cancelling():
            self._cancelling[task] = task.cancelling()

    def expire(self, now: float) -> float | None:
        """Cancel what is due; when to look again, if something is still under way."""
        due = self._due
        while due:
            task, when = next(iter(due.items()))
            if when > now:
                return when
            del due[task]
            self._expired.add(task)
            task.cancel()
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        task = _task_of(self._loop)
        if self._seconds is None or task is None:
            return
        if self._nested and self._leave_nested(task):
            return
        before = self._cancelling.pop(task, 0) if self._cancelling else 0
        if self._due.pop(task, None) is None:
            self._expired.discard(task)
            if task.uncancel() <= before and kind is asyncio.CancelledError:
                raise LimitExpiredError from error

    def _leave_nested(self, task: "asyncio.Task[object]") -> bool:
        depth = self._nested.get(task, 0)
        if depth > 1:
            self._nested[task] = depth - 1
        elif depth:
            del self._nested[task]
        return depth > 0
