"""`actionhero stats`."""

import json

from tests.cli.tasks_kit import Run, on_disk

__all__ = ["on_disk"]


def test_stats_are_those_of_the_cluster(actionhero: Run) -> None:
    assert actionhero("stats") == (0, "Nothing has been counted yet.\n", "")
    actionhero("run", "hello", "--name", "Ada")
    assert json.loads(actionhero("stats", "--json")[1])["actions:processedActions"] == 1
    assert "actions:processedActions:hello  1" in actionhero("stats")[1]


def test_stats_of_each_server(actionhero: Run) -> None:
    assert actionhero("stats", "--local") == (0, "No server has counted anything.\n", "")
    actionhero("run", "hello", "--name", "Ada")
    (table,) = json.loads(actionhero("stats", "--local", "--json")[1]).values()
    assert table["actions:processedActions"] == 1
    shown = actionhero("stats", "--local")[1].splitlines()
    assert shown[0].split() == ["SERVER", "STAT", "LOCAL"]
    assert shown[1].split()[1:] == ["actions:processedActions", "1"]


def test_both_tables(actionhero: Run) -> None:
    actionhero("run", "hello", "--name", "Ada")
    both = json.loads(actionhero("stats", "--local", "--global", "--json")[1])
    assert both["global"]["actions:processedActions"] == 1
    assert len(both["local"]) == 1
    out = actionhero("stats", "--local", "--global")[1]
    assert out.count("actions:processedActions:hello") == 2
