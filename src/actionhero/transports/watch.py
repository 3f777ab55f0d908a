"""Who is connected, and what is due: one timer for all connections of a transport.

Rules
- Each connection is looked at once a period. All have the same period, so they are due in the
  order in which they were last looked at, and only those that are due cost anything.
- A connection that has to get something done (catch up with reading, close) has a deadline
  beside that. Few have one at a time. Who misses it is dropped.
"""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from actionhero.transports.calls import Stats

_TICK = 1.0
"""Seconds between two turns of the timer, unless a time limit is short."""


class Watched(Protocol):
    """A connection, as far as it is watched."""

    def look(self, now: float) -> None:
        """Called once a period, with the loop's time."""
        ...

    def drop(self) -> None:
        """End at once, whatever is unsent; `leave` follows."""
        ...


W = TypeVar("W", bound=Watched)


class Watch(Generic[W]):
    """The connections of one transport. `gauge` is the name of their number in the stats.

    `period` and `shortest`, the shortest deadline that will be given, are in seconds.
    """

    def __init__(self, stats: Stats, gauge: str, *, period: float, shortest: float) -> None:
        self.now = 0.0
        self.is_emptying = False
        self._stats = stats
        self._gauge = gauge
        self._period = period
        self._tick = min(_TICK, period / 4, shortest / 4)
        self._due: dict[W, float] = {}  # everyone, in the order in which they are due
        self._deadlines: dict[W, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Event | None = None

    def __len__(self) -> int:
        return len(self._due)

    def __iter__(self) -> Iterator[W]:
        return iter(list(self._due))

    def enter(self, one: W) -> None:
        """A connection has come."""
        if self._timer is None:
            self._turn()
        self._due[one] = self.now + self._period
        self._stats.set(self._gauge, len(self._due))

    def leave(self, one: W) -> None:
        """A connection has gone."""
        self._due.pop(one, None)
        self._deadlines.pop(one, None)
        self._stats.set(self._gauge, len(self._due))
        if not self._due:
            self._stop()

    def expect(self, one: W, seconds: float) -> None:
        """Drop the connection if it is still there after `seconds`, unless it is excused."""
        self._deadlines[one] = asyncio.get_running_loop().time() + seconds

    def excuse(self, one: W) -> None:
        """Take back what was expected."""
        self._deadlines.pop(one, None)

    async def empty(self, seconds: float) -> None:
        """Wait until all have gone; who is left after `seconds` is dropped. Whoever comes from now
        on is told so by `is_emptying`."""
        self.is_emptying = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, seconds)):
                await self._wait_empty()
        for one in self:
            one.drop()
        await self._wait_empty()

    async def _wait_empty(self) -> None:
        while self._due:
            self._emptied = self._emptied or asyncio.Event()
            await self._emptied.wait()

    def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._tick, self._turn)
        self.now = now = loop.time()
        for one in [one for one, deadline in self._deadlines.items() if deadline <= now]:
            one.drop()
        while self._due:
            one, due = next(iter(self._due.items()))
            if due > now:
                break
            del self._due[one]
            self._due[one] = now + self._period
            one.look(now)

    def _stop(self) -> None:
        """Nobody is left: no timer, and whoever waits for that goes on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._emptied is not None:
            self._emptied.set()
            self._emptied = None
