"""Ours: a no-op task, and its producer (`python -m benchmarks.servers.noop_tasks COUNT`).

The store is the one that the benchmark runs: ACTIONHERO_STORE__URL names it.
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
    noop.run(number, email)


async def enqueue(count: int) -> None:
    """Enqueue tasks in bulk."""
    async with app.connected(load_settings()):
        for first in range(0, count, 1000):
            numbers = range(first, min(first + 1000, count))
            await app.tasks.enqueue_many(
                [do_nothing(number=number, email="ada@example.com") for number in numbers]
            )


if __name__ == "__main__":
    asyncio.run(enqueue(int(sys.argv[1])))
