"""How many tasks a lane claims beyond its free slots, and when it fetches more.

While tasks are short, about as many are claimed as finish within `_AHEAD` seconds, so that the next
batch is there when this one ends. More are fetched when half of them are left, or as many as finish
while a tick is on its way, if that is more: a store 2 ms away is asked early enough.
"""

_MOST = 300
"""Claimed beyond the free slots, at most: what a crash leaves to its lease."""
_AHEAD = 0.02
_SHARE = 0.25
"""What one trip counts for in the average."""


class Ahead:
    """`most` are claimed beyond the free slots; more are fetched when only `low` are left."""

    __slots__ = ("_finished", "_last_turn", "_rate", "_trip", "low", "most")

    def __init__(self) -> None:
        self.most = 0
        self.low = 0
        self._finished = 0
        self._rate = 0.0
        self._last_turn = 0.0
        self._trip = 0.0

    def stop(self) -> None:
        """Claim none, until tasks finish quickly again."""
        self.most = self.low = 0

    def turn(self, finished: int, now: float) -> None:
        """A tick goes out, with as many tasks as finished since the last one. The better of two
        turns counts: a short one after a long one says little."""
        rate = finished / max(now - self._last_turn, 1e-6)
        best = max(rate, self._rate)
        self.most = min(_MOST, 2 * max(finished, self._finished), int(best * _AHEAD))
        self.low = max(self.most // 2, min(self.most, int(best * self._trip)))
        self._finished, self._rate, self._last_turn = finished, rate, now

    def tripped(self, seconds: float) -> None:
        """A tick took this long, there and back."""
        self._trip += (seconds - self._trip) * _SHARE
