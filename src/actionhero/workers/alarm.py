"""Wakes one waiter: when it is rung, or at a time; the first counts. One timer does for all."""

import asyncio


class Alarm:
    """`await alarm.wait(when)` returns at `when` (a time of the loop) or when it is rung."""

    __slots__ = ("_event", "_loop", "_timer", "_when")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._when = float("inf")

    async def wait(self, when: float) -> None:
        """Wait. May return early; the caller looks again."""
        self._event.clear()
        self.ring_at(when)
        await self._event.wait()

    def ring(self) -> None:
        """Wake the waiter, or the next one at once."""
        self._event.set()

    def ring_at(self, when: float) -> None:
        """Ring at `when`, if it does not ring earlier anyway."""
        if when < self._when:
            self.cancel()
            self._when = when
            self._timer = self._loop.call_at(when, self._go_off)

    def cancel(self) -> None:
        """Forget the time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._when = float("inf")

    def _go_off(self) -> None:
        self._timer = None
        self._when = float("inf")
        self._event.set()
