"""`actionhero tasks failed|retry|purge`."""

import json
import sys

import pytest

from actionhero.cli.tasks_failed import Which, _progress, _tell
from actionhero.tasks.dead_letters import Sweep
from tests.cli.tasks_kit import Run, burst, enqueue, fail, on_disk

__all__ = ["on_disk"]

NONE = "No task has failed.\n"


def failed(actionhero: Run, *args: str) -> set[str]:
    """The ids that are listed."""
    code, out, err = actionhero("tasks", "failed", "--json", *args)
    assert (code, err) == (0, "")
    return {one["id"] for one in json.loads(out)}


def test_a_failed_task_is_kept_shown_and_retried(actionhero: Run) -> None:
    id = json.loads(enqueue(actionhero, "fail", "--json"))["id"]
    burst(actionhero)
    code, out, _ = actionhero("tasks", "failed")
    assert code == 0
    assert out.splitlines()[1].startswith(id)
    assert out.splitlines()[1].endswith("1         ValueError: no luck")
    shown = actionhero("tasks", "show", id)[1]
    assert "state     failed on " in shown
    assert "error     ValueError: no luck\n" in shown
    assert "Traceback" in shown
    assert actionhero("tasks", "retry", id)[:2] == (0, f"{id} is queued again\n")
    assert actionhero("tasks", "failed") == (0, NONE, "")


def test_all_that_failed_is_retried(actionhero: Run) -> None:
    assert actionhero("tasks", "retry", "--all")[:2] == (0, NONE)
    fail(actionhero, 3)
    assert actionhero("tasks", "retry", "--all")[:2] == (0, "3 tasks are queued again\n")
    burst(actionhero)
    code, out, _ = actionhero("tasks", "retry", "--name", "fail", "--json")
    assert (code, json.loads(out)) == (0, {"found": 3, "done": 3})


def test_they_are_chosen_by_name_queue_age_and_error(actionhero: Run) -> None:
    ids = fail(actionhero, 2)
    for fits in (
        ("--name", "fail"),
        ("--queue", "default"),
        ("--error", "ValueError: no"),
        ("--newer-than", "1h"),
        ("--name", "fail", "--error", "luck"),
    ):
        assert failed(actionhero, *fits) == ids
    for does_not in (
        ("--name", "welcome"),
        ("--queue", "mail"),
        ("--error", "bad luck"),
        ("--older-than", "1h"),
    ):
        assert failed(actionhero, *does_not) == set()
        assert actionhero("tasks", "failed", *does_not)[1] == "No such task has failed.\n"
        told = actionhero("tasks", "purge", "--yes", *does_not)
        assert told == (0, "No such task has failed.\n", "")
    assert len(failed(actionhero, "--limit", "1")) == 1


def test_one_is_purged(actionhero: Run) -> None:
    one, two = fail(actionhero, 2)
    assert actionhero("tasks", "purge", one) == (0, f"{one} is purged\n", "")
    assert failed(actionhero) == {two}
    code, out, err = actionhero("tasks", "purge", one, two, "--json")
    assert (code, json.loads(out)) == (1, {"found": 2, "done": 1})
    assert f"there is no task '{one}'" in err


def test_many_are_purged_by_one_who_is_sure(actionhero: Run) -> None:
    ids = fail(actionhero, 2)
    code, _, err = actionhero("tasks", "purge", "--name", "fail")
    assert code == 2
    assert "add --yes" in err
    assert failed(actionhero) == ids
    assert actionhero("tasks", "purge", "--all", "--yes") == (0, "2 tasks are purged\n", "")
    assert failed(actionhero) == set()


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("retry",), 2, "give the ids of failed tasks, or --all, or which with --name"),
        (("retry", "x", "--all"), 2, "give the ids of failed tasks"),
        (("purge", "x", "--name", "y"), 2, "give the ids of failed tasks"),
        (("retry", "nosuch"), 1, "there is no task 'nosuch'"),
        (("failed", "--older-than", "old"), 2, "'old' is not a duration"),
    ],
)
def test_what_is_refused(actionhero: Run, args: tuple[str, ...], code: int, said: str) -> None:
    ended, _, err = actionhero("tasks", *args)
    assert ended == code
    assert said in err
    assert "Traceback" not in err


def test_long_work_tells_a_person_how_far_it_has_come(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    far = Sweep(total=10_000, looked=500, found=400, done=400)
    with _progress("purge") as told:
        told(far)  # nobody looks at a pipe
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with _progress("purge") as told:
        told(Sweep(total=100, looked=100))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with _progress("purge") as told:
        told(far)
    assert capsys.readouterr().err == "\r500 of 10,000 looked at, 400 purged \n"


def test_what_could_not_be_done_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    _tell("retry", Sweep(total=5, looked=5, found=3, done=1), Which())
    shown = capsys.readouterr()
    assert shown.out == "1 task is queued again\n"
    assert "2 could not be: copies of servers that are gone" in shown.err
