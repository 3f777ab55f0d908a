"""Which coding of a body a client takes (`Accept-Encoding`; RFC 9110, 12.5.3)."""

from collections.abc import Sequence

IDENTITY = ""
"""The body as it is."""
_NAMES = {"x-gzip": "gzip"}


class Accepted:
    """The codings that a client takes, each with its weight. Without the field it takes a body as
    it is: it may take others too, but did not say so."""

    __slots__ = ("_any", "_weights")

    def __init__(self, field: bytes | None) -> None:
        self._weights: dict[str, float] = {}
        self._any: float | None = None
        for part in () if field is None else field.decode("latin-1").lower().split(","):
            name, _, parameters = part.partition(";")
            name = name.strip()
            weight = _weight(parameters)
            if name == "*":
                self._any = weight
            elif name:
                self._weights[_NAMES.get(name, name)] = weight

    def weight(self, coding: str) -> float:
        """How much it wants `coding`: 0 for not at all, 1 at most."""
        known = self._weights.get(coding)
        return known if known is not None else self._any or 0.0

    @property
    def takes_identity(self) -> bool:
        """Whether a body may be sent as it is: unless it is excluded by name or by `*;q=0`."""
        weight = self._weights.get("identity", self._any)
        return weight is None or weight > 0

    def choose(self, offered: Sequence[str]) -> str | None:
        """The best of the codings `offered` (ours to prefer in that order), or `IDENTITY`; None
        if the client takes neither."""
        best = max(offered, key=self.weight, default=IDENTITY)
        weight = self.weight(best) if best else 0.0
        if weight > 0 and weight >= self._weights.get("identity", 0.0):
            return best
        return IDENTITY if self.takes_identity else None


def _weight(parameters: str) -> float:
    """The weight in the parameters of a coding; what cannot be read counts as 0."""
    for parameter in parameters.split(";"):
        name, mark, value = parameter.strip().partition("=")
        if mark and name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 0.0
            return weight if 0 <= weight <= 1 else 0.0
    return 1.0
