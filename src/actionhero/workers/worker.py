"""What runs tasks in one server: a lane for each queue (or shard), and what the lanes share.

`drain` is the graceful end: nothing more is claimed, what has not started is given back at once,
what runs may finish until the deadline, then it is cancelled and given back. What is given back
counts nothing. The hard end needs no code: the lease runs out, and others take over.
"""

import asyncio
import contextlib
import itertools
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from actionhero.background import end_task
from actionhero.deadlines import Deadlines
from actionhero.errors import StoreFullError, StoreUnavailableError
from actionhero.tasks.queue import Tasks
from actionhero.tasks.queues import shards_of
from actionhero.tasks.schedule import periodic_types
from actionhero.workers.executor import Executor
from actionhero.workers.heartbeat import STUCK_LIMIT, Heartbeat
from actionhero.workers.lane import Lane, LaneOptions, Parts
from actionhero.workers.slots import Slots
from actionhero.workers.timing import Measure

if TYPE_CHECKING:
    from actionhero.store.client import StoreClient

T = TypeVar("T")

_LAST_WORDS = 5.0
"""Seconds for the last outcomes to reach the store, once nothing runs."""
_BURST_POLL = 0.02
_INSISTENCE = 3
"""How often the start outlives a connection that breaks."""

_numbers = itertools.count(1)


class Worker:
    """Runs the tasks of some queues. Durations are in seconds.

    `server` is `NAME:RANDOM`, new for each run of a server (each worker adds a number, so that two
    of one process never meet); what was meant for a server that is gone waits a while for one of
    the same name. `queues` empty: all that tasks are defined for.
    """

    def __init__(
        self,
        client: "StoreClient",
        tasks: Tasks,
        *,
        queues: Iterable[str] = (),
        concurrency: int,
        server: str,
        deadlines: Deadlines,
        stats: Measure,
        lease: float = 10.0,
        max_lapses: int = 3,
        stuck_limit: float = STUCK_LIMIT,
        processes: int = 0,
    ) -> None:
        self._client = client
        self._tasks = tasks
        self._stats = stats
        self._deadlines = deadlines
        self._concurrency = concurrency
        self._processes = processes
        self._stuck_limit = stuck_limit
        defined = dict.fromkeys(one.queue for one in tasks.definitions.values())
        self.queues = tuple(dict.fromkeys(queues)) or tuple(defined)
        self._options = LaneOptions(_incarnation(server), lease, max_lapses)
        self._lanes: dict[Lane, asyncio.Task[None]] = {}
        self._heartbeat: Heartbeat | None = None
        self._executor: Executor | None = None

    @property
    def runs(self) -> int:
        """How many runs of tasks came to an end here."""
        return sum(lane.runs for lane in self._lanes)

    @property
    def failures(self) -> int:
        """How many of them ended among the dead letters."""
        return sum(lane.failures for lane in self._lanes)

    @property
    def is_idle(self) -> bool:
        """Whether no queue had anything to do when it last looked, and nothing runs."""
        return all(lane.is_idle for lane in self._lanes)

    @property
    def problems(self) -> list[str]:
        """What keeps it from working although the store is there, such as a full disk."""
        return [lane.problem for lane in self._lanes if lane.problem]

    async def start(self) -> None:
        """Register with every queue and begin. Raises `StoreError`, `DefinitionError`."""
        options, tasks = self._options, self._tasks
        self._executor = Executor(
            tasks.definitions.values(),
            tasks.provide,
            self._deadlines,
            self._concurrency,
            self._stats,
            self._processes,
        )
        self._heartbeat = Heartbeat(
            options.server,
            lambda: self._client.url,
            options.lease,
            self._stuck_limit,
            lambda: self._stats.increment("tasks:loopStuck"),
        )
        slots = Slots(self._concurrency)
        parts = Parts(
            self._client, slots, self._executor, self._heartbeat, self._stats, self._announce
        )
        found = await self._insist(self._find_shards)
        lanes = [self._lane(queue, shard, parts) for queue, shard in found]
        for lane in lanes:
            await self._insist(lane.register)
        self._heartbeat.start()
        self._lanes = {
            lane: asyncio.create_task(lane.run(), name=f"tasks of {lane.queue}") for lane in lanes
        }

    async def drain(self, deadline: float) -> None:
        """End gracefully; what runs may go on for `deadline` seconds. Only once."""
        if self._heartbeat is None or self._executor is None:
            return
        heartbeat, self._heartbeat = self._heartbeat, None
        for lane in self._lanes:
            lane.close()
        if not await self._wait_lanes(deadline):
            for lane in self._lanes:
                lane.interrupt()
            await self._wait_lanes(_LAST_WORDS)
        await self._stop_lanes()
        await heartbeat.stop()
        await self._executor.aclose()

    async def run_burst(
        self, stopped: Callable[[], bool] = lambda: False, deadline: float = 0.0
    ) -> int:
        """Work until no queue has anything to run now and nobody runs anything of them, then end.

        What is delayed is not waited for. Once it is `stopped`, what runs may go on for `deadline`
        seconds. Returns how many runs came to an end here.
        """
        await self.start()
        try:
            # others' tasks count too, so there is nothing to wait for but the state of the queues
            while not stopped() and not await self._is_all_done():  # noqa: ASYNC110
                await asyncio.sleep(_BURST_POLL)
        finally:
            await self.drain(deadline if stopped() else 0.0)
        return self.runs

    async def _insist(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask again if the connection breaks: that alone is no reason not to start."""
        for _ in range(_INSISTENCE):
            with contextlib.suppress(StoreUnavailableError):
                return await ask()
            await self._client.wait_connected(_LAST_WORDS)
        return await ask()

    async def _announce(self, shard: str) -> None:
        """A full store does not keep a worker from its work: the queue is known from before, or
        has no tasks."""
        with contextlib.suppress(StoreFullError):
            await self._tasks.announce(shard, anew=True)

    async def _find_shards(self) -> list[tuple[str, str]]:
        """The queues and their shards, also those that a queue no longer is divided into: they may
        have tasks yet."""
        divided = self._tasks.defined_queues
        return [
            (queue, shard)
            for queue in self.queues
            for shard in dict.fromkeys(
                (*shards_of(divided, queue), *await self._tasks.shards(queue))
            )
        ]

    def _lane(self, queue: str, shard: str, parts: Parts) -> Lane:
        definitions, divided = self._tasks.definitions.values(), self._tasks.defined_queues
        types = periodic_types(definitions, shard, divided)
        limits = [(one.name, one.control.limits) for one in definitions if one.queue == queue]
        return Lane(self._tasks.scripts(shard), self._options, parts, types, limits)

    async def _wait_lanes(self, seconds: float) -> bool:
        """Whether all lanes ended in time."""
        if not self._lanes:
            return True
        _, pending = await asyncio.wait(self._lanes.values(), timeout=seconds)
        return not pending

    async def _stop_lanes(self) -> None:
        for lane, life in self._lanes.items():
            await end_task(life)
            await lane.leave()

    async def _is_all_done(self) -> bool:
        if not self.is_idle:
            return False
        counts = [await self._tasks.scripts(lane.queue).counts() for lane in self._lanes]
        return self.is_idle and not any(
            one.processing or (one.pending and not one.paused) for one in counts
        )


def _incarnation(server: str) -> str:
    """An id that no other worker has, and that the scripts can take apart: NAME:RANDOM, without
    spaces and @."""
    name, _, random = server.rpartition(":")
    return f"{re.sub(r'[^A-Za-z0-9_.:-]', '_', name) or 'server'}:{random}.{next(_numbers)}"
