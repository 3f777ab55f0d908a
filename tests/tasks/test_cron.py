"""Cron texts in time zones: gaps, repeated hours, mistakes."""

import datetime
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from actionhero.tasks.cron import Cron

VIENNA = "Europe/Vienna"
NEW_YORK = "America/New_York"
LORD_HOWE = "Australia/Lord_Howe"
SAO_PAULO = "America/Sao_Paulo"
APIA = "Pacific/Apia"


def at(clock: str, tz: str, fold: int = 0) -> int:
    """A local time in ms."""
    local = datetime.datetime.fromisoformat(clock).replace(tzinfo=ZoneInfo(tz), fold=fold)
    return round(local.timestamp()) * 1000


def shown(moment: int, tz: str) -> str:
    """A moment as the clock shows it, with its offset, since some times come twice."""
    local = datetime.datetime.fromtimestamp(moment / 1000, ZoneInfo(tz))
    return local.isoformat(" ", "minutes")


def fired(text: str, tz: str, start: str, end: str) -> list[str]:
    """The times that fire in a span of local time, without its begin and with its end."""
    cron, moment, found = Cron(text, tz), at(start, tz), []
    while (following := cron.next(moment)) is not None and following <= at(end, tz):
        found.append(shown(following, tz))
        moment = following
    return found


def test_local_time_of_its_zone() -> None:
    assert fired("0 3 * * *", VIENNA, "2026-01-01 00:00", "2026-01-03 00:00") == [
        "2026-01-01 03:00+01:00",
        "2026-01-02 03:00+01:00",
    ]


def test_utc_unless_told() -> None:
    assert Cron("0 3 * * *").next(at("2026-01-01 00:00", "UTC")) == at("2026-01-01 03:00", "UTC")


def test_six_fields_begin_with_the_second() -> None:
    cron, start = Cron("*/20 * * * * *"), at("2026-01-01 00:00", "UTC")
    assert cron.next(start) == start + 20_000
    assert cron.next(start + 20_500) == start + 40_000


@pytest.mark.parametrize(
    ("name", "text"), [("@hourly", "0 * * * *"), ("@DAILY", "0 0 * * *"), ("@weekly", "0 0 * * 0")]
)
def test_names_for_the_usual_ones(name: str, text: str) -> None:
    assert Cron(name).text == text


GAPS = [
    # tz, the day, the last minute before, the first one after, what falls into the gap
    (VIENNA, "2026-03-29", "01:59", "03:00+02:00", "30 2"),
    (NEW_YORK, "2026-03-08", "01:59", "03:00-04:00", "30 2"),
    (LORD_HOWE, "2026-10-04", "01:59", "02:30+11:00", "15 2"),
    (SAO_PAULO, "2018-11-04", "00:00", "01:00-02:00", "0 0"),
    ("Asia/Tehran", "2022-03-22", "00:00", "01:00+04:30", "0 0"),
]


@pytest.mark.parametrize(("tz", "day", "before", "after", "clock"), GAPS)
def test_a_time_in_a_gap_fires_once_right_after_it(
    tz: str, day: str, before: str, after: str, clock: str
) -> None:
    date = datetime.date.fromisoformat(day)
    eve, morrow = (date + datetime.timedelta(days=days) for days in (-1, 1))
    found = fired(f"{clock} * * *", tz, f"{eve} 12:00", f"{morrow} 12:00")
    assert len(found) == 2
    assert found[0] == f"{day} {after}"
    minute, hour = clock.split()
    assert found[1].startswith(f"{morrow} {hour:>02}:{minute:>02}")


def test_several_times_in_one_gap_fire_once() -> None:
    span = ("2026-03-29 00:00", "2026-03-29 12:00")
    assert fired("0,20,40 2 * * *", VIENNA, *span) == ["2026-03-29 03:00+02:00"]
    assert fired("*/20 2 * * *", VIENNA, *span) == ["2026-03-29 03:00+02:00"]


def test_a_time_in_a_gap_and_one_at_its_end_fire_once() -> None:
    found = fired("0 2,3 * * *", VIENNA, "2026-03-29 00:00", "2026-03-29 12:00")
    assert found == ["2026-03-29 03:00+02:00"]


def test_a_wildcard_goes_on_over_a_gap() -> None:
    assert fired("*/30 * * * *", VIENNA, "2026-03-29 01:00", "2026-03-29 04:00") == [
        "2026-03-29 01:30+01:00",
        "2026-03-29 03:00+02:00",
        "2026-03-29 03:30+02:00",
        "2026-03-29 04:00+02:00",
    ]


