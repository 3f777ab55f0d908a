"""How long a body may take.

- Each byte gains some time, up to `web.body_timeout`: a body that is sent on must come at
  `web.body_rate` on the whole.
- A large upload may take longer than that, as long as it goes on coming at that rate, or cannot
  because it is written no faster; but not for ever.
"""

from actionhero.protocols.http1 import BodySink
from actionhero.settings import WebSettings

_GRACE = 5.0
"""Seconds after which a body must have come at its least rate."""


class Patience:
    """With one body, that begins at `now`: times of the loop, in seconds."""

    __slots__ = ("_begun", "_seen", "_settings", "_since")

    def __init__(self, settings: WebSettings, now: float) -> None:
        self._settings = settings
        self._begun = self._since = now
        self._seen = 0

    def until(self, now: float, taken: int, sink: BodySink | None) -> float:
        """When it must be here, with `taken` bytes of the request that are."""
        settings = self._settings
        left = settings.body_timeout
        if settings.body_rate:
            left = min(left, _GRACE + taken / settings.body_rate)
        until = self._since + left
        if until <= now and sink is not None and self._is_coming(now, sink):
            self._since, self._seen = now, sink.received
            return now + settings.body_timeout
        return until

    def _is_coming(self, now: float, sink: BodySink) -> bool:
        settings = self._settings
        if sink.limit <= settings.body_bytes or now - self._begun > settings.upload_timeout:
            return False
        come = sink.received - self._seen
        return sink.is_full or 0 < come >= settings.body_rate * (now - self._since)
