"""Tasks on their way into their queues: which shard each goes to, and what the scripts are told.

All that `enqueue` and `enqueue_many` must decide about a task is decided here, without the store.
"""

import datetime
from collections.abc import Iterable

from actionhero.clock import Duration, milliseconds, parse_duration
from actionhero.store.task_scripts import Arrivals, Later, Unique
from actionhero.tasks.outbox import BYTES, LIMIT
from actionhero.tasks.queues import Queues
from actionhero.tasks.record import BANDS, new_record, with_members
from actionhero.tasks.task import Task
from actionhero.telemetry import current_origin

Addressed = tuple[str, bytes, Later | None, Unique | None]
"""One task: its shard, its record, and what else its way in asks for; with neither of the two it
may start at once. No named tuple: making one would take a third of the time of `address`."""


class Parcel:
    """Tasks for one shard that go in one call."""

    __slots__ = ("arrivals", "shard", "size", "unique")

    def __init__(self, shard: str, most: int) -> None:
        self.shard = shard
        self.arrivals = Arrivals(most)
        self.unique: list[Task] = []
        """The unique ones, in the order of the arrivals."""
        self.size = 0

    @property
    def is_full(self) -> bool:
        """Whether it is enough for a call."""
        return self.arrivals.cost >= LIMIT or self.size >= BYTES

    def add(self, task: Task, record: bytes, later: Later | None, unique: Unique | None) -> None:
        """One more task."""
        self.size += len(record)
        if unique is not None:
            self.unique.append(task)
            self.arrivals.add_unique(unique)
        elif later is not None:
            self.arrivals.add_later(later)
        else:
            self.arrivals.add_ready(BANDS[task.definition.priority], task.id, record)


def address(
    queues: Queues,
    task: Task,
    delay: Duration | None,
    at: datetime.datetime | None,
    origin: str | None,
) -> Addressed:
    """Where a task goes, and how. `origin` is where it comes from (`tracing`). Raises `ValueError`
    for a delay or time that is none."""
    definition = task.definition
    params, rule = task.encoded_params(), definition.control.unique
    key = None if rule is None else rule.key(params)
    head = definition.head
    if origin is not None or key is not None:
        head = with_members(head, unique=key, trace=origin)
    record = new_record(head, params)
    later = _later(task, record, delay, at)
    defined = queues.get(definition.queue)
    shard = definition.queue if defined is None else defined.shard_of(_common(task, key))
    if rule is None or key is None:
        return shard, record, later, None
    how, time = ("now", 0) if later is None else (later.how, later.milliseconds)
    return shard, record, None, Unique(task.id, record, how, time, key, rule.mode)


def shard_of(queues: Queues, task: Task) -> str:
    """Where a task went when it was enqueued, unless its queue had another number of shards."""
    definition, rule = task.definition, task.definition.control.unique
    defined = queues.get(definition.queue)
    if defined is None:
        return definition.queue
    key = None if rule is None else rule.key(task.encoded_params())
    return defined.shard_of(_common(task, key))


def gather(
    queues: Queues, tasks: Iterable[Task], delay: Duration | None, at: datetime.datetime | None
) -> Iterable[Parcel]:
    """The tasks by shard, in parcels of a bounded size."""
    parcels: dict[str, Parcel] = {}
    origin = current_origin()
    for task in tasks:
        shard, record, later, unique = address(queues, task, delay, at, origin)
        parcel = parcels.get(shard)
        if parcel is None:
            defined = queues.get(task.definition.queue)
            parcel = parcels[shard] = Parcel(shard, 0 if defined is None else defined.room)
        parcel.add(task, record, later, unique)
        if parcel.is_full:
            yield parcels.pop(shard)
    yield from parcels.values()


def _common(task: Task, key: str | None) -> str:
    """What a task has in common with all those that must be in its shard."""
    if task.definition.control.limits:
        return task.definition.name
    return task.id if key is None else key


def _later(
    task: Task, record: bytes, delay: Duration | None, at: datetime.datetime | None
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
