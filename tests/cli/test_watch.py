"""`actionhero tasks watch`: as lines, as JSON, and on a real terminal."""

import json
from pathlib import Path

import pytest

from actionhero.cli.watch import Rates, TypeRate
from actionhero.errors import StoreUnavailableError
from actionhero.tasks.queue import Tasks
from tests.cli.tasks_kit import Run, enqueue, fail, on_disk
from tests.cli.terminal_kit import Terminal

__all__ = ["on_disk"]


def test_rates_are_of_the_last_seconds() -> None:
    rates = Rates()
    rates.see(0.0, {"x": 100})
    assert (rates.of("x"), rates.of("y")) == (0, 0)
    for second in range(1, 20):
        rates.see(float(second), {"x": 100 + 10 * second, "y": 0 if second < 18 else 5})
    assert rates.of("x") == 10
    assert rates.of("y") == 1
    rates.see(200.0, {"x": 290})  # the store was away
    assert rates.of("x") == 0


def test_the_busiest_types_come_first() -> None:
    rates = Rates()
    rates.see(0.0, {})
    counts = {"tasks:a:run": 2, "tasks:b:c:run": 10, "tasks:d:run": 0, "tasks:a:failed": 1}
    counts |= {"tasks:a:run:sum": 500_000, "tasks:a:wait": 2, "tasks:a:wait:sum": 4_000}
    rates.see(2.0, counts)
    assert list(rates.types().items()) == [
        ("b:c", TypeRate(5.0, 0.0, 0.0, 0.0)),
        ("a", TypeRate(1.0, 0.5, 0.25, 0.002)),
    ]


def test_elsewhere_it_prints_a_line_for_each_look(actionhero: Run) -> None:
    fail(actionhero)
    enqueue(actionhero, "welcome", "--email", "a")
    code, out, err = actionhero("tasks", "watch", "--count", "2", "--interval", "200ms")
    assert (code, err) == (0, "")
    for line in out.splitlines():
        assert "  1 pending  0 local  0 delayed  0 processing  1 failed  " in line
        assert line.endswith("servers 0")


def test_as_json_it_prints_an_object_for_each_look(actionhero: Run) -> None:
    (id,) = fail(actionhero)
    code, out, _ = actionhero("tasks", "watch", "--count", "1", "--json")
    assert code == 0
    seen = json.loads(out)
    assert list(seen) == ["at", "per_second", "types", "queues", "servers", "failed"]
    assert [one["name"] for one in seen["queues"]] == ["default", "mail"]
    assert [one["id"] for one in seen["failed"]] == [id]
    assert seen["per_second"] == {"run": 0, "failed": 0, "enqueued": 0}


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_while_the_store_is_away_it_says_so(
    actionhero: Run, monkeypatch: pytest.MonkeyPatch, form: tuple[str, ...]
) -> None:
    async def fails(tasks: Tasks) -> None:
        raise StoreUnavailableError("no connection")

    monkeypatch.setattr(Tasks, "overview", fails)
    code, out, _ = actionhero("tasks", "watch", "--count", "2", "--interval", "200ms", *form)
    assert code == 0
    assert out.count("the store is away: no connection") == 2


def test_an_interval_must_be_one(actionhero: Run) -> None:
    code, _, err = actionhero("tasks", "watch", "--interval", "often")
    assert code == 2
    assert "'often' is not a duration" in err


def test_on_a_terminal_it_fills_the_screen_until_ctrl_c(actionhero: Run, project: Path) -> None:
    fail(actionhero)
    with Terminal(project, "tasks", "watch", "--interval", "200ms") as terminal:
        shown = terminal.wait_for("tasks of hello", "Queues", "ValueError: no luck")
        assert "No server runs tasks." in shown
        enqueue(actionhero, "welcome", "--email", "a")
        terminal.wait_for("\x1b[?1049h", "0.0 run/s")
        terminal.press("\x03")
        assert terminal.wait_end() == 0
        assert b"\x1b[?1049l" in terminal.shown  # the screen is given back
        assert b"\x1b[?25h" in terminal.shown  # and the cursor
        assert b"Traceback" not in terminal.shown


def test_a_person_is_asked_before_many_are_purged(actionhero: Run, project: Path) -> None:
    fail(actionhero, 2)
    with Terminal(project, "tasks", "purge", "--name", "fail") as terminal:
        terminal.wait_for("Forget all failed tasks --name 'fail' for good?")
        terminal.press("n\n")
        assert terminal.wait_end() == 130
    with Terminal(project, "tasks", "purge", "--all") as terminal:
        terminal.wait_for("Forget all failed tasks for good?")
        terminal.press("y\n")
        terminal.wait_for("2 tasks are purged")
        assert terminal.wait_end() == 0
