"""How fast a client whose connection stays may send messages.

A second's worth may come at once. What is over is answered with an error, and counts too: who is a
second's worth behind has not noticed, or does not mind, and is closed.
"""

from time import monotonic

_ANY = float("inf")


class Pace:
    """The messages of one client: take one off `left` for each, and ask what that means only when
    there are none. `rate` is how many a second, 0 for any number."""

    __slots__ = ("_rate", "_since", "left")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._since = monotonic()
        self.left: float = rate or _ANY

    def is_exceeded(self) -> bool:
        """Whether a message that took `left` below 0 is one too many."""
        now = monotonic()
        earned = (now - self._since) * self._rate
        self._since = now
        self.left = min(self.left + earned, self._rate - 1)  # with this one taken
        return self.left < 0

    @property
    def is_hopeless(self) -> bool:
        """Whether the client goes on all the same."""
        return self.left < -self._rate
