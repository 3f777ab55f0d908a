"""A worker process for a test to freeze: `STORE_URL PREFIX LOG`. It works until it is killed.

The log has `begin|woke|cancelled NAME LAPSES`, and `stat KEY N` for each thing that it counts.
"""

import asyncio
import os
import signal
import sys

from actionhero.deadlines import Deadlines
from actionhero.stats import Histogram
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from actionhero.tasks.queue import Tasks
from actionhero.tasks.task import Task, TaskDefinition
from actionhero.workers.worker import Worker
from tests.workers.victim import Log

LEASE = 2.0


class Logged:
    """Stats that are written down."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def increment(self, key: str, n: int = 1) -> None:
        self._log("stat", key, n)

    def histogram(self, key: str) -> Histogram:
        return Histogram()


def define(log: Log, where: str) -> dict[str, TaskDefinition]:
    """The same types for both; only there they freeze, or never end."""

    async def freeze(task: Task) -> None:
        log(where, "begin", task.name, task.lapses)
        if where == "frozen" and not task.lapses:
            os.kill(os.getpid(), signal.SIGSTOP)
            log(where, "woke", task.name, task.lapses)

    async def hold(task: Task) -> None:
        log(where, "begin", task.name, task.lapses)
        if where == "frozen":
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                log(where, "cancelled", task.name, task.lapses)
                raise

    async def after(task: Task) -> None:
        log(where, "begin", task.name, task.lapses)

    return {one.__name__: TaskDefinition(one) for one in (freeze, hold, after)}


async def main(url: str, prefix: str, path: str) -> None:
    client = await StoreClient.connect(url)
    log = Log(path)
    worker = Worker(
        client,
        Tasks(client, Keys(prefix), define(log, "frozen")),
        concurrency=5,
        server=f"frozen:{os.getpid()}",
        deadlines=Deadlines(asyncio.get_running_loop()),
        stats=Logged(log),
        lease=LEASE,
    )
    await worker.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
