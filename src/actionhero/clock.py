"""Time and durations.

Inside the framework a duration is `float` seconds; at the edge it is a number of seconds or a
text such as "500ms", "30s", "10m", "1h30m", "2d". Times in the store are integer milliseconds.
"""

import re
from datetime import datetime, timedelta

from msgspec import Struct

Duration = float | int | str | timedelta
"""What users may write where a duration is asked for."""

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_RATE = re.compile(r"(\d+)\s*/\s*(\d*\w+)")
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d|w))+")


def parse_duration(value: Duration) -> float:
    """Seconds of `value`. Raises `ValueError` for a text that is no duration and for negatives."""
    if isinstance(value, timedelta):
        return _not_negative(value.total_seconds(), value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _not_negative(float(value), value)
    text = str(value).strip().lower().replace(" ", "")
    if _WHOLE.fullmatch(text):
        return sum(float(n) * _UNITS[unit] for n, unit in _PART.findall(text))
    try:
        return _not_negative(float(text), value)
    except ValueError:
        raise ValueError(
            f"{value!r} is not a duration; write seconds or a text like '500ms', '30s', '1h30m'"
        ) from None


def _not_negative(seconds: float, value: object) -> float:
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"{value!r} is not a duration; it must be zero or more, and finite")
    return seconds


class Rate(Struct, frozen=True):
    """`uses` in every `period` seconds."""

    uses: int
    period: float


def parse_rate(text: str) -> Rate:
    """The rate that `text` means. Raises `ValueError`."""
    parts = _RATE.fullmatch(text.strip())
    if parts is None or int(parts[1]) == 0:
        raise ValueError(f"{text!r} is not a rate; write '10/s', '100/m' or '5/10s'")
    period = parts[2] if parts[2][0].isdigit() else f"1{parts[2]}"
    return Rate(int(parts[1]), parse_duration(period))


def format_duration(seconds: float) -> str:
    """`seconds` for people: "350ms", "4.2s", "3m 20s", "2h 5m", "3d 4h"."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    if seconds < 60:
        return f"{seconds:.3g}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}m {rest}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h {minutes}m"
    days, hours = divmod(hours, 24)
    return f"{days}d {hours}h"


def milliseconds(moment: datetime) -> int:
    """A point in time as the store has it. A naive `datetime` is refused: it has no zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone; use datetime.now(tz) or .astimezone()")
    return round(moment.timestamp() * 1000)