def test_every_other_hour_does_not_miss_the_one_in_the_gap() -> None:
    assert fired("0 */2 * * *", VIENNA, "2026-03-29 00:00", "2026-03-29 04:00") == [
        "2026-03-29 03:00+02:00",
        "2026-03-29 04:00+02:00",
    ]


def test_a_gap_of_half_an_hour() -> None:
    assert fired("*/15 * * * *", LORD_HOWE, "2026-10-04 01:30", "2026-10-04 03:00") == [
        "2026-10-04 01:45+10:30",
        "2026-10-04 02:30+11:00",
        "2026-10-04 02:45+11:00",
        "2026-10-04 03:00+11:00",
    ]


def test_a_day_that_a_zone_left_out() -> None:
    assert fired("0 12 * * *", APIA, "2011-12-29 00:00", "2011-12-31 23:00") == [
        "2011-12-29 12:00-10:00",
        "2011-12-31 00:00+14:00",
        "2011-12-31 12:00+14:00",
    ]


FOLDS = [
    # tz, the day, a time that comes twice, its two offsets
    (VIENNA, "2026-10-25", "30 2", ("+02:00", "+01:00")),
    (NEW_YORK, "2026-11-01", "30 1", ("-04:00", "-05:00")),
    (LORD_HOWE, "2026-04-05", "45 1", ("+11:00", "+10:30")),
    (SAO_PAULO, "2018-02-17", "30 23", ("-02:00", "-03:00")),
]


@pytest.mark.parametrize(("tz", "day", "clock", "offsets"), FOLDS)
def test_a_time_that_comes_twice_fires_once_for_fixed_hours(
    tz: str, day: str, clock: str, offsets: tuple[str, str]
) -> None:
    minute, hour = clock.split()
    morrow = datetime.date.fromisoformat(day) + datetime.timedelta(days=1)
    found = fired(f"{clock} * * *", tz, f"{day} 00:00", f"{morrow} 23:59")
    assert len(found) == 2
    assert found[0] == f"{day} {hour:>02}:{minute}{offsets[0]}"
    assert found[1].startswith(f"{morrow} {hour:>02}:{minute}")


@pytest.mark.parametrize(("tz", "day", "clock", "offsets"), FOLDS)
def test_a_time_that_comes_twice_fires_twice_for_wildcards(
    tz: str, day: str, clock: str, offsets: tuple[str, str]
) -> None:
    minute, hour = clock.split()
    morrow = datetime.date.fromisoformat(day) + datetime.timedelta(days=1)
    found = fired(f"{minute} * * * *", tz, f"{day} 00:00", f"{morrow} 12:00")
    for offset in offsets:
        assert found.count(f"{day} {hour:>02}:{minute}{offset}") == 1


def test_a_wildcard_keeps_its_pace_through_a_repeated_half_hour() -> None:
    assert fired("*/15 * * * *", LORD_HOWE, "2026-04-05 01:15", "2026-04-05 02:00") == [
        "2026-04-05 01:30+11:00",
        "2026-04-05 01:45+11:00",
        "2026-04-05 01:30+10:30",
        "2026-04-05 01:45+10:30",
        "2026-04-05 02:00+10:30",
    ]


def test_all_hours_in_a_range_are_a_wildcard() -> None:
    found = fired("0 0-23 * * *", VIENNA, "2026-10-25 01:00", "2026-10-25 03:00")
    assert [one[11:] for one in found] == ["02:00+02:00", "02:00+01:00", "03:00+01:00"]


def test_planned_in_the_second_pass_does_not_go_back_to_the_first() -> None:
    cron, second = Cron("30 2 * * *", VIENNA), at("2026-10-25 02:15", VIENNA, fold=1)
    assert cron.next(second) == at("2026-10-26 02:30", VIENNA)


def test_planned_at_the_end_of_the_first_pass() -> None:
    cron, first = Cron("30 * * * *", VIENNA), at("2026-10-25 02:45", VIENNA)
    assert cron.next(first) == at("2026-10-25 02:30", VIENNA, fold=1)


def test_latest_is_the_last_one_up_to_now() -> None:
    cron = Cron("* * * * *")
    first, now = at("2020-01-01 00:00", "UTC"), at("2026-06-15 12:34", "UTC") + 56_789
    assert cron.latest(first, now) == at("2026-06-15 12:34", "UTC")
    assert cron.latest(first, first) == first
    assert cron.latest(first, first + 59_999) == first


