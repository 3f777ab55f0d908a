"""Ours: a no-op task, and its producer (`python -m benchmarks.servers.noop_tasks COUNT [EVERY]`).

The store is the one that the benchmark runs: ACTIONHERO_STORE__URL names it. With EVERY, the
producer goes on with one task every so many seconds, until it is ended.
"""

from __future__ import annotations

import asyncio
import sys

from actionhero import App
from actionhero.settings_loading import load_settings
from benchmarks.peers import noop

app = App("bench")


@app.task
async def do_nothing(number: int, email: str) -> None:
    """Do nothing, with a small typed payload."""
    await noop.run_async(number, email)


if noop.PERIODIC:

    @app.task(every="1s")
    async def tick() -> None:
        """Fire."""
        noop.tick()


async def enqueue(count: int, every: float | None = None) -> None:
    """Enqueue tasks in bulk; perhaps go on with single ones."""
    async with app.connected(load_settings()):
        for first in range(0, count, 1000):
            numbers = range(first, min(first + 1000, count))
            await app.tasks.enqueue_many(
                [do_nothing(number=number, email="ada@example.com") for number in numbers]
            )
        while every:
            await asyncio.sleep(every)
            await do_nothing(number=count, email="ada@example.com").enqueue()
            count += 1


if __name__ == "__main__":
    asyncio.run(enqueue(int(sys.argv[1]), *map(float, sys.argv[2:])))
