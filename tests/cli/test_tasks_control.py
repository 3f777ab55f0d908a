"""`actionhero tasks queues|pause|resume|cancel`."""

import json

from tests.cli.tasks_kit import Run, burst, enqueue, fail, on_disk

__all__ = ["on_disk"]


def test_the_queues_with_what_they_have(actionhero: Run) -> None:
    fail(actionhero)
    enqueue(actionhero, "welcome", "--email", "a")
    enqueue(actionhero, "welcome", "--email", "a", "--delay", "1h")
    code, out, _ = actionhero("tasks", "queues")
    assert code == 0
    header, *rows = [line.split() for line in out.splitlines()]
    assert header[:6] == ["QUEUE", "PENDING", "LOCAL", "DELAYED", "PROCESSING", "FAILED"]
    assert rows == [
        ["default", "0", "0", "0", "0", "1", "0", "1"],
        ["mail", "1", "0", "1", "0", "0", "0", "1"],
    ]
    default, mail = json.loads(actionhero("tasks", "queues", "--json")[1])
    assert (default["name"], default["failed"], default["is_paused"]) == ("default", 1, False)
    assert (mail["name"], mail["pending"], mail["delayed"]) == ("mail", 1, 1)


def test_what_waits_is_cancelled(actionhero: Run) -> None:
    one = enqueue(actionhero, "welcome", "--email", "a")
    two = enqueue(actionhero, "welcome", "--email", "a", "--delay", "1h")
    assert actionhero("tasks", "cancel", one) == (0, f"{one} is cancelled\n", "")
    code, out, _ = actionhero("tasks", "cancel", two, "--json")
    assert (code, json.loads(out)) == (0, {two: "cancelled"})
    assert actionhero("tasks", "list") == (0, "There are no tasks.\n", "")


def test_what_cannot_be_cancelled(actionhero: Run) -> None:
    (id,) = fail(actionhero)
    code, out, err = actionhero("tasks", "cancel", id, "nosuch")
    assert (code, out) == (1, "")
    assert f"task '{id}' has failed already" in err
    assert "task 'nosuch' is not there" in err


def test_a_queue_is_paused_and_resumed(actionhero: Run) -> None:
    id = enqueue(actionhero, "welcome", "--email", "a")
    assert actionhero("tasks", "pause", "mail") == (0, "mail is paused\n", "")
    assert actionhero("tasks", "pause", "mail") == (0, "mail was paused already\n", "")
    assert "mail (paused)  1" in actionhero("tasks", "queues")[1]
    assert json.loads(actionhero("tasks", "queues", "--json")[1])[1]["is_paused"] is True
    code, out, _ = actionhero("tasks", "resume", "mail", "--json")
    assert (code, json.loads(out)) == (
        0,
        {"queue": "mail", "is_paused": False, "is_changed": True},
    )
    assert actionhero("tasks", "resume", "mail") == (0, "mail was not paused\n", "")
    burst(actionhero)
    assert actionhero("tasks", "show", id)[0] == 1


def test_only_a_queue_that_there_is_can_be_paused(actionhero: Run) -> None:
    code, out, err = actionhero("tasks", "pause", "mial")
    assert (code, out) == (1, "")
    assert "there is no queue 'mial'; did you mean mail?" in err
