"""A worker process with two busy children, for a test to kill: `STORE_URL PATH`."""

import asyncio
import os
import sys

from actionhero.deadlines import Deadlines
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from actionhero.tasks.queue import Tasks
from actionhero.workers.worker import Worker
from tests.workers.in_processes import KINDS
from tests.workers.victim import Silent


async def main(url: str, path: str) -> None:
    client = await StoreClient.connect(url)
    tasks = Tasks(client, Keys(f"parent-{os.getpid()}"), {"spin": KINDS["spin"]})
    worker = Worker(
        client,
        tasks,
        concurrency=2,
        server=f"parent:{os.getpid()}",
        deadlines=Deadlines(asyncio.get_running_loop()),
        stats=Silent(),
        processes=2,
    )
    await tasks.enqueue_many([KINDS["spin"](path=path) for _ in range(2)])
    await worker.run_burst()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
