"""How long a body may take, by a clock of the test's own."""

from collections.abc import Callable

import pytest

from actionhero.settings import WebSettings
from actionhero.transports.http_patience import Patience

SETTINGS = WebSettings(body_bytes=1000, body_timeout=30.0, body_rate=500, upload_timeout=100.0)


class Sink:
    """A body that comes."""

    on_ready: Callable[[], None] | None = None

    def __init__(self, limit: int = 10_000) -> None:
        self.limit = limit
        self.received = 0
        self.is_full = False

    def feed(self, part: bytes) -> None: ...

    def end(self) -> bytes | None:
        return None

    def close(self) -> None: ...


def test_each_byte_gains_some_time() -> None:
    patience = Patience(SETTINGS, 100.0)
    assert patience.until(100.0, 0, None) == 105.0
    assert patience.until(104.0, 5000, None) == 115.0
    assert patience.until(120.0, 10**9, None) == 130.0
    assert patience.until(131.0, 10**9, None) == 130.0


def test_without_a_rate_all_of_the_time_is_there() -> None:
    patience = Patience(WebSettings(body_rate=0), 100.0)
    assert patience.until(100.0, 0, None) == 130.0


def test_an_upload_that_comes_on_has_more_time() -> None:
    patience, sink = Patience(SETTINGS, 0.0), Sink()
    sink.received = 15_000
    assert patience.until(30.0, 20_000, sink) == 60.0
    sink.received += 15_000
    assert patience.until(60.0, 35_000, sink) == 90.0
    sink.received += 14_000
    assert patience.until(90.0, 49_000, sink) == 90.0


def test_an_upload_has_an_end() -> None:
    patience, sink = Patience(SETTINGS, 0.0), Sink()
    for now in (30.0, 60.0, 90.0):
        sink.received += 10**6
        assert patience.until(now, sink.received, sink) == now + 30.0
    sink.received += 10**6
    assert patience.until(120.0, sink.received, sink) == 120.0


def test_one_that_the_disk_holds_up_is_waited_for() -> None:
    patience, sink = Patience(SETTINGS, 0.0), Sink()
    sink.received, sink.is_full = 20_000, True
    assert patience.until(30.0, 20_000, sink) == 60.0
    assert patience.until(60.0, 20_000, sink) == 90.0


@pytest.mark.parametrize("rate", [0, 500])
def test_one_that_has_stopped_is_not(rate: int) -> None:
    patience = Patience(WebSettings(body_bytes=1000, body_rate=rate), 0.0)
    sink = Sink()
    assert patience.until(31.0, 10**6, sink) == 30.0


def test_a_body_that_is_no_upload_has_no_more() -> None:
    patience, sink = Patience(SETTINGS, 0.0), Sink(limit=1000)
    sink.received = 10**6
    assert patience.until(30.0, 10**6, sink) == 30.0
