"""One queue (or shard) of a worker: the loop around `tick`.

Rules
- One tick is under way at a time. It settles what finished, claims what can start, and says when to
  look again. If its reply is lost, the same tick is sent again: the store carries it out once.
- A tick goes out as soon as something finished. While one is under way, what finishes is gathered
  for the next, so the batches grow with the load by themselves.
- While tasks are short, some more than can start are claimed (see `ahead`). What still has not
  started after `_STALE` seconds is given back, for whoever is free.
- Idle, a lane costs one tick a `_POLL` and one blocking command: no polling for tasks. A tick tells
  when something comes due by itself (a task, a type, the end of a dead server's lease); the poll is
  for what nobody tells, such as a hint that a server took with it when it died.
- Store away: what runs goes on, what finishes waits, and the lane goes on by itself later. A store
  that is back may have lost its last second, so both compare what the lane holds.
- A tick's number grows from one to the next, and is the time besides (ms, by our clock): it is the
  token of what the tick claims, and tells people since when that is held.
- Lease lost: others have our tasks. What runs is cancelled (its outcome would be refused anyway),
  and the lane registers anew.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from actionhero.errors import StoreError, StoreFullError, StoreUnavailableError
from actionhero.store.client import StoreClient
from actionhero.store.link import Arg
from actionhero.store.task_scripts import Occurring, QueueScripts, TickReply
from actionhero.tasks.queue import Counter
from actionhero.workers.ahead import Ahead
from actionhero.workers.alarm import Alarm
from actionhero.workers.claims import Settlements
from actionhero.workers.executor import Executor
from actionhero.workers.firing import OUTDATED, Firing
from actionhero.workers.hand import Hand
from actionhero.workers.heartbeat import Heartbeat, Lease
from actionhero.workers.listener import Listener
from actionhero.workers.progress import ProgressLine
from actionhero.workers.reports import count, orders, report
from actionhero.workers.slots import Slots

_log = logging.getLogger("actionhero.tasks")
_POLL = 2.0
_WATCH = 0.5
"""Seconds between two looks while something runs: whether it was cancelled."""
_AFTER_ERROR = 1.0
_LATE = 1.0
_LIMIT = 200
"""Tasks claimed in one tick, at most."""
_STALE = 0.1
_HELD_BACK = 0.005
"""Seconds that an outcome may wait for company, while more is about to finish."""
_UNTIL_RENEWED = 0.05
"""Seconds until a lease that ran out, but that nobody took, should be renewed."""
_DUTY_INTERVAL = 0.002
"""Seconds between two looks for what is due, while tasks keep the lane busy."""


class LaneOptions(NamedTuple):
    """What the lanes of a worker share. `lease` is in seconds."""

    server: str
    lease: float
    max_lapses: int


class Parts(NamedTuple):
    """Whom the lanes of a worker share."""

    client: StoreClient
    slots: Slots
    executor: Executor
    heartbeat: Heartbeat
    stats: Counter
    announce: Callable[[str], Awaitable[None]]
    """Makes a queue known; before a lane registers."""


class _Turn(NamedTuple):
    """A tick that was sent."""

    args: list[Arg]
    token: str
    want: int
    reserved: int
    settlements: Settlements
    hints: int
    sent_at: float


class Lane:
    """The loop of one queue. `run` is its life: until `close`, and nothing runs or waits."""

    def __init__(
        self,
        scripts: QueueScripts,
        options: LaneOptions,
        parts: Parts,
        types: Sequence[Occurring],
        limits: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.queue = scripts.keys.name
        self.runs = 0
        self.failures = 0
        self._scripts = scripts
        self._options = options
        self._parts = parts
        self._slots = parts.slots
        self._types = types
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._progress = ProgressLine(scripts, options.server)
        self._hand = Hand(parts.slots, parts.executor, self._finished, self._progress.tell)
        self._firing = Firing(scripts, parts.stats)
        self._listener = Listener(parts.client, scripts.keys, options.server, self._look)
        self._alarm = Alarm()
        self._unanswered: _Turn | None = None
        self._number = 0
        self._ahead = Ahead()
        self._reconnects = parts.client.reconnects
        self.problem = ""
        """Why nothing can be settled or claimed, while that is so and the store is there."""
        self._is_registered = False
        self._has_started = False
        self._is_closing = False
        self._is_hungry = True
        self._hints = 0
        self._next_look = 0.0
        self._next_duties = 0.0
        self.late = max(_LATE, options.lease / 2)
        """Seconds after which what a tick gave is given back: others may have it."""

    # from outside

    @property
    def is_idle(self) -> bool:
        """Whether it holds nothing, and found nothing when it last looked."""
        return not (self._hand.held or self._is_hungry or self._unanswered)

    async def register(self) -> None:
        """Begin to work the queue. Raises `StoreError`."""
        lease = round(self._options.lease * 1000)
        await self._parts.announce(self.queue)
        await self._scripts.register(
            self._options.server,
            lease,
            self._types,
            is_start=not self._has_started,
            limits=self._limits,
        )
        self._is_registered = self._has_started = True
        self._is_hungry = True
        self._parts.heartbeat.keep(self.queue, Lease(self._scripts, self._look))

    async def run(self) -> None:
        """Work until closed, whatever happens to the store."""
        listening = self._loop.create_task(self._listener.run(), name=f"listen {self.queue}")
        try:
            while not self._is_over():
                await self._live()
        finally:
            listening.cancel()
            await self._progress.aclose()
            self._alarm.cancel()

    def close(self) -> None:
        """Claim nothing more, and give back what has not started."""
        self._is_closing = True
        self._hand.give_back_backlog()
        self._alarm.ring()

    def interrupt(self) -> None:
        """Cancel what runs and give it back, for it did not end."""
        self._hand.interrupt()

    async def leave(self) -> None:
        """Stop working the queue. What a thread still works on is left to the lease."""
        self._parts.heartbeat.drop(self.queue)
        if not self._is_registered:
            return
        try:
            left = await self._scripts.leave(self._options.server)
        except StoreError as exc:
            _log.warning("queue %s could not be left: %s", self.queue, exc)
            return
        if left:
            _log.warning("%d tasks of queue %s are left to their lease", left, self.queue)

    # the loop

    def _is_over(self) -> bool:
        return self._is_closing and not (self._hand.is_busy or self._unanswered)

    async def _live(self) -> None:
        try:
            if not self._is_registered:
                await self.register()
            while not self._is_due():
                if self._is_over():
                    return
                await self._alarm.wait(self._latest())
            await self._turn()
        except StoreUnavailableError:
            await self._wait_for_store()
        except StoreFullError as exc:
            await self._wait_for_room(exc)
        except Exception:
            _log.exception("queue %s: the worker goes on in a second", self.queue)
            await asyncio.sleep(_AFTER_ERROR)

    async def _wait_for_store(self) -> None:
        with contextlib.suppress(StoreUnavailableError):  # the client says that it stays away
            await self._parts.client.wait_connected(_AFTER_ERROR)
        await asyncio.sleep(random.uniform(0.02, 0.2))  # noqa: S311  not a secret

    async def _wait_for_room(self, error: StoreFullError) -> None:
        if not self.problem:
            _log.error("queue %s: the worker waits until the store takes it: %s", self.queue, error)
        self.problem = f"the store takes no word of queue {self.queue}: {error}"
        await asyncio.sleep(_AFTER_ERROR)

    def _is_due(self) -> bool:
        now = self._loop.time()
        if self._unanswered is not None or now >= self._next_look:
            return True
        hand = self._hand
        if hand.settlements.is_any:
            low = len(hand.backlog) <= self._ahead.low
            return low or self._is_closing or now >= hand.oldest_outcome + _HELD_BACK
        if hand.backlog and now >= hand.last_start + _STALE:
            return True
        return self._is_hungry and not self._is_closing and self._can_claim()

    def _can_claim(self) -> bool:
        """Whether a tick that settles nothing claims something. Only if a slot is free: nothing has
        finished, so nothing is known to claim ahead by. So what is in hand is worked off first, and
        settled at once; a worker of one slot, which finishes one by one, goes on while it does."""
        if self._slots.free:
            return True
        if self._slots.total > 1 or self._ahead.most > len(self._hand.backlog):
            self._ahead.stop()
        return False

    def _latest(self) -> float:
        """When a tick is due, at the latest."""
        hand = self._hand
        when = self._next_look
        if hand.settlements.is_any:
            when = min(when, hand.oldest_outcome + _HELD_BACK)
        if hand.backlog:
            when = min(when, hand.last_start + _STALE)
        if (self._is_hungry or hand.backlog) and not self._slots.free:
            self._slots.wait(self._slot_came)
        return when

    def _look(self) -> None:
        """Somebody says that there is something to see."""
        self._hints += 1
        self._is_hungry = True
        self._next_look = self._next_duties = 0.0
        self._alarm.ring()

    def _slot_came(self) -> None:
        self._hand.start_if_waiting()
        self._alarm.ring()

    def _finished(self) -> None:
        if len(self._hand.backlog) <= self._ahead.low or self._is_closing:
            self._alarm.ring()
        else:
            self._alarm.ring_at(self._hand.oldest_outcome + _HELD_BACK)

    async def _turn(self) -> None:
        turn = self._unanswered or self._compose()
        self._unanswered = turn
        reply = await self._scripts.tick(turn.args)
        self._unanswered = None
        self._ahead.tripped(self._loop.time() - turn.sent_at)
        self.problem = ""
        if reply.status == "lost":
            self._lose(turn)
            return
        self._take(turn, reply)
        if reply.held != len(self._hand.held) or self._reconnects != self._parts.client.reconnects:
            await self._reconcile()
        if reply.notes:
            await self._plan_types(reply.notes)

    # a tick on its way out

    def _compose(self) -> _Turn:
        now = self._loop.time()
        hand = self._hand
        if hand.backlog and now >= hand.last_start + _STALE:
            hand.give_back_backlog()
        settlements = hand.take_settlements()
        self._ahead.turn(settlements.count, now)
        reserved = want = 0
        if not self._is_closing and not settlements.gives_back:
            reserved = self._slots.take(_LIMIT)
            want = min(_LIMIT, reserved + max(0, self._ahead.most - len(hand.backlog)))
        does_duties = now >= self._next_duties
        if does_duties:
            self._next_duties = now + _DUTY_INTERVAL
        self._number = max(self._number + 1, round(time.time() * 1000))
        options = self._options
        args: list[Arg] = [options.server, self._number, want, int(does_duties), options.max_lapses]
        args += settlements.args()
        return _Turn(args, str(self._number), want, reserved, settlements, self._hints, now)

    # its reply

    def _take(self, turn: _Turn, reply: TickReply) -> None:
        hand = self._hand
        # what we were given long ago (we, the store or the line stood still) may be others' by now
        in_time = self._loop.time() < turn.sent_at + self.late
        hand.forget(turn.settlements.claims())
        runs, failures = count(turn.settlements, self._parts.stats)
        self.runs += runs
        self.failures += failures
        if reply.notes or reply.refused:
            report(self.queue, reply, self._parts.stats)
            for id, claimed_by in orders(reply):
                hand.cancel(id, claimed_by)
        hand.receive(reply, turn.token, turn.reserved if in_time else 0)
        if not in_time:
            self._slots.give(turn.reserved)
        if self._is_closing or not in_time:
            hand.give_back_backlog()
        if turn.hints == self._hints:  # else somebody said since then that there is more
            self._plan_look(turn, reply)
        if not self._is_hungry and not self._is_closing:
            self._listener.listen()

    def _plan_look(self, turn: _Turn, reply: TickReply) -> None:
        if turn.want:
            self._is_hungry = len(reply.ids) >= turn.want
        most = _WATCH if self._hand.held else _POLL
        wait = most if reply.wait < 0 else min(most, reply.wait / 1000)
        if reply.status == "expired":
            self._parts.heartbeat.renew_now()
            self._is_hungry, wait = False, _UNTIL_RENEWED
        if wait < most:
            self._next_duties = 0.0
        self._next_look = self._loop.time() + wait

    async def _plan_types(self, notes: Sequence[bytes]) -> None:
        """Types by the clock came due, or are planned as a version did that is gone."""
        if await self._firing.answer(notes):
            self._look()
        if any(note.startswith(OUTDATED) for note in notes):
            await self.register()

    async def _reconcile(self) -> None:
        """The store and we may not agree on what we hold: it lost a moment, or gave ours away."""
        held, reconnects = self._hand.held, self._parts.client.reconnects
        tokens = {claim.id: claim.token for claim in held.values()}
        lost = await self._scripts.reconcile(self._options.server, self._number, tokens)
        self._reconnects = reconnects
        if lost:
            _log.warning("queue %s: others have %d of its tasks", self.queue, len(lost))
        self._hand.drop(lost)

    def _lose(self, turn: _Turn) -> None:
        """Others have what we held: what runs is cancelled; what came of the rest is refused."""
        hand, stats = self._hand, self._parts.stats
        refused = turn.settlements.count + hand.take_settlements().count
        stats.increment("tasks:leasesLost")
        if hand.held:
            _log.error(
                "the lease on queue %s was lost: its %d tasks run elsewhere, ours are cancelled; "
                "%d outcomes were refused",
                self.queue,
                len(hand.held),
                refused,
            )
            stats.increment("tasks:tasksLost", len(hand.held))
        if refused:
            stats.increment("tasks:settlementsRefused", refused)
        hand.drop(hand.held)
        self._slots.give(turn.reserved)
        self._is_registered = False
