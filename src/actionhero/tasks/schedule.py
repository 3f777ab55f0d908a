"""Periodic types: how they are planned, and what a server registers of them.

There is no scheduler process and no leader: a type is fired by whichever server's tick finds it
due, by compare-and-set on (type, expected time). A type that no server defines any more is removed
when it comes due.

- `every` counts from completion, so occurrences never overlap; after a failure the next one is
  planned all the same.
- `cron` counts by the clock of a zone. Its times are worked out in Python, from the schedule and
  the time that the store has, whichever version and clock the server has.

An occurrence by the clock is missed if no server fired it within `ON_TIME` of its time: none was
up, or the queue was paused.
"""

import functools
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, Literal, get_args

from msgspec import Struct

from actionhero.clock import Duration, format_duration, parse_duration
from actionhero.store.task_scripts import Occurring
from actionhero.tasks.record import new_record

if TYPE_CHECKING:
    from actionhero.tasks.cron import Cron
    from actionhero.tasks.queues import Queues
    from actionhero.tasks.task import TaskDefinition

CatchUp = Literal["skip", "latest", "all"]
Overlap = Literal["skip", "allow"]

ON_TIME: Final = 60_000
"""ms. A deploy of the only server takes less, and cron knows nothing finer than minutes."""
STOPPED: Final = "stopped"
"""The spec of a type that was stopped."""
AT_A_GO: Final = 100
"""Missed occurrences fired in one call; the rest follow with the next ticks."""


class Every(Struct, frozen=True):
    """From completion to the next start, in seconds."""

    every: float

    @property
    def spec(self) -> str:
        """As the store has it."""
        return str(round(self.every * 1000))

    def __str__(self) -> str:
        return "every " + re.sub(r" 0[hms]$", "", format_duration(self.every))


class ByClock(Struct, frozen=True):
    """At the times of a cron text in a zone."""

    cron: str
    tz: str
    catch_up: CatchUp = "skip"
    overlap: Overlap = "skip"

    @property
    def spec(self) -> str:
        """As the store has it: one word."""
        return f"c:{self.catch_up}:{self.overlap}:{self.tz}:{self.cron.replace(' ', '_')}"

    def __str__(self) -> str:
        return f"{self.cron} {self.tz}"

    @property
    def times(self) -> "Cron":
        """Its times. Raises `ValueError` for a text or zone that is none here."""
        return _cron(self.cron, self.tz)

    def fire(self, expected: int, now: int) -> tuple[list[int], int | None]:
        """What to fire at `now` of what was planned for `expected`, and the next time (ms).

        An `expected` below zero was never worked out: it says from when on there are times.
        """
        times = self.times
        if expected < 0:
            return [], times.next(-expected)
        if self.catch_up == "all":
            return self._all(expected, now)
        latest = times.latest(expected, now)
        is_missed = now - latest > ON_TIME and self.catch_up == "skip"
        return [] if is_missed else [latest], times.next(now)

    def _all(self, expected: int, now: int) -> tuple[list[int], int | None]:
        most = AT_A_GO if self.overlap == "allow" else 1
        found, following = [expected], self.times.next(expected)
        while following is not None and following <= now and len(found) < most:
            found.append(following)
            following = self.times.next(following)
        return found, following


Schedule = Every | ByClock


def read_spec(spec: str) -> Schedule | None:
    """A schedule out of the store. None for one that this version does not know, or that was
    stopped."""
    if spec.isdigit():
        return Every(int(spec) / 1000)
    parts = spec.split(":")
    if len(parts) != 5 or parts[0] != "c":
        return None
    _, catch_up, overlap, tz, cron = parts
    if catch_up not in get_args(CatchUp) or overlap not in get_args(Overlap):
        return None
    return ByClock(cron.replace("_", " "), tz, catch_up, overlap)  # type: ignore[arg-type]


def schedule_of(
    every: Duration | None,
    cron: str | None,
    tz: str | None,
    catch_up: CatchUp | None,
    overlap: Overlap | None,
) -> Schedule | None:
    """The schedule that a type's options mean. Raises `ValueError`."""
    if cron is None:
        for option, value in (("tz", tz), ("catch_up", catch_up), ("overlap", overlap)):
            if value is not None:
                raise ValueError(f"{option} means something only beside cron=")
        return None if every is None else _every(every)
    if every is not None:
        raise ValueError("give either every= or cron=, not both")
    for option, value, known in (
        ("catch_up", catch_up, get_args(CatchUp)),
        ("overlap", overlap, get_args(Overlap)),
    ):
        if value is not None and value not in known:
            raise ValueError(f"{option} must be {' or '.join(map(repr, known))}, not {value!r}")
    times = _cron(cron, "UTC" if tz is None else tz)
    return ByClock(times.text, times.tz, catch_up or "skip", overlap or "skip")


def periodic_types(
    definitions: "Iterable[TaskDefinition]", shard: str, queues: "Queues | None" = None
) -> list[Occurring]:
    """The periodic types of one queue. Of a queue in several shards, each type is in one."""
    return [
        Occurring(one.name, one.schedule.spec, _template(one))
        for one in definitions
        if one.schedule is not None and _shard_of(one, queues or {}) == shard
    ]


def _shard_of(definition: "TaskDefinition", queues: "Queues") -> str:
    divided = queues.get(definition.queue)
    return definition.queue if divided is None else divided.shard_of(definition.name)


def _every(every: Duration) -> Every:
    try:
        seconds = parse_duration(every)
    except ValueError as exc:
        raise ValueError(f"every: {exc}") from exc
    if seconds < 0.001:
        raise ValueError("every must be at least 1ms")
    return Every(seconds)


@functools.lru_cache(maxsize=256)
def _cron(text: str, tz: str) -> "Cron":
    from actionhero.tasks.cron import Cron

    return Cron(text, tz)


def _template(definition: "TaskDefinition") -> bytes:
    head, values = definition.head, definition.inputs.bind((), {})
    kind = b"p" if definition.scope == "any" else b"b"
    return new_record(head[:2] + kind + head[3:], definition.inputs.encode(values))
