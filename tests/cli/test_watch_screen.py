"""What the watch draws. (`test_watch` has it on a real terminal.)"""

import io

from rich.console import Console

from actionhero.cli.watch import Snapshot, TypeRate
from actionhero.cli.watch_screen import render
from actionhero.tasks.views import Overview, QueueView, ServerView, TaskView

AT = 1_800_000_000_000


def drawn(snapshot: Snapshot) -> list[str]:
    """The lines, without colours and without the space between words."""
    console = Console(file=io.StringIO(), width=120)
    console.print(render("shop", snapshot))
    file = console.file
    assert isinstance(file, io.StringIO)
    return [" ".join(line.split()) for line in file.getvalue().splitlines() if line.strip()]


def queue(name: str, *, is_paused: bool = False) -> QueueView:
    return QueueView(
        name=name,
        pending=1200,
        local=0,
        delayed=3,
        processing=2,
        failed=1,
        servers=1,
        shards=2,
        is_paused=is_paused,
    )


def test_all_that_there_is() -> None:
    server = ServerView(
        id="a:1", queues=["mail"], lease=9_000, held=3, running={"send": 2, "sweep": 1},
        oldest=AT - 65_000,
    )  # fmt: skip
    letter = TaskView(
        id="t1", queue="mail", state="failed", name="send", finished_at=AT - 2_000,
        error={"type": "ValueError", "message": "no [red]luck[/red]"},
    )  # fmt: skip
    lines = drawn(
        Snapshot(
            per_second={"run": 1234.5, "failed": 0.5},
            types={"send": TypeRate(1200.0, 0.5, 0.25, 0.002)},
            overview=Overview(
                at=AT, queues=[queue("mail", is_paused=True)], servers=[server], failed=[letter]
            ),
        )
    )
    assert lines[0].startswith("tasks of shop Ctrl-C ends 20")
    for line in (
        "1,234.5 run/s 0.5 failed/s",
        "mail paused 1,200 0 3 2 1 1 2",
        "send 1,200.0 0.5 250ms 2ms",
        "a:1 3 1m 5s send ×2, sweep ×1 mail",
        "send 2s t1 ValueError: no [red]luck[/red]",
    ):
        assert line in lines


def test_a_server_that_does_nothing_and_nothing_that_failed() -> None:
    server = ServerView(id="a:1", queues=["mail"], lease=-1, held=0, running={})
    lines = drawn(
        Snapshot(overview=Overview(at=AT, queues=[queue("mail")], servers=[server], failed=[]))
    )
    assert "a:1 0 mail" in lines
    assert not [line for line in lines if "failures" in line or "Busiest" in line]


def test_no_server_and_no_store() -> None:
    nobody = drawn(Snapshot(overview=Overview(at=AT, queues=[], servers=[], failed=[])))
    assert nobody[-1] == "No server runs tasks."
    away = drawn(Snapshot(error="the store is away: no connection"))
    assert away[-1] == "the store is away: no connection; trying again"
