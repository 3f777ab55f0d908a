"""A worker process for a test to kill: `python -m tests.workers.victim STORE_URL PREFIX LOG`.

Each run of a task appends one line to the log, outside the store: `begin|end id lapses`.
"""

import asyncio
import os
import sys

from actionhero.deadlines import Deadlines
from actionhero.stats import Histogram
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from actionhero.tasks.queue import Tasks
from actionhero.tasks.task import Task, TaskDefinition
from actionhero.workers.worker import Worker

LEASE = 1.0


class Silent:
    def increment(self, key: str, n: int = 1) -> None: ...

    def histogram(self, key: str) -> Histogram:
        return Histogram()


class Log:
    """Lines that are there even if the process is killed right after."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def __call__(self, *words: object) -> None:
        os.write(self._file, (" ".join(map(str, words)) + "\n").encode())


def define(log: Log) -> dict[str, TaskDefinition]:
    async def work(n: int, task: Task) -> None:
        log("begin", task.id, task.lapses)
        await asyncio.sleep(0.005 + n % 7 / 1000)
        log("end", task.id, task.lapses)

    return {"work": TaskDefinition(work)}


async def main(url: str, prefix: str, path: str) -> None:
    client = await StoreClient.connect(url)
    worker = Worker(
        client,
        Tasks(client, Keys(prefix), define(Log(path))),
        concurrency=20,
        server=f"victim:{os.getpid()}",
        deadlines=Deadlines(asyncio.get_running_loop()),
        stats=Silent(),
        lease=LEASE,
    )
    await worker.run_burst()
    await client.aclose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
