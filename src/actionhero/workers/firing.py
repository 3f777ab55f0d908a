"""What a lane does about periodic types that a tick found due by the clock.

The tick only says so, with the time of the store: the times of a zone are worked out here, and one
script call fires and plans by compare-and-set. Every server that defines the type does the same;
the first one counts. One that dies in between has changed nothing, and the type is still due.
"""

import logging
from collections.abc import Sequence

from actionhero.store.task_scripts import QueueScripts
from actionhero.tasks.queue import Counter
from actionhero.tasks.schedule import ByClock, read_spec

_log = logging.getLogger("actionhero.tasks")

DUE = b"due "
OUTDATED = b"outdated "
"""The notes that are for the lane, not for the log."""


class Firing:
    """Fires the types of one queue."""

    def __init__(self, scripts: QueueScripts, stats: Counter) -> None:
        self._scripts = scripts
        self._stats = stats
        self._puzzling: set[str] = set()

    async def answer(self, notes: Sequence[bytes]) -> bool:
        """Fire what is due. Returns whether there is something new to look for. Raises
        `StoreError`; then it is still due."""
        answers = [await self._fire(note.decode()) for note in notes if note.startswith(DUE)]
        return any(answers)

    async def _fire(self, note: str) -> bool:
        _, name, expected, now, spec = note.split(" ")
        try:
            schedule = read_spec(spec)
            if not isinstance(schedule, ByClock):
                raise ValueError(f"{spec!r} is no schedule that this version knows")
            times, following = schedule.fire(int(float(expected)), int(now))
        except ValueError as exc:
            self._wonder(name, spec, exc)
            return False
        fired = await self._scripts.fire(name, int(float(expected)), spec, following, times)
        self._tell(name, times, fired, int(float(expected)), int(now))
        return fired >= 0

    def _tell(self, name: str, times: list[int], fired: int, expected: int, now: int) -> None:
        if fired < 0 or expected < 0:
            return
        if not times:
            _log.warning(
                "periodic task %s: missed by %.0f s, and not caught up",
                name,
                (now - expected) / 1000,
                extra={"queue": self._scripts.keys.name},
            )
            self._stats.increment("tasks:occurrencesMissed")
        elif not fired:
            _log.info("periodic task %s is passed over: it runs still", name)
            self._stats.increment("tasks:occurrencesPassedOver")

    def _wonder(self, name: str, spec: str, problem: ValueError) -> None:
        """Another version planned it so; it will fire it."""
        if spec not in self._puzzling:
            self._puzzling.add(spec)
            _log.error("periodic task %s cannot be fired by this server: %s", name, problem)
