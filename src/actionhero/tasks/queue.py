"""The task queues: the way in. (The view inside is in `inspection` and `dead_letters`.)

Enqueueing works from any process that has the app and reaches the store; no server need run. All
that is asked here goes through the scripts; nothing is read and written back.
"""

import asyncio
import datetime
import time
from collections.abc import Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from actionhero.clock import Duration
from actionhero.errors import DefinitionError, NoResultError, NotFoundError
from actionhero.store.keys import queue_of
from actionhero.tasks.dead_letters import DeadLetters
from actionhero.tasks.middleware import NO_LAYERS, Layers, through, through_many
from actionhero.tasks.outbox import Outbox, queue_full
from actionhero.tasks.parcels import Parcel, address, gather, shard_of
from actionhero.tasks.periodic import PeriodicTypes
from actionhero.tasks.queues import NO_QUEUES, Queues
from actionhero.tasks.record import BANDS
from actionhero.tasks.results import Progress, Results, read_progress, read_result
from actionhero.tasks.task import Task, TaskDefinition
from actionhero.telemetry import current_origin

if TYPE_CHECKING:
    from actionhero.store.client import StoreClient
    from actionhero.store.keys import Keys

_KNOWN_FOR = 30.0
"""Seconds after which a queue is entered anew in the list of known queues."""


class Counter(Protocol):
    """Where it is counted; `actionhero.stats.Stats` is one."""

    def increment(self, key: str, n: int = 1) -> None: ...


class Provider(Protocol):
    """What hands in the parameters that are no inputs."""

    def provides(self, kind: Any) -> bool: ...
    def provide(self, kind: Any) -> Any: ...


class _Sent(NamedTuple):
    """What became of a parcel."""

    shard: str
    added: int
    refused: list[str]


