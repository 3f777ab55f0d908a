"""The task queues: the way in, and the view inside.

Enqueueing works from any process that has the app and reaches the store; no server need run. All
that is asked here goes through the scripts; nothing is read and written back.
"""

import asyncio
import datetime
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from actionhero.clock import Duration, milliseconds, parse_duration
from actionhero.errors import DefinitionError, NotFoundError, UnknownTaskError
from actionhero.store.task_scripts import Arrivals, Counts, Later, QueueScripts
from actionhero.tasks.outbox import BYTES, LIMIT, Outbox
from actionhero.tasks.record import BANDS, new_record
from actionhero.tasks.task import Task, TaskDefinition
from actionhero.tasks.views import STATES, Page, TaskView, view

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


class Tasks:
    """The queues of one app. Every method raises `StoreError` when the store is away."""

    def __init__(
        self,
        client: "StoreClient",
        keys: "Keys",
        definitions: Mapping[str, TaskDefinition],
        *,
        stats: Counter | None = None,
        provider: Provider | None = None,
    ) -> None:
        self._client = client
        self._keys = keys
        self.definitions = definitions
        self._stats = stats
        self._provider = provider
        self._scripts: dict[str, QueueScripts] = {}
        self._outboxes: dict[str, Outbox] = {}
        self._known: dict[str, float] = {}
        for definition in definitions.values():
            definition.connect(self)

    def close(self) -> None:
        """Leave the types: enqueueing is an error from now on."""
        for definition in self.definitions.values():
            if definition.service is self:
                definition.connect(None)

    # the way in

    async def enqueue(
        self,
        task: Task,
        *,
        delay: Duration | None = None,
        at: datetime.datetime | None = None,
    ) -> Task:
        """Put one task into its queue; see `Task.enqueue`."""
        definition = task.definition
        queue, record = definition.queue, new_record(definition.head, task.encoded_params())
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
        existing = await self.scripts(queue).enqueue(arrivals)
        return arrivals.count - len(existing)

    # the view inside

    async def queues(self) -> list[str]:
        """The names of all queues that ever had a task or a worker, and those defined here."""
        known = {
            name.decode() for name in await self._client.execute("SMEMBERS", self._keys.queues)
        }
        return sorted(known | {one.queue for one in self.definitions.values()})

    async def counts(self) -> dict[str, Counts]:
        """How many tasks each queue has, by state."""
        names = await self.queues()
        return dict(
            zip(
                names,
                await asyncio.gather(*(self.scripts(name).counts() for name in names)),
                strict=True,
            )
        )

    async def details(self) -> dict[str, dict[str, int]]:
        """`counts` as plain values, for `status` and the CLI."""
        return {name: counts._asdict() for name, counts in (await self.counts()).items()}

    async def show(self, id: str) -> TaskView:
        """One task, whatever its queue. Raises `UnknownTaskError`: there is none (any more)."""
        found = await self._find(id)
        if found is None:
            raise UnknownTaskError(_no_such(id))
        return found

    async def list(
        self, queue: str, state: str, cursor: str | None = None, count: int = 100
    ) -> Page:
        """Up to `count` tasks of one queue in one state (`STATES`), from a cursor on.

        Of tasks that move between two pages, some may be missed or shown twice. Raises
        `NotFoundError` for a state that there is not.
        """
        if state not in STATES:
            raise NotFoundError(f"there is no state {state!r}; there are {', '.join(STATES)}")
        following, shown = await self.scripts(queue).page(state, int(cursor or 0), count)
        return Page([view(queue, one) for one in shown], str(following) if following else None)

    async def failed(
        self, queue: str | None = None, cursor: str | None = None, count: int = 100
    ) -> Page:
        """Dead letters, the newest first; without `queue`, those of one queue after another."""
        if queue is not None:
            return await self.list(queue, "failed", cursor, count)
        names = await self.queues()
        at, _, offset = (cursor or "").partition(":")
        names = [name for name in names if name >= at]
        for place, name in enumerate(names):
            page = await self.list(name, "failed", offset if name == at else None, count)
            if page.next is not None:
                return Page(page.tasks, f"{name}:{page.next}")
            if page.tasks:
                return Page(page.tasks, f"{names[place + 1]}:" if place + 1 < len(names) else None)
        return Page([])

    async def retry(self, id: str) -> None:
        """Give a dead letter another chance, with all its attempts.

        Raises `UnknownTaskError` if there is none of this id, or it did not fail, or it is a copy
        whose server is gone.
        """
        for queue in await self.queues():
            told = await self.scripts(queue).retry(id)
            if told == "retried":
                return
            if told == "absent":
                raise UnknownTaskError(
                    f"task {id!r} is the copy of a server that is gone; nobody can run it"
                )
            if told != "unknown":
                raise UnknownTaskError(f"task {id!r} has not failed: it is {told}")
        raise UnknownTaskError(_no_such(id))

    async def cancel(self, task: Task | str) -> bool:
        """Take a task out of its queue. False if it runs already, failed, or is not there."""
        if isinstance(task, Task):
            return await self.scripts(task.queue).cancel(task.id) == "cancelled"
        for queue in await self.queues():
            told = await self.scripts(queue).cancel(task)
            if told != "unknown":
                return told == "cancelled"
        return False

    async def state(self, task: Task) -> str:
        """The state of a task; see `Task.state`."""
        shown = await self.scripts(task.queue).show(task.id)
        return "unknown" if shown is None else view(task.queue, shown).state

    async def _find(self, id: str) -> TaskView | None:
        for queue in await self.queues():
            shown = await self.scripts(queue).show(id)
            if shown is not None:
                return view(queue, shown)
        return None

    # what its types and its workers need

    def scripts(self, queue: str) -> QueueScripts:
        """The scripts of one queue."""
        scripts = self._scripts.get(queue)
        if scripts is None:
            scripts = QueueScripts(self._client, self._keys.queue(queue))
            self._scripts[queue] = scripts
        return scripts

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
        record = new_record(definition.head, task.encoded_params())
        later = _later(task, record, delay, at)
        if later is None:
            part.add_ready(BANDS[definition.priority], task.id, record)
        else:
            part.add_later(later)
        sizes[queue] += len(record)
        if part.count >= LIMIT or sizes[queue] >= BYTES:
            yield queue, parts.pop(queue)
    yield from parts.items()


def _no_such(id: str) -> str:
    return f"there is no task {id!r}: it completed, was cancelled, or never was"
