from datetime import UTC, datetime, timedelta

import pytest

from actionhero.clock import format_duration, milliseconds, parse_duration


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (5, 5.0),
        (0.25, 0.25),
        ("500ms", 0.5),
        ("30s", 30.0),
        ("10m", 600.0),
        ("1h30m", 5400.0),
        ("1.5h", 5400.0),
        ("2d", 172800.0),
        (" 1h 30m ", 5400.0),
        ("12", 12.0),
        (timedelta(minutes=2), 120.0),
    ],
)
def test_a_duration_is_read(written: str | float, seconds: float) -> None:
    assert parse_duration(written) == seconds


@pytest.mark.parametrize("wrong", ["", "soon", "10 parsecs", "-5s", -1, float("inf"), "nan", "5s5"])
def test_what_is_no_duration_is_refused(wrong: str | float) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(wrong)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.35, "350ms"), (4.2, "4.2s"), (200, "3m 20s"), (7500, "2h 5m"), (273600, "3d 4h")],
)
def test_a_duration_is_shown(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_a_moment_needs_a_zone() -> None:
    assert milliseconds(datetime(2026, 1, 1, tzinfo=UTC)) == 1767225600000
    with pytest.raises(ValueError, match="no time zone"):
        milliseconds(datetime(2026, 1, 1))
