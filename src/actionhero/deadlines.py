"""Time limits for many tasks at once, on one timer.

`asyncio.timeout` schedules and cancels a timer for each use (5 µs); an action or a job needs a
limit that almost never fires. Limits of one duration expire in the order they began, so each
duration has a queue of its own and only the queues' heads are ever looked at.
"""

import asyncio
from types import TracebackType

_RESOLUTION = 0.02
"""Seconds. A limit fires at most this much late."""


class Deadlines:
    """All limits of one event loop."""

    __slots__ = ("_loop", "_queues", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queues: dict[float, dict[Limit, None]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def limit(self, seconds: float | None) -> "Limit":
        """`with deadlines.limit(2.0) as limit:` cancels the body after two seconds and raises
        `TimeoutError`; `None` is no limit. As with `asyncio.timeout`, a body that swallows the
        cancellation is not stopped."""
        return Limit(self, seconds)

    def _add(self, limit: "Limit", seconds: float) -> None:
        queue = self._queues.get(seconds)
        if queue is None:
            queue = self._queues[seconds] = {}
        limit.when = self._loop.time() + seconds
        queue[limit] = None
        if self._timer is None or self._timer.when() > limit.when:
            self._arm(limit.when)

    def _discard(self, limit: "Limit", seconds: float) -> None:
        queue = self._queues[seconds]
        queue.pop(limit, None)

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(max(when, self._loop.time() + _RESOLUTION), self._fire)

    def _fire(self) -> None:
        self._timer = None
        now = self._loop.time()
        upcoming = [when for seconds in list(self._queues) if (when := self._expire(seconds, now))]
        if upcoming:
            self._arm(min(upcoming))

    def _expire(self, seconds: float, now: float) -> float | None:
        """End what is due in one queue; when to look at it again, if it still holds something."""
        queue = self._queues[seconds]
        while queue:
            limit = next(iter(queue))
            if limit.when > now:
                return limit.when
            del queue[limit]
            limit.expire()
        del self._queues[seconds]
        return None


class Limit:
    """One time limit over a `with` body. `expired` tells whether it fired."""

    __slots__ = ("_cancelling", "_deadlines", "_seconds", "_task", "expired", "when")

    def __init__(self, deadlines: Deadlines, seconds: float | None) -> None:
        self._deadlines = deadlines
        self._seconds = seconds
        self.expired = False
        self.when = 0.0

    def __enter__(self) -> "Limit":
        if self._seconds is not None:
            task = asyncio.current_task()
            if task is None:
                raise RuntimeError("a limit works only inside an asyncio task")
            self._task = task
            self._cancelling = task.cancelling()
            self._deadlines._add(self, self._seconds)
        return self

    def expire(self) -> None:
        self.expired = True
        self._task.cancel()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._seconds is None:
            return
        if not self.expired:
            self._deadlines._discard(self, self._seconds)
        elif self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
