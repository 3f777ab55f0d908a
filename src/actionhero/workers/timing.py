"""How long the tasks of each type wait and run, and how often they come to what end.

Rules
- `tasks:NAME:run` is how long runs took that came to an end of their own, `tasks:NAME:wait` how
  long after they were enqueued the first attempts began (a delay that was asked for is part of it).
- A clock is read twice a task, and no more: what begins within a millisecond of another of its type
  is taken to have waited as long. All else is plain numbers, which the stats fold at each flush.
"""

import time
from typing import Final, Protocol

from actionhero.stats import Histogram
from actionhero.tasks.outcomes import (
    Discarded,
    Failed,
    Lapsed,
    Outcome,
    Parked,
    Retrying,
)
from actionhero.tasks.queue import Counter
from actionhero.tasks.record import enqueued_at
from actionhero.workers.claims import Claim

QUICK: Final = 0.001
"""Seconds: the first bound of the histograms."""
_ENDS: Final[dict[type[Outcome], str]] = {
    Failed: "failed",
    Parked: "failed",
    Retrying: "retried",
    Discarded: "discarded",
    Lapsed: "lapsed",
}


class Measure(Counter, Protocol):
    """Where it is counted; `actionhero.stats.Stats` is one."""

    def histogram(self, key: str) -> Histogram: ...


class Timing:
    """Of one type. In `run` the quick ones, and in `wait` those alike, are counted by whoever runs
    them."""

    __slots__ = ("_key", "_stats", "run", "wait")

    def __init__(self, name: str, stats: Measure) -> None:
        self._key = f"tasks:{name}"
        self._stats = stats
        self.run = stats.histogram(f"{self._key}:run")
        self.wait = stats.histogram(f"{self._key}:wait")

    def begin(self, claim: Claim, now: float) -> float:
        """One begins, after a wait of its own. Until when others are taken to be alike."""
        stamp = 0 if claim.troubles else enqueued_at(claim.record)
        if not stamp:
            return 0.0
        self.wait.observe(max(0.0, time.time() - stamp / 1000))
        return now + QUICK

    def fail(self, outcome: Outcome, took: float) -> None:
        """One came to another end than it should."""
        if not isinstance(outcome, Parked | Lapsed):
            self.run.observe(took)
        self._stats.increment(f"{self._key}:{_ENDS[type(outcome)]}")
