"""Periodic types: what a server registers of them.

There is no scheduler process: a type is fired by whichever server's tick finds it due, by
compare-and-set on (type, expected time). `every` counts from completion, so occurrences never
overlap; after a failure the next one is planned all the same. A type that no server defines any
more is removed when it comes due.
"""

from collections.abc import Iterable

from actionhero.store.task_scripts import Occurring
from actionhero.tasks.record import new_record
from actionhero.tasks.task import TaskDefinition


def periodic_types(definitions: Iterable[TaskDefinition], queue: str) -> list[Occurring]:
    """The periodic types of one queue."""
    return [
        Occurring(one.name, round(one.every * 1000), _template(one))
        for one in definitions
        if one.queue == queue and one.every is not None
    ]


def _template(definition: TaskDefinition) -> bytes:
    values = definition.inputs.bind((), {})
    return new_record(definition.head, definition.inputs.encode(values))
