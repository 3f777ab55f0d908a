"""The app that is tortured: one type of task for each promise. Run by `actionhero work`.

Each run tells the journal of its begin and of its end. `TORTURE_DIR` is where the journal is,
`TORTURE_SERVER` what this process is called there.
"""

import asyncio
import contextlib
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path

from actionhero import App, Task
from tests.torture.journal import Journal
from tests.torture.plan import (
    AT_ONCE,
    CRON,
    EVERY,
    EVERY_ON_ALL,
    FAILS,
    LONG,
    MEDIUM,
    RATE,
)

app = App("torture")
_runs = Journal(Path(os.environ["TORTURE_DIR"]) / "runs")
_server = os.environ.get("TORTURE_SERVER", "none")
_numbers = itertools.count(1)


class ExpectedError(Exception):
    """Raised on purpose."""


@contextlib.contextmanager
def told(task: Task) -> Iterator[None]:
    """Tell the journal of one run."""
    run = f"{_server}/{next(_numbers)}"
    _runs.write("begin", task.id, run, task.attempts, task.lapses, _server)
    how = "raised"
    try:
        yield
        how = "done"
    except (asyncio.CancelledError, GeneratorExit):
        how = "cancelled"
        raise
    finally:
        _runs.write("end", run, how)


@app.task
async def quick(task: Task) -> None:
    with told(task):
        await asyncio.sleep(0.005)


@app.task(priority="high")
async def urgent(task: Task) -> None:
    with told(task):
        await asyncio.sleep(0.005)


@app.task
async def later(task: Task) -> None:
    with told(task):
        await asyncio.sleep(0.005)


@app.task
async def medium(task: Task) -> None:
    with told(task):
        await asyncio.sleep(MEDIUM)


@app.task(concurrency=AT_ONCE)
async def limited(task: Task) -> None:
    with told(task):
        await asyncio.sleep(MEDIUM)


@app.task(rate=f"{RATE}/s")
async def rated(task: Task) -> None:
    with told(task):
        await asyncio.sleep(0.005)


@app.task
async def long(task: Task) -> None:
    with told(task):
        await asyncio.sleep(LONG)


@app.task(retries=10, backoff="100ms")
async def flaky(task: Task) -> None:
    with told(task):
        await asyncio.sleep(0.005)
        if task.attempts < FAILS:
            raise ExpectedError


@app.task
def threaded(task: Task) -> None:
    with told(task):
        time.sleep(0.02)


@app.task(scope="all")
async def spread(task: Task) -> None:
    with told(task):
        await asyncio.sleep(0.005)


@app.task(every=EVERY)
async def periodic(task: Task) -> None:
    with told(task):
        await asyncio.sleep(0.05)


@app.task(every=EVERY_ON_ALL, scope="all")
async def periodic_all(task: Task) -> None:
    with told(task):
        await asyncio.sleep(0.005)


@app.task(cron=f"*/{CRON} * * * * *", catch_up="all", overlap="allow")
async def by_clock(task: Task) -> None:
    with told(task):
        await asyncio.sleep(0.005)
