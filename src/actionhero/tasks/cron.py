"""When a cron text fires, in a time zone.

Rules
- The text means local time. cronsim finds the matching local times; what becomes of those that a
  zone leaves out or has twice (daylight saving, a changed offset) is decided here, alike for gaps
  of half an hour, an hour or a day.
- A time in a gap fires once, at the first moment after the gap: nothing is left out.
- A time that comes twice fires the first time if the hours are fixed ("30 1 * * *"), and both times
  if the hour is a wildcard ("*/10 * * * *"), so that what runs every ten minutes never pauses.
- Imported only when a type has a cron text, and by a server that is to fire one.

Times are milliseconds since the epoch; a cron text knows whole seconds.
"""

import datetime
import difflib
import zoneinfo
from typing import Final

from cronsim import CronSim, CronSimError

_ALIASES: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIELDS: Final = {
    "second": "0 to 59",
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day-of-month": "1 to 31, L (the last day) or LW (the last weekday)",
    "month": "1 to 12 or JAN to DEC",
    "day-of-week": "0 to 7 (Sunday is 0 and 7) or SUN to SAT, as 5#2 (the second) or 5L (the last)",
}
_SECOND: Final = datetime.timedelta(seconds=1)
_SOME_TIME: Final = datetime.datetime(2024, 1, 1)


class Cron:
    """A cron text in a zone. Raises `ValueError` that says what is wrong and how to mend it."""

    __slots__ = ("_is_wildcard", "_zone", "text", "tz")

    def __init__(self, text: str, tz: str = "UTC") -> None:
        self.text = _normal(text)
        self.tz = tz
        self._zone = _zone(tz)
        first = _parse(self.text, text)
        hour = self.text.split()[-4]
        self._is_wildcard = hour.startswith("*") or len(first.hours) == 24
        if next(first, None) is None:
            raise ValueError(f"cron {text!r} never comes: no day of the next 50 years fits")

    def next(self, after: int) -> int | None:
        """The first time after `after`; None if there is none within 50 years."""
        moment = after // 1000
        local = datetime.datetime.fromtimestamp(moment, self._zone)
        clock = local.replace(tzinfo=None, fold=0)
        found = self._wildcard(moment, local) if self._is_wildcard else self._fixed(moment, clock)
        return None if found is None else found * 1000

    def latest(self, first: int, now: int) -> int:
        """The last time up to `now`, given `first`, a time that is not later than `now`."""
        found, high = first // 1000, now // 1000
        while found < high:  # nothing comes after `high` and up to `now`
            middle = (found + high) // 2
            following = self.next(middle * 1000)
            if following is not None and following <= now:
                found = following // 1000
            else:
                high = middle
        return found * 1000

    def _fixed(self, after: int, clock: datetime.datetime) -> int | None:
        """Local times in their order; what the zone has twice counts the first time."""
        for one in CronSim(self.text, clock):
            moment = self._first(one)
            if moment > after:
                return moment
        return None

    def _wildcard(self, after: int, local: datetime.datetime) -> int | None:
        clock = local.replace(tzinfo=None, fold=0)
        one = next(CronSim(self.text, clock), None)
        if one is None:
            return None
        if local.fold:
            return self._last(one)
        end = self._moment(clock, 1)
        if end <= after:
            return self._first(one)
        # The clock shows this hour for the first time: when it goes back, it starts over.
        back = datetime.datetime.fromtimestamp(self._change(after, end), self._zone)
        again = next(CronSim(self.text, back.replace(tzinfo=None, fold=0) - _SECOND), one)
        return min(self._first(one), self._last(again))

    def _first(self, clock: datetime.datetime) -> int:
        """When the clock first shows this, or would if it were not put forward."""
        with_old, with_new = self._moment(clock, 0), self._moment(clock, 1)
        return with_old if with_old <= with_new else self._change(with_new, with_old)

    def _last(self, clock: datetime.datetime) -> int:
        return max(self._first(clock), self._moment(clock, 1))

    def _moment(self, clock: datetime.datetime, fold: int) -> int:
        """By PEP 495, `fold` 0 reads a time in a gap by the offset before it, 1 by the one after;
        a time that comes twice is the first or the second."""
        return int(clock.replace(tzinfo=self._zone, fold=fold).timestamp())

    def _change(self, before: int, after: int) -> int:
        """The first moment of the offset that `after` has and `before` has not."""
        new = self._offset(after)
        while after - before > 1:
            middle = (before + after) // 2
            if self._offset(middle) == new:
                after = middle
            else:
                before = middle
        return after

    def _offset(self, moment: int) -> datetime.timedelta | None:
        return datetime.datetime.fromtimestamp(moment, self._zone).utcoffset()

    def __repr__(self) -> str:
        return f"<Cron {self.text!r} {self.tz}>"


def _normal(text: str) -> str:
    if not isinstance(text, str):
        raise ValueError(f"cron must be a text such as '0 3 * * *', not {text!r}")
    fields = text.split()
    if len(fields) == 1 and fields[0].startswith("@"):
        if fields[0].lower() not in _ALIASES:
            raise ValueError(f"cron {text!r} is unknown; there are {', '.join(_ALIASES)}")
        fields = _ALIASES[fields[0].lower()].split()
    if len(fields) not in (5, 6):
        raise ValueError(
            f"cron {text!r} has {len(fields)} fields; write five (minute, hour, day of month, "
            "month, day of week), as '0 3 * * *', or six to begin with the second"
        )
    return " ".join(fields).upper()


def _parse(normal: str, text: str) -> CronSim:
    try:
        return CronSim(normal, _SOME_TIME)
    except CronSimError as exc:
        name = str(exc).removeprefix("Bad ")
        fields = normal.split()
        value = fields[list(_FIELDS).index(name) - 6 + len(fields)] if name in _FIELDS else ""
        raise ValueError(
            f"cron {text!r}: the {name} field {value!r} is wrong; it takes {_FIELDS.get(name)}, "
            "or * for all, a list 1,2, a range 1-5 or a step */5"
        ) from exc


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (LookupError, ValueError, OSError, TypeError) as exc:
        near = difflib.get_close_matches(str(name), zoneinfo.available_timezones(), n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else "write it as 'Europe/Vienna'"
        raise ValueError(f"tz {name!r} is no time zone; {hint}") from exc
