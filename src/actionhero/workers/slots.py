"""How many tasks one worker runs at once, shared by the lanes of its queues.

A lane takes slots before it claims, so what it claims can start. A lane that finds none waits its
turn: a slot that comes free goes to the lane that has waited longest, so a busy queue does not keep
a quiet one from running.
"""

from collections import deque
from collections.abc import Callable


class Slots:
    """The free places of a worker."""

    __slots__ = ("_waiting", "free", "total")

    def __init__(self, total: int) -> None:
        self.total = total
        self.free = total
        self._waiting: deque[Callable[[], None]] = deque()

    def take(self, most: int) -> int:
        """Take up to `most` slots; returns how many."""
        taken = min(most, self.free)
        self.free -= taken
        return taken

    def give(self, count: int = 1) -> None:
        """Give slots back, and tell as many of those who wait."""
        self.free += count
        for _ in range(min(count, len(self._waiting))):
            self._waiting.popleft()()

    def wait(self, told: Callable[[], None]) -> None:
        """Have `told` called, once, when it is one's turn."""
        if told not in self._waiting:
            self._waiting.append(told)

    @property
    def is_contended(self) -> bool:
        """Whether somebody waits."""
        return bool(self._waiting)
