"""Statistics that can be looked at, without a store."""

from collections import Counter

from actionhero.stats import Meter


class Counts:
    """Stands in for `Stats`. `tally` is what was counted, `gauges` what was set."""

    def __init__(self) -> None:
        self.gauges: dict[str, int | float] = {}
        self._counted: Counter[str] = Counter()
        self._meters: dict[str, Meter] = {}

    @property
    def tally(self) -> Counter[str]:
        return self._counted + Counter({key: one.count for key, one in self._meters.items()})

    def increment(self, key: str, n: int = 1) -> None:
        self._counted[key] += n

    def meter(self, key: str) -> Meter:
        return self._meters.setdefault(key, Meter())

    def set(self, key: str, value: int | float) -> None:
        self.gauges[key] = value
