"""`actionhero tasks`, on a store that stays between the commands."""

import json

import pytest

from tests.cli.tasks_kit import Run, burst, enqueue, on_disk

__all__ = ["on_disk"]


def test_a_task_is_enqueued_listed_shown_and_run(actionhero: Run) -> None:
    id = enqueue(actionhero, "welcome", "--email", "a@b.c")
    code, out, _ = actionhero("tasks", "list")
    assert code == 0
    assert out.splitlines()[1].split()[:4] == [id, "welcome", "mail", "pending"]
    shown = actionhero("tasks", "show", id)[1]
    assert "state     pending\n" in shown
    assert 'params    {"email":"a@b.c","times":1}\n' in shown
    code, _, err = actionhero("work", "--burst")
    assert code == 0
    assert "welcome a@b.c" in err
    assert actionhero("tasks", "list") == (0, "There are no tasks.\n", "")
    code, _, err = actionhero("tasks", "show", id)
    assert code == 1
    assert "it completed, was cancelled, or never was" in err


def test_a_delayed_task_waits(actionhero: Run) -> None:
    id = enqueue(actionhero, "welcome", "--email", "a@b.c", "--delay", "1h")
    burst(actionhero)
    listed = json.loads(actionhero("tasks", "list", "--state", "delayed", "--json")[1])
    assert [one["id"] for one in listed] == [id]
    assert "due       " in actionhero("tasks", "show", id)[1]
    assert json.loads(actionhero("tasks", "list", "--state", "pending", "--json")[1]) == []


def test_the_same_id_is_enqueued_once(actionhero: Run) -> None:
    for _ in range(2):
        assert enqueue(actionhero, "welcome", "--email", "a@b.c", "--id", "mine") == "mine"
    assert len(json.loads(actionhero("tasks", "list", "--json")[1])) == 1


def test_a_list_can_be_limited_to_a_queue_and_a_number(actionhero: Run) -> None:
    enqueue(actionhero, "fail")
    for _ in range(3):
        enqueue(actionhero, "welcome", "--email", "a@b.c")
    listed = json.loads(actionhero("tasks", "list", "--queue", "mail", "--json")[1])
    assert {one["name"] for one in listed} == {"welcome"}
    out = actionhero("tasks", "list", "--limit", "2")[1]
    assert len(out.splitlines()) == 4
    assert "--limit shows more" in out


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("enqueue", "welcom"), 1, "'welcom' is not a known task; did you mean welcome?"),
        (("enqueue", "welcome"), 1, "the inputs do not fit:\n  email: is required"),
        (("enqueue", "welcome", "--delay", "soon"), 2, "'soon' is not a duration"),
        (("enqueue", "welcome", "--mail", "a"), 2, "has no input 'mail'; did you mean email?"),
        (("enqueue", "welcome", "x"), 2, "'x' belongs to no input"),
        (("lits",), 2, "there is no command 'lits'; did you mean list?"),
        (("list", "--state", "gone"), 2, "'gone' is not one of 'pending'"),
    ],
)
def test_what_is_refused(actionhero: Run, args: tuple[str, ...], code: int, said: str) -> None:
    ended, _, err = actionhero("tasks", *args)
    assert ended == code
    assert said in err
    assert "Traceback" not in err


def test_help_of_a_task(actionhero: Run) -> None:
    out = actionhero("tasks", "enqueue", "welcome", "--help")[1]
    assert "Send the welcome mail." in out
    assert "--times  integer  default 1" in out
    assert "--delay" in actionhero("tasks", "enqueue", "--help")[1]
