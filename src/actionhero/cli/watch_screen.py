"""What `actionhero tasks watch` shows on a terminal. Only this file of it needs rich."""

import contextlib
from collections.abc import Callable, Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from actionhero.cli.describe import error_of, moment
from actionhero.cli.watch import Snapshot, TypeRate
from actionhero.clock import format_duration
from actionhero.tasks.views import Overview, QueueView, ServerView, TaskView

_TYPES = 8
"""Types whose rate is shown."""


@contextlib.contextmanager
def screen(app: str) -> Iterator[Callable[[Snapshot], None]]:
    """The whole terminal, given back as it was at the end. What is yielded shows a snapshot."""
    with Live(console=Console(), screen=True, auto_refresh=False) as live:
        yield lambda snapshot: live.update(render(app, snapshot), refresh=True)


def render(app: str, snapshot: Snapshot) -> RenderableType:
    """A snapshot for reading."""
    overview = snapshot.overview
    title = Text.assemble((f"tasks of {app}", "bold"), "  Ctrl-C ends")
    if overview is None:
        return Group(title, Text(f"\n{snapshot.error}; trying again", style="red"))
    title.append(f"  {moment(overview.at)}", style="dim")
    parts: list[RenderableType] = [title, _rates(snapshot), _queues(overview.queues)]
    if snapshot.types:
        parts.append(_types(snapshot.types))
    parts.append(_servers(overview))
    if overview.failed:
        parts.append(_failures(overview))
    return Group(*parts)


def _rates(snapshot: Snapshot) -> Text:
    return Text(
        "\n" + "   ".join(f"{rate:,.1f} {name}/s" for name, rate in snapshot.per_second.items()),
        style="bold green",
    )


def _table(title: str, *columns: str) -> Table:
    """The first column and those that begin with `<` are texts, the others numbers."""
    table = Table(
        title=title, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False
    )
    for place, column in enumerate(columns):
        is_text = place == 0 or column.startswith("<")
        table.add_column(column.lstrip("<"), justify="left" if is_text else "right")
    return table


def _queues(queues: list[QueueView]) -> Table:
    table = _table(
        "Queues",
        "queue",
        "pending",
        "local",
        "delayed",
        "processing",
        "failed",
        "servers",
        "shards",
    )
    for one in queues:
        name = Text(one.name)
        if one.is_paused:
            name.append(" paused", style="yellow")
        counts = (one.pending, one.local, one.delayed, one.processing)
        failed = Text(f"{one.failed:,}", style="red" if one.failed else "")
        table.add_row(name, *(f"{n:,}" for n in counts), failed, str(one.servers), str(one.shards))
    return table


def _types(types: dict[str, TypeRate]) -> Table:
    table = _table("Busiest types", "task", "run/s", "failed/s", "takes", "waits")
    for name, rate in list(types.items())[:_TYPES]:
        failed = Text(f"{rate.failed:,.1f}", style="red" if rate.failed else "")
        takes, waits = format_duration(rate.seconds), format_duration(rate.waited)
        table.add_row(Text(name), f"{rate.run:,.1f}", failed, takes, waits)
    return table


def _servers(overview: Overview) -> RenderableType:
    if not overview.servers:
        return Text("\nNo server runs tasks.\n", style="yellow")
    table = _table("Servers", "server", "has", "for", "<of", "<queues")
    for one in overview.servers:
        table.add_row(
            Text(one.id, style="" if one.lease > 0 else "red"),
            f"{one.held:,}",
            _since(overview.at, one),
            Text(", ".join(f"{name} ×{n}" for name, n in one.running.items()), overflow="ellipsis"),
            Text(", ".join(one.queues), style="dim"),
        )
    return table


def _since(at: int, server: ServerView) -> str:
    return "" if server.oldest is None else format_duration(max(0, at - server.oldest) / 1000)


def _failures(overview: Overview) -> Table:
    table = _table("Newest failures", "task", "ago", "<id", "<error")
    for one in overview.failed:
        table.add_row(
            Text(one.name),
            _ago(overview.at, one),
            Text(one.id, style="dim"),
            Text(error_of(one), style="red", overflow="ellipsis", no_wrap=True),
        )
    return table


def _ago(at: int, one: TaskView) -> str:
    return format_duration(max(0, at - (one.finished_at or at)) / 1000)
