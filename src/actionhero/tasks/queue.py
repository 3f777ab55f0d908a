"""The task queues: the way in. (The view inside is in `inspection` and `dead_letters`.)

Enqueueing works from any process that has the app and reaches the store; no server need run. All
that is asked here goes through the scripts; nothing is read and written back.
"""

import asyncio
import datetime
import time
from collections.abc import Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from actionhero.clock import Duration, milliseconds, parse_duration
from actionhero.errors import DefinitionError, NoResultError
from actionhero.store.task_scripts import Arrivals, Later
from actionhero.tasks.dead_letters import DeadLetters
from actionhero.tasks.middleware import NO_LAYERS, Layers, through, through_many
from actionhero.tasks.outbox import BYTES, LIMIT, Outbox
from actionhero.tasks.periodic import PeriodicTypes
from actionhero.tasks.record import BANDS, new_record, with_members
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
    ) -> None:
        super().__init__(client, keys, definitions)
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
        definition = task.definition
        queue, record = definition.queue, new_record(_head(definition), task.encoded_params())
        later = _later(task, record, delay, at)
        if time.monotonic() >= self._known.get(queue, 0.0):
            await self.announce(queue)
        outbox = self._outboxes.get(queue)
        if outbox is None:
            outbox = self._outboxes[queue] = Outbox(self.scripts(queue))
        if later is None:
            await outbox.put_ready(BANDS[definition.priority], task.id, record)
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
        Enqueueing the same objects again is safe.
        """
        if not any(one.enqueue_layers for one in self.definitions.values()):
            return await self._enqueue_many(tasks, delay, at)
        some = list(tasks)
        added: int = await through_many(some, lambda: self._enqueue_many(some, delay, at))
        return added

    async def _enqueue_many(
        self, tasks: Iterable[Task], delay: Duration | None, at: datetime.datetime | None
    ) -> int:
        sending: list[asyncio.Task[int]] = []
        try:
            for queue, arrivals in _gather(tasks, delay, at):
                await self.announce(queue)
                sending.append(asyncio.create_task(self._send(queue, arrivals)))
                await asyncio.sleep(0)  # lets this part go out while the next is made
        finally:
            sent = await asyncio.gather(*sending, return_exceptions=True)
        for one in sent:
            if isinstance(one, BaseException):
                raise one
        added = sum(one for one in sent if isinstance(one, int))
        if self._stats is not None and added:
            self._stats.increment("tasks:tasksEnqueued", added)
        return added

    async def _send(self, queue: str, arrivals: Arrivals) -> int:
        existing = (await self.scripts(queue).enqueue(arrivals)).existing
        return arrivals.count - len(existing)

    # what comes of them

    async def result(self, task: Task, timeout: Duration | None = None) -> Any:
        """Wait for what comes of a task; see `Task.result`."""
        decode = task.definition.read_result
        if decode is None:
            raise NoResultError(
                f'task type {task.name!r} keeps no results; define it with keep_result="1h"'
            )
        called = f"task {task.name!r} ({task.id})"
        kept = await self._results.wait(self.scripts(task.queue), task.id, called, timeout)
        return read_result(kept, decode, called)

    async def progress(self, task: Task) -> Progress | None:
        """How far a task has come; see `Task.progress`."""
        text = await self._client.execute("HGET", self.scripts(task.queue).keys.progress, task.id)
        return None if text is None else read_progress(text)

    async def cancel(self, task: Task | str) -> bool:
        """Take a task out of its queue, or have it stopped where it runs; see `Task.cancel`."""
        if isinstance(task, Task):
            id, queues = task.id, [task.queue]
        else:
            id, queues = task, await self.queues()
        for queue in queues:
            told = await self.scripts(queue).cancel(id)
            if told == "cancelled" and self._stats is not None:
                self._stats.increment("tasks:tasksCancelled")
            if told != "unknown":
                return told in {"cancelled", "cancelling"}
        return False

    async def announce(self, queue: str) -> None:
        """Enter the queue among the known ones. Comes before its first task."""
        now = time.monotonic()
        if now >= self._known.get(queue, 0.0):
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


def _head(definition: TaskDefinition) -> bytes:
    """The beginning of a record that is made here and now."""
    origin = current_origin()
    return definition.head if origin is None else with_members(definition.head, trace=origin)


def _later(
    task: Task,
    record: bytes,
    delay: Duration | None,
    at: datetime.datetime | None,
) -> Later | None:
    """When the task is due; None if that is now and it needs no fan-out."""
    if at is not None:
        if delay is not None:
            raise ValueError("give either delay= or at=, not both")
        return Later(task.id, record, "at", milliseconds(at))
    if delay is not None:
        return Later(task.id, record, "in", round(parse_duration(delay) * 1000))
    if task.definition.scope == "all":
        return Later(task.id, record, "in", 0)
    return None


def _gather(
    tasks: Iterable[Task], delay: Duration | None, at: datetime.datetime | None
) -> Iterable[tuple[str, Arrivals]]:
    """The tasks by queue, in parts of a bounded size."""
    parts: dict[str, Arrivals] = {}
    sizes: dict[str, int] = {}
    for task in tasks:
        definition = task.definition
        queue = definition.queue
        part = parts.get(queue)
        if part is None:
            part, sizes[queue] = parts.setdefault(queue, Arrivals()), 0
        record = new_record(_head(definition), task.encoded_params())
        later = _later(task, record, delay, at)
        if later is None:
            part.add_ready(BANDS[definition.priority], task.id, record)
        else:
            part.add_later(later)
        sizes[queue] += len(record)
        if part.count >= LIMIT or sizes[queue] >= BYTES:
            yield queue, parts.pop(queue)
    yield from parts.items()
