"""What a lane has in hand: claims that wait to start, that run, and that have ended.

The store holds the same set of ids under our name (`held`), from the tick that claimed them to the
tick that settles them. A claim that runs has one slot; so has nothing else but a tick under way.
"""

import asyncio
import inspect
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, cast

from actionhero.store.task_scripts import TickReply
from actionhero.tasks.outcomes import (
    CANCELLED,
    GIVEN_BACK,
    Done,
    Outcome,
    Parked,
    describe_error,
)
from actionhero.workers.claims import Claim, Settlements, Teller
from actionhero.workers.executor import Executor
from actionhero.workers.slots import Slots

_log = logging.getLogger("actionhero.tasks")
_FROZEN = 1.0
"""Seconds without a start, while something waits for one, after which this process must have stood
still: what waits is not started, for others may have it. The lane gives it back, or loses it."""


class Hand:
    """Claims, by where they stand. `finished` is called after each run, `tell` when a task says
    something of its progress."""

    def __init__(
        self,
        slots: Slots,
        executor: Executor,
        finished: Callable[[], None],
        tell: Teller | None = None,
    ) -> None:
        self.held: dict[bytes, Claim] = {}
        self.backlog: deque[Claim] = deque()
        self.settlements = Settlements()
        self.last_start = 0.0
        """When a claim last left the backlog, or came to it."""
        self.oldest_outcome = 0.0
        self._running: dict[Claim, asyncio.Task[None]] = {}
        self._slots = slots
        self._executor = executor
        self._finished = finished
        self._tell = tell
        self._loop = asyncio.get_running_loop()

    @property
    def is_busy(self) -> bool:
        """Whether something runs, waits to run or waits to be settled. What a thread was left with
        is held, but nothing will come of it here."""
        return bool(self._running or self.backlog or self.settlements.is_any)

    def receive(self, reply: TickReply, token: str, slots: int) -> None:
        """Take what was claimed; start as many as slots were taken for it, give back the rest."""
        troubles = reply.troubles or [None] * len(reply.ids)
        for id, record, trouble in zip(reply.ids, reply.records, troubles, strict=True):
            claim = self.held[id] = Claim(id, token, record, trouble, self._tell)
            self.backlog.append(claim)
        self.last_start = self._loop.time()
        startable = min(slots, len(self.backlog))
        for _ in range(startable):
            self._start(self.backlog.popleft())
        if startable < slots:
            self._slots.give(slots - startable)

    def start_if_waiting(self) -> None:
        """Start one of the backlog, if a slot is free."""
        if self.backlog and self._slots.take(1) and not self._start_next():
            self._slots.give()

    def take_settlements(self) -> Settlements:
        """What has ended, for a tick."""
        settlements, self.settlements = self.settlements, Settlements()
        return settlements

    def forget(self, settled: Iterable[Claim]) -> None:
        """The store has settled these."""
        for claim in settled:
            self.held.pop(claim.id, None)

    def give_back_backlog(self) -> None:
        """What has not started is for others."""
        for claim in reversed(self.backlog):  # each goes to the head of the queue
            self.settlements.add(claim, GIVEN_BACK)
        self.backlog.clear()

    def interrupt(self) -> None:
        """Cancel what runs. It is given back, for it did not end; what is in a thread is not."""
        for claim in list(self._running):
            self._stop(claim)

    def drop(self, ids: Iterable[bytes]) -> None:
        """Others have these: their runs are cancelled, and their outcomes count for nothing."""
        for id in list(ids):
            claim = self.held.pop(id, None)
            if claim is not None:
                claim.is_dropped = True
                if claim in self._running:
                    self._stop(claim)
        self.backlog = deque(claim for claim in self.backlog if not claim.is_dropped)

    def cancel(self, id: bytes, token: str) -> None:
        """Somebody cancelled this one. Does nothing if it has ended, or was told already."""
        claim = self.held.get(id)
        if claim is None or claim.token != token or claim.is_cancelled:
            return
        claim.is_cancelled = True
        _log.info("task %s is cancelled: somebody asked for that", id.decode("utf-8", "replace"))
        if claim in self._running:
            self._stop(claim)
        elif claim in self.backlog:
            self.backlog.remove(claim)
            self._settle(claim, CANCELLED)
            self._finished()

    def _start_next(self) -> bool:
        """Start the next one, unless this process stood still."""
        now = self._loop.time()
        if now >= self.last_start + _FROZEN:
            return False
        self.last_start = now
        self._start(self.backlog.popleft())
        return True

    def _stop(self, claim: Claim) -> None:
        """Cancel a run. One that has not made its first step never comes to know of it."""
        running = self._running[claim]
        state = inspect.getcoroutinestate(cast("Coroutine[Any, Any, None]", running.get_coro()))
        running.cancel()
        if state == inspect.CORO_CREATED:
            del self._running[claim]
            if not claim.is_dropped:
                self._settle(claim, CANCELLED if claim.is_cancelled else GIVEN_BACK)
            self._slots.give()
            self._finished()

    def _start(self, claim: Claim) -> None:
        self._running[claim] = self._loop.create_task(self._run(claim))

    async def _run(self, claim: Claim) -> None:
        outcome: Outcome | None
        try:
            outcome = await self._executor.execute(claim)
        except asyncio.CancelledError:
            outcome = None if claim.is_in_thread else GIVEN_BACK
            if claim.is_cancelled and claim.is_in_thread:
                _log.warning(
                    "task %s was cancelled, but a thread cannot be stopped: it goes on, and what "
                    "comes of it counts for nothing",
                    claim.id.decode("utf-8", "replace"),
                )
        except Exception as exc:  # ours, not the task's: it must not keep the slot and the task
            _log.exception("task %s could not be run", claim.id.decode("utf-8", "replace"))
            outcome = Parked(describe_error(exc))
        del self._running[claim]
        if claim.is_cancelled and not isinstance(outcome, Done):
            outcome = CANCELLED
        if outcome is not None and not claim.is_dropped:
            self._settle(claim, outcome)
        if not self.backlog or self._slots.is_contended or not self._start_next():
            self._slots.give()
        self._finished()

    def _settle(self, claim: Claim, outcome: Outcome) -> None:
        settlements = self.settlements
        if not settlements.plain and not settlements.others:
            self.oldest_outcome = self._loop.time()
        settlements.add(claim, outcome)