MINUTE = 60_000
SPANS = [
    (VIENNA, "2026-03-29 01:00"), (VIENNA, "2026-10-25 01:00"), (NEW_YORK, "2026-03-08 01:00"),
    (NEW_YORK, "2026-11-01 00:00"), (LORD_HOWE, "2026-10-04 01:00"), (APIA, "2011-12-29 22:00"),
    (LORD_HOWE, "2026-04-05 01:00"), (SAO_PAULO, "2018-11-03 23:00"),
    (SAO_PAULO, "2018-02-17 22:00"),
]  # fmt: skip
minutes = st.sampled_from(["0", "30", "15,45", "*", "*/20", "7-9"])
hours = st.sampled_from(["*", "*/2", "0", "1", "2", "3", "0,2,23", "1-3", "22-23", "0-23"])


@settings(deadline=None, derandomize=True, database=None, max_examples=80)
@given(span=st.sampled_from(SPANS), minute=minutes, hour=hours)
def test_against_a_clock_watched_minute_by_minute(
    span: tuple[str, str], minute: str, hour: str
) -> None:
    """The rules once more, in the plainest way: what the clock on the wall shows, and what it
    leaves out or shows again."""
    tz, day = span
    text = f"{minute} {hour} * * *"
    start = at(day, tz) - 90 * MINUTE
    end = start + 360 * MINUTE
    matching = _matching_minutes(text)
    expected, last = [], _clock(start, tz)
    seen = {last}
    for moment in range(start + MINUTE, end + 1, MINUTE):
        clock = _clock(moment, tz)
        passed = [last + datetime.timedelta(minutes=1)]
        while passed[-1] < clock:
            passed.append(passed[-1] + datetime.timedelta(minutes=1))
        now = passed if clock > last else [clock]
        is_again = clock in seen and not (hour.startswith("*") or hour == "0-23")
        if any((one.hour, one.minute) in matching for one in now) and not is_again:
            expected.append(moment)
        seen.add(clock)
        last = clock
    cron, found, moment = Cron(text, tz), [], start
    while (following := cron.next(moment)) is not None and following <= end:
        found.append(following)
        moment = following
    assert [shown(one, tz) for one in found] == [shown(one, tz) for one in expected]
    if found:
        assert cron.latest(found[0], end) == found[-1]


def _matching_minutes(text: str) -> set[tuple[int, int]]:
    found, times = set(), CronSim(text, datetime.datetime(2024, 1, 1, 23, 59))
    while (one := next(times)).day == 2:
        found.add((one.hour, one.minute))
    return found


def _clock(moment: int, tz: str) -> datetime.datetime:
    local = datetime.datetime.fromtimestamp(moment / 1000, ZoneInfo(tz))
    return local.replace(tzinfo=None, fold=0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("61 3 * * *", "the minute field '61' is wrong; it takes 0 to 59"),
        ("0 24 * * *", "the hour field '24' is wrong; it takes 0 to 23"),
        ("0 3 * FOO *", "the month field 'FOO' is wrong; it takes 1 to 12 or JAN to DEC"),
        ("0 3 * * 8", "the day-of-week field '8' is wrong"),
        ("99 0 3 * * *", "the second field '99' is wrong"),
        ("0 3 * *", "has 4 fields; write five"),
        ("", "has 0 fields"),
        ("@sometimes", "there are @yearly, "),
        ("0 0 30 2 *", "the day-of-month field '30' is wrong"),
        ("* * */20 * 1L", "never comes"),
    ],
)
def test_a_mistake_is_told_with_what_to_write(text: str, told: str) -> None:
    with pytest.raises(ValueError, match="cron") as caught:
        Cron(text)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("tz", "told"),
    [
        ("Europe/Wien", "did you mean Europe/"),
        ("CEST", "is no time zone"),
        ("../etc/passwd", "is no time zone"),
        ("Europe", "is no time zone"),
        ("", "is no time zone"),
    ],
)
def test_a_zone_that_is_none(tz: str, told: str) -> None:
    with pytest.raises(ValueError, match="tz") as caught:
        Cron("0 3 * * *", tz)
    assert told in str(caught.value)


@settings(deadline=None, derandomize=True, database=None)
@given(st.text(st.sampled_from("0123456789*/,-LW# @SUNMONJA"), max_size=20))
def test_any_text_is_a_cron_text_or_a_clear_mistake(text: str) -> None:
    told, following, start = "", None, at("2026-01-01 00:00", "UTC")
    try:
        following = Cron(text).next(start)
    except ValueError as exc:
        told = str(exc)
    assert told.startswith("cron ") if following is None else following > start


def test_what_is_no_text() -> None:
    with pytest.raises(ValueError, match=r"cron must be a text such as '0 3 \* \* \*', not 3"):
        Cron(3)  # type: ignore[arg-type]


def test_shows_itself() -> None:
    assert repr(Cron("@daily", VIENNA)) == "<Cron '0 0 * * *' Europe/Vienna>"
