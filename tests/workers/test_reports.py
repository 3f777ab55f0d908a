"""What ticks tell, in the log and the counts."""

import logging

import pytest

from actionhero.store.task_scripts import TickReply
from actionhero.tasks.outcomes import (
    CANCELLED,
    DONE,
    GIVEN_BACK,
    Discarded,
    Failed,
    Parked,
    Retrying,
)
from actionhero.workers.claims import Claim, Settlements
from actionhero.workers.reports import count, report
from tests.workers.house import Counts

RECORD = b'1no-1800000000000{"name":"x","params":{}}'


def test_counts_runs_by_how_they_ended() -> None:
    settlements, stats = Settlements(), Counts()
    for outcome in (DONE, DONE, Retrying(1.0, b""), Failed(b""), Parked(b""), GIVEN_BACK):
        settlements.add(Claim(b"a", "1", RECORD, None), outcome)
    settlements.add(Claim(b"a", "1", RECORD, None), Discarded(b""))
    settlements.add(Claim(b"a", "1", RECORD, None), CANCELLED)
    assert count(settlements, stats) == (6, 2)
    assert stats["tasksRun"] == 6
    assert (stats["tasksDiscarded"], stats["tasksCancelled"]) == (1, 1)
    assert (stats["tasksRetried"], stats["tasksFailed"], stats["tasksGivenBack"]) == (1, 2, 1)


@pytest.mark.parametrize(
    ("note", "message", "stat"),
    [
        (b"lapsed t1 a:1", "task t1 goes back to its queue: server a:1 is gone", "tasksLapsed"),
        (b"poisoned t1 a:1", "task t1 failed: too many servers were lost", "tasksFailed"),
        (b"reaped a:1", "server a:1 is gone", ""),
        (b"removed sweep", "periodic task sweep stops", ""),
        (b"fanout p 2 1 1 0", "task p ended everywhere", ""),
        (b"missing t1", "task t1 has no record", ""),
    ],
)
def test_tells_each_note(
    caplog: pytest.LogCaptureFixture, note: bytes, message: str, stat: str
) -> None:
    stats = Counts()
    with caplog.at_level(logging.INFO):
        report("mail", TickReply("ok", notes=[note]), stats)
    assert message in caplog.text
    assert vars(caplog.records[0])["queue"] == "mail"
    if stat:
        assert stats[stat] == 1


def test_tells_what_was_refused(caplog: pytest.LogCaptureFixture) -> None:
    stats = Counts()
    report("mail", TickReply("ok", refused=[b"a", b"b"]), stats)
    assert stats["settlementsRefused"] == 2
    assert "2 outcomes were refused" in caplog.text
