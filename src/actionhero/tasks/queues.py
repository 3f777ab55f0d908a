"""Queues that are more than a name: several shards, a longest length.

A shard is a queue of its own in the store, with a slot of its own in a Cluster; a worker has a lane
for each. Which one a task is in follows from what must stay together: the tasks of a limited type,
those that are unique by one key; any other task is in one by its id.
"""

import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from actionhero.errors import DefinitionError
from actionhero.store.keys import check_queue_name

_MOST_SHARDS = 256


class QueueDefinition:
    """One queue. `max_length` counts all tasks that have not ended or failed, and is shared out
    evenly among the shards; None: as many as the store takes."""

    __slots__ = ("max_length", "name", "room", "shards")

    def __init__(self, name: str, *, shards: int = 1, max_length: int | None = None) -> None:
        self.name = check_queue_name(name)
        if not _is_whole(shards) or not 1 <= shards <= _MOST_SHARDS:
            raise DefinitionError(
                f"queue {name!r}: shards must be 1 to {_MOST_SHARDS}, not {shards!r}"
            )
        if max_length is not None and (not _is_whole(max_length) or max_length < shards):
            raise DefinitionError(
                f"queue {name!r}: max_length must be a whole number, at least one for each shard, "
                f"not {max_length!r}"
            )
        self.max_length = max_length
        self.shards = (name,) if shards == 1 else tuple(f"{name}.{n}" for n in range(shards))
        """The names of the shards; one that is not divided is its own."""
        self.room = 0 if max_length is None else -(-max_length // shards)
        """How many tasks one shard takes; 0 for any number."""

    def shard_of(self, what: str) -> str:
        """The shard of all that has `what` in common."""
        shards = self.shards
        if len(shards) == 1:
            return shards[0]
        return shards[zlib.crc32(what.encode()) % len(shards)]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QueueDefinition):
            return NotImplemented
        return (self.shards, self.max_length) == (other.shards, other.max_length)

    def __hash__(self) -> int:
        return hash((self.shards, self.max_length))

    def __repr__(self) -> str:
        return f"<QueueDefinition {self.name}>"


Queues = Mapping[str, QueueDefinition]
"""The queues that are defined, by name. Any other is one shard without a longest length."""
NO_QUEUES: Final[Queues] = MappingProxyType({})


def shards_of(queues: Queues, queue: str) -> tuple[str, ...]:
    """The shards of a queue, defined or not."""
    defined = queues.get(queue)
    return (queue,) if defined is None else defined.shards


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
