"""How `make slow` judges: the attacks themselves take minutes, and a tool."""

import msgspec
import pytest

from tests.slow import __main__ as slow
from tests.slow.attack import ATTACKS, Outcome, Report, read_report

SAID = """\x1b[1mWed Nov 25 2026:\x1b[0m
service available:   \x1b[1;32mYES\x1b[0m
Test ended on 8th second
Exit status: \x1b[1mNo open connections left\x1b[0m
"""
ROWS = [
    ["Seconds", "Closed", "Pending", "Connected", "Service Available"],
    ["0", "0", "1", "0", "1000"],
    ["1", "0", "1", "990", "1000"],
    ["2", "600", "0", "400", "0"],
    [],
]
GOOD = Outcome(
    ATTACKS[0],
    Report(8, "No open connections left", 1000, 0),
    failures=(),
    asked=10_000,
    before=1.0,
    during=1.5,
    memory=1_000_000,
    descriptors=0,
)


def test_a_report_is_read() -> None:
    assert read_report(SAID, ROWS) == Report(8, "No open connections left", 990, 1)
    assert read_report("", []) == Report(-1, "it said nothing of its end", 0, 0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"report": Report(8, "No open connections left", 500, 0)}, "only 500"),
        ({"report": Report(31, "Hit test time limit", 1000, 0)}, "still open after 30 s"),
        ({"report": Report(8, "No open connections left", 1000, 2)}, "away for 2 s"),
        ({"failures": ("an ordinary request failed: no",)}, "ordinary request failed"),
        ({"during": 2.5}, "p99 went from 1.00 to 2.50 ms"),
        ({"memory": 200_000_000}, "200 MB more"),
        ({"descriptors": 6}, "6 descriptors more"),
    ],
)
def test_what_is_not_stood_is_told(
    changes: dict[str, object], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert slow.show([GOOD])
    assert not slow.show([GOOD, msgspec.structs.replace(GOOD, **changes)])
    assert said in capsys.readouterr().out


def test_without_the_tool_it_says_so_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert slow.main([]) == 1
    assert "apt-get install slowhttptest" in capsys.readouterr().err
