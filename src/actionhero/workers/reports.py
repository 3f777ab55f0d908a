"""What a tick tells beside its work, logged, and what it settled, counted."""

import logging
from collections.abc import Mapping
from typing import Final

from actionhero.store.task_scripts import TickReply
from actionhero.tasks.outcomes import (
    Cancelled,
    Discarded,
    Done,
    Failed,
    GivenBack,
    Lapsed,
    Outcome,
    Parked,
    Retrying,
)
from actionhero.tasks.queue import Counter
from actionhero.workers.claims import Settlements

_log = logging.getLogger("actionhero.tasks")

_NOTES: Final = {
    "lapsed": (logging.WARNING, "task %s goes back to its queue: server %s is gone", "tasksLapsed"),
    "poisoned": (logging.ERROR, "task %s failed: too many servers were lost under it (last %s)",
                 "tasksFailed"),
    "crashed": (logging.ERROR, "task %s failed: too many processes died under it%s", "tasksFailed"),
    "reaped": (logging.WARNING, "server %s is gone: its lease ran out%s", ""),
    "cancelled": (logging.INFO, "task %s was cancelled, and runs no more%s", "tasksCancelled"),
    "removed": (logging.INFO, "periodic task %s stops: no server defines it any more%s", ""),
    "fanout": (logging.INFO, "task %s ended everywhere (expected, done, failed, absent: %s)", ""),
    "missing": (logging.ERROR, "task %s has no record in the store: it is dropped%s", ""),
}  # fmt: skip

_ORDER: Final = b"cancel "
_RUNS: Final = frozenset((Done, Retrying, Failed, Discarded, Cancelled))
"""The outcomes of what ran to an end of its own."""
_COUNTED: Final[Mapping[type[Outcome], str]] = {
    Retrying: "tasksRetried",
    Failed: "tasksFailed",
    Discarded: "tasksDiscarded",
    Cancelled: "tasksCancelled",
    Parked: "tasksFailed",
    GivenBack: "tasksGivenBack",
    Lapsed: "tasksLapsed",
}


def count(settlements: Settlements, stats: Counter) -> tuple[int, int]:
    """Count what the store has settled. Returns how many runs that were, and how many failures."""
    runs, failures = len(settlements.plain), 0
    for _, outcome in settlements.others:
        kind = type(outcome)
        runs += kind in _RUNS
        failures += kind in {Failed, Parked}
        if kind is not Done:
            stats.increment(f"tasks:{_COUNTED[kind]}")
    if runs:
        stats.increment("tasks:tasksRun", runs)
    return runs, failures


def tell_raised(outcome: Outcome, error: BaseException, named: Mapping[str, object]) -> None:
    """Log what becomes of a task that raised."""
    match outcome:
        case Failed():
            _log.error("task failed: %s", error, exc_info=error, extra=named)
        case Retrying(delay):
            _log.warning("task raised, and runs again in %.3g s: %s", delay, error, extra=named)
        case Discarded():
            _log.info("task discarded: %s", error, extra=named)


def orders(reply: TickReply) -> list[tuple[bytes, str]]:
    """The tasks that we are told to cancel: their ids and tokens."""
    told = (note.split(b" ") for note in reply.notes if note.startswith(_ORDER))
    return [(id, token.decode()) for _, id, token in told]


def report(queue: str, reply: TickReply, stats: Counter) -> None:
    """Tell it."""
    for note in reply.notes:
        if note.startswith(_ORDER):
            continue
        kind, _, rest = note.decode("utf-8", "replace").partition(" ")
        if kind not in _NOTES:
            continue  # it is for the lane
        id, _, more = rest.partition(" ")
        level, message, stat = _NOTES[kind]
        _log.log(level, message, id, more, extra={"queue": queue})
        if stat:
            stats.increment(f"tasks:{stat}")
    if reply.refused:
        stats.increment("tasks:settlementsRefused", len(reply.refused))
        _log.warning(
            "%d outcomes were refused: those tasks had been given to others",
            len(reply.refused),
            extra={"queue": queue},
        )
