"""`actionhero tasks watch`: the queues and servers, live, until Ctrl-C.

On a terminal it fills the screen. Elsewhere it prints one line a refresh, or with `--json` one
object. A refresh costs the store one call for each queue and two more, however many tasks there
are. While the store is away it says so and goes on.
"""

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import click
from msgspec import Struct

from actionhero.cli.describe import moment
from actionhero.cli.loading import Loaded, with_services
from actionhero.cli.options import app_options, json_option
from actionhero.cli.output import is_terminal, print_json
from actionhero.cli.tasks_paging import load_tasks
from actionhero.clock import parse_duration
from actionhero.errors import StoreError

if TYPE_CHECKING:
    from actionhero.services import Services
    from actionhero.tasks.views import Overview

_SHORTEST = 0.2
_WINDOW = 5.0
"""Seconds over which rates are taken. Servers tell their counts once a second."""
_COUNTED = {"run": "tasksRun", "failed": "tasksFailed", "enqueued": "tasksEnqueued"}


class TypeRate(Struct, frozen=True):
    """How often tasks of a type run and fail, per second; how long they run, and wait to, in
    seconds on average."""

    run: float
    failed: float
    seconds: float
    waited: float


class Snapshot(Struct, frozen=True, kw_only=True):
    """What one refresh shows. `per_second` is of all tasks together. `error` says why there is
    nothing else."""

    per_second: dict[str, float] = {}
    types: dict[str, TypeRate] = {}
    overview: "Overview | None" = None
    error: str | None = None


Show = Callable[[Snapshot], None]


class Rates:
    """How fast counts grow, over the last seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, Mapping[str, float]]] = deque()

    def see(self, now: float, counts: Mapping[str, float]) -> None:
        """What has been counted up to `now` (s)."""
        self._seen.append((now, counts))
        while len(self._seen) > 2 and self._seen[1][0] <= now - _WINDOW:
            self._seen.popleft()

    def of(self, key: str) -> float:
        """Per second; 0 at first."""
        (began, before), (now, latest) = self._seen[0], self._seen[-1]
        grown = latest.get(key, 0) - before.get(key, 0)
        return grown / (now - began) if now > began else 0.0

    def types(self) -> dict[str, TypeRate]:
        """Of each type of which something ran, the busiest first."""
        names = [key.removesuffix(":run") for key in self._seen[-1][1] if _is_of_type(key)]
        rates = {key.removeprefix("tasks:"): self._of_type(key) for key in names}
        busy = [(name, rate) for name, rate in rates.items() if rate.run > 0]
        return dict(sorted(busy, key=lambda one: -one[1].run))

    def _of_type(self, key: str) -> TypeRate:
        return TypeRate(
            run=self.of(f"{key}:run"),
            failed=self.of(f"{key}:failed"),
            seconds=self._mean(f"{key}:run"),
            waited=self._mean(f"{key}:wait"),
        )

    def _mean(self, key: str) -> float:
        """Of a histogram, in seconds."""
        rate = self.of(key)
        return self.of(f"{key}:sum") / rate / 1e6 if rate else 0.0


def _is_of_type(key: str) -> bool:
    return key.startswith("tasks:") and key.endswith(":run")


def _interval(_: click.Context, param: click.Parameter, value: str) -> float:
    try:
        return max(_SHORTEST, parse_duration(value))
    except ValueError as exc:
        raise click.BadParameter(str(exc), param=param) from exc


@click.command()
@app_options
@json_option
@click.option("--interval", default="1s", callback=_interval, help="Between two looks (1s).")
@click.option("--count", type=click.IntRange(1), metavar="N", help="Look so often, then end.")
def watch(interval: float, count: int | None, as_json: bool, **options: str | None) -> int:
    """Watch the queues, the servers with what they run, and what fails, until Ctrl-C."""
    loaded = load_tasks(options)
    try:
        with _showing(loaded, as_json) as show:
            with_services(loaded, lambda services: _watch(services, show, interval, count))
    except KeyboardInterrupt:
        return 0  # it is how one ends it
    except BrokenPipeError:  # `… | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _showing(loaded: Loaded, as_json: bool) -> AbstractContextManager[Show]:
    if as_json:
        return nullcontext(_print_object)
    if not is_terminal():
        return nullcontext(_print_line)
    from actionhero.cli.watch_screen import screen

    return screen(loaded.app.name)


async def _watch(services: "Services", show: Show, interval: float, count: int | None) -> None:
    import asyncio

    rates, looks = Rates(), 0
    while True:
        show(await _look(services, rates))
        looks += 1
        if looks == count:
            return
        await asyncio.sleep(interval)


async def _look(services: "Services", rates: Rates) -> Snapshot:
    try:
        overview = await services.tasks.overview()
        stats = await services.stats.get_all()
    except StoreError as exc:
        return Snapshot(error=f"the store is away: {exc.message}")
    rates.see(time.monotonic(), stats["global"])
    return Snapshot(
        per_second={name: round(rates.of(f"tasks:{key}"), 1) for name, key in _COUNTED.items()},
        types=rates.types(),
        overview=overview,
    )


def _print_object(snapshot: Snapshot) -> None:
    if snapshot.overview is None:
        print_json({"error": snapshot.error})
    else:
        one = snapshot.overview
        print_json(
            {
                "at": one.at,
                "per_second": snapshot.per_second,
                "types": snapshot.types,
                "queues": one.queues,
                "servers": one.servers,
                "failed": one.failed,
            }
        )
    sys.stdout.flush()


def _print_line(snapshot: Snapshot) -> None:
    overview = snapshot.overview
    if overview is None:
        click.echo(snapshot.error)
        return
    states = ("pending", "local", "delayed", "processing", "failed")
    counts = [f"{sum(getattr(one, state) for one in overview.queues)} {state}" for state in states]
    rates = [f"{rate:g} {name}/s" for name, rate in snapshot.per_second.items()]
    servers = f"servers {len(overview.servers)}"
    click.echo("  ".join((moment(overview.at), *counts, *rates, servers)))
    sys.stdout.flush()