class Tasks(DeadLetters, PeriodicTypes):
    """The queues of one app. Every method raises `StoreError` when the store is away."""

    def __init__(
        self,
        client: "StoreClient",
        keys: "Keys",
        definitions: Mapping[str, TaskDefinition],
        *,
        stats: Counter | None = None,
        provider: Provider | None = None,
        layers: Layers = NO_LAYERS,
        queues: Queues = NO_QUEUES,
    ) -> None:
        super().__init__(client, keys, definitions, queues)
        self._stats = stats
        self._results = Results(client)
        self._provider = provider
        self.layers = layers
        self._outboxes: dict[str, Outbox] = {}
        self._known: dict[str, float] = {}
        for definition in definitions.values():
            definition.connect(self)

    def close(self) -> None:
        """Leave the types: enqueueing is an error from now on, and so is waiting for results."""
        self._results.close()
        for definition in self.definitions.values():
            if definition.service is self:
                definition.connect(None)

    # the way in

    def enqueue(
        self,
        task: Task,
        *,
        delay: Duration | None = None,
        at: datetime.datetime | None = None,
    ) -> Coroutine[Any, Any, Task]:
        """Put one task into its queue; see `Task.enqueue`."""
        if layers := task.definition.enqueue_layers:
            return through(layers, task, lambda: self._enqueue(task, delay, at))
        return self._enqueue(task, delay, at)

    async def _enqueue(
        self, task: Task, delay: Duration | None, at: datetime.datetime | None
    ) -> Task:
        shard, record, later, unique = address(
            self.defined_queues, task, delay, at, current_origin()
        )
        if time.monotonic() >= self._known.get(shard, 0.0):
            await self.announce(shard)
        outbox = self._outboxes.get(shard) or self._open_outbox(shard, task)
        if unique is not None:
            standing = await outbox.put_unique(unique)
            if standing is not None and standing != task.id:
                task.become(standing)
                return task
        elif later is None:
            await outbox.put_ready(BANDS[task.definition.priority], task.id, record)
        else:
            await outbox.put_later(later)
        if self._stats is not None:
            self._stats.increment("tasks:tasksEnqueued")
        return task

    async def enqueue_many(
        self,
        tasks: Iterable[Task],
        *,
        delay: Duration | None = None,
        at: datetime.datetime | None = None,
    ) -> int:
        """Put many tasks into their queues in one round trip. Returns how many of them were new.

        A very long list goes in several calls at once; if one fails, the others may be stored.
        Enqueueing the same objects again is safe. Raises `QueueFullError` for those that did not
        fit; the others are in.
        """
        if not any(one.enqueue_layers for one in self.definitions.values()):
            return await self._enqueue_many(tasks, delay, at)
        some = list(tasks)
        added: int = await through_many(some, lambda: self._enqueue_many(some, delay, at))
        return added

    async def _enqueue_many(
        self, tasks: Iterable[Task], delay: Duration | None, at: datetime.datetime | None
    ) -> int:
        sending: list[asyncio.Task[_Sent]] = []
        try:
            for parcel in gather(self.defined_queues, tasks, delay, at):
                await self.announce(parcel.shard)
                sending.append(asyncio.create_task(self._send(parcel)))
                await asyncio.sleep(0)  # lets this part go out while the next is made
        finally:
            results = await asyncio.gather(*sending, return_exceptions=True)
        sent = [one for one in results if isinstance(one, _Sent)]
        added = sum(one.added for one in sent)
        if self._stats is not None and added:
            self._stats.increment("tasks:tasksEnqueued", added)
        for one in results:
            if isinstance(one, BaseException):
                raise one
        if refused := [id for one in sent for id in one.refused]:
            queues = sorted({queue_of(one.shard) for one in sent if one.refused})
            raise queue_full(", ".join(queues), refused)
        return added

    async def _send(self, parcel: Parcel) -> "_Sent":
        entered = await self.scripts(parcel.shard).enqueue(parcel.arrivals)
        added = parcel.arrivals.count - len(entered.existing) - len(entered.refused)
        for task, standing in zip(parcel.unique, entered.standing, strict=True):
            id = standing.decode()
            if id and id != task.id:
                task.become(id)
                added -= 1
        return _Sent(parcel.shard, added, [id.decode() for id in entered.refused])

    def _open_outbox(self, shard: str, task: Task) -> Outbox:
        defined = self.defined_queues.get(task.queue)
        outbox = Outbox(self.scripts(shard), 0 if defined is None else defined.room)
        self._outboxes[shard] = outbox
        return outbox

    # pausing

    async def pause(self, queue: str) -> bool:
        """Start no more tasks of a queue, on any server, until it is resumed: what runs goes on,
        what comes waits, and what periodic types would do meanwhile is put off (`every`) or missed
        (`cron`). False if it was paused already. Raises `NotFoundError`."""
        return await self._set_paused(queue, is_paused=True)

    async def resume(self, queue: str) -> bool:
        """Start tasks of a queue again. False if it was not paused. Raises `NotFoundError`."""
        return await self._set_paused(queue, is_paused=False)

    async def _set_paused(self, queue: str, *, is_paused: bool) -> bool:
        shards = await self.shards(queue)
        if not shards:
            raise NotFoundError(f"there is no queue {queue!r}")
        for shard in shards:
            await self.announce(shard)
        changed = await asyncio.gather(
            *(self.scripts(shard).pause(is_paused=is_paused) for shard in shards)
        )
        return any(changed)

    # what comes of them

    async def result(self, task: Task, timeout: Duration | None = None) -> Any:
        """Wait for what comes of a task; see `Task.result`."""
        decode = task.definition.read_result
        if decode is None:
            raise NoResultError(
                f'task type {task.name!r} keeps no results; define it with keep_result="1h"'
            )
        called = f"task {task.name!r} ({task.id})"
        scripts = self.scripts(await self._shard_of(task))
        kept = await self._results.wait(scripts, task.id, called, timeout)
        return read_result(kept, decode, called)

    async def progress(self, task: Task) -> Progress | None:
        """How far a task has come; see `Task.progress`."""
        keys = self.scripts(await self._shard_of(task)).keys
        text = await self._client.execute("HGET", keys.progress, task.id)
        return None if text is None else read_progress(text)

    async def cancel(self, task: Task | str) -> bool:
        """Take a task out of its queue, or have it stopped where it runs; see `Task.cancel`."""
        if isinstance(task, Task):
            id, shards = task.id, await self.shards(task.queue)
        else:
            id, shards = task, await self.shards()
        for shard in shards:
            told = await self.scripts(shard).cancel(id)
            if told == "cancelled" and self._stats is not None:
                self._stats.increment("tasks:tasksCancelled")
            if told != "unknown":
                return told in {"cancelled", "cancelling"}
        return False

    async def _shard_of(self, task: Task) -> str:
        """Where a task is; if it is nowhere, where it would be."""
        shards = await self.shards(task.queue)
        if len(shards) > 1:
            for shard, shown in zip(shards, await self._shown(task.id, shards), strict=True):
                if shown is not None:
                    return shard
        return shard_of(self.defined_queues, task)

    # what its types and its workers need

    async def announce(self, queue: str, *, anew: bool = False) -> None:
        """Enter the queue among the known ones. Comes before its first task; `anew` when the store
        may have been emptied."""
        now = time.monotonic()
        if anew or now >= self._known.get(queue, 0.0):
            await self._client.execute("SADD", self._keys.queues, queue)
            self._known[queue] = now + _KNOWN_FOR

    def provides(self, kind: Any) -> bool | None:
        """Whether parameters of this type are handed in; None if that is not known here."""
        return None if self._provider is None else self._provider.provides(kind)

    def provide(self, kind: Any) -> Any:
        """What is handed in for this type. Raises `DefinitionError`."""
        if self._provider is None or not self._provider.provides(kind):
            raise DefinitionError(
                f"nothing provides {kind!r}; an initializer must yield it before a task can use it"
            )
        return self._provider.provide(kind)
