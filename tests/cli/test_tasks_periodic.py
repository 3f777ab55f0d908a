"""`actionhero tasks periodic`."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actionhero.store.embedded import EmbeddedStore

Run = Callable[..., tuple[int, str, str]]

PERIODIC = """
from actionhero import App

app = App("hello")


@app.task(cron="0 3 * * *", tz="Europe/Vienna", scope="all")
async def nightly() -> None: ...


@app.task(every="10m", queue="mail")
async def sweep() -> None: ...
"""


@pytest.fixture(autouse=True)
def on_disk(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A store that outlives each command."""
    (project / "hello.py").write_text(PERIODIC)
    with asyncio.Runner() as runner:
        store = runner.run(EmbeddedStore.start(project / "data"))
        monkeypatch.setenv("ACTIONHERO_STORE__URL", f"embedded:{project}/data")
        yield
        runner.run(store.aclose())


def test_lists_what_was_planned_and_stops_one(actionhero: Run) -> None:
    nothing = "No server planned a periodic task.\n"
    assert actionhero("tasks", "periodic") == (0, nothing, "")
    assert actionhero("work", "--burst")[0] == 0
    _, out, _ = actionhero("tasks", "periodic")
    header, nightly, sweep = (line.split() for line in out.splitlines())
    assert header == ["TASK", "QUEUE", "SERVERS", "SCHEDULE", "NEXT"]
    assert nightly[:9] == ["nightly", "default", "all", "0", "3", "*", "*", "*", "Europe/Vienna"]
    assert sweep[:5] == ["sweep", "mail", "one", "every", "10m"]
    shown = json.loads(actionhero("tasks", "periodic", "--json")[1])
    assert [(one["name"], one["schedule"], one["next_at"] > 0) for one in shown] == [
        (
            "nightly",
            {"cron": "0 3 * * *", "tz": "Europe/Vienna", "catch_up": "skip", "overlap": "skip"},
            True,
        ),
        ("sweep", {"every": 600.0}, True),
    ]
    stopped = "sweep is stopped until a server starts that defines it\n"
    assert actionhero("tasks", "periodic", "--stop", "sweep") == (0, stopped, "")
    code, _, err = actionhero("tasks", "periodic", "--stop", "sweep")
    assert code == 1
    assert "no periodic task 'sweep' is going on" in err
    assert "sweep" not in actionhero("tasks", "periodic")[1]
