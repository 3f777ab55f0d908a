"""A process that enqueues until it is killed, and tells the journal what the store acknowledged.

`python -m tests.torture.producer STORE_URL SEED`. What is not acknowledged is not sent again: the
store may have it or not, and either is right.
"""

import asyncio
import os
import random
import sys
from pathlib import Path

from actionhero import Task
from actionhero.errors import StoreError
from actionhero.settings import Settings, StoreSettings
from tests.torture import app as tortured
from tests.torture.app import app
from tests.torture.journal import Journal, now
from tests.torture.plan import LATEST

WEIGHTS = {
    "quick": 40,
    "urgent": 12,
    "medium": 12,
    "limited": 7,
    "rated": 5,
    "flaky": 10,
    "threaded": 10,
    "later": 16,
    "spread": 3,
    "spread_later": 2,
    "long": 1,
}
RATE = float(os.environ.get("TORTURE_RATE", "50"))
"""Tasks a second."""


def make(kind: str, random: random.Random) -> tuple[Task, float | None]:
    """A task, and its delay in seconds."""
    task: Task = getattr(tortured, kind.removesuffix("_later"))()
    if "later" not in kind:
        return task, None
    return task, random.choice((0.05, 0.4, 1.0, LATEST))


async def send(journal: Journal, kind: str, tasks: list[Task], delay: float | None) -> None:
    """Enqueue tasks; one by its own call, several in one."""
    sent = now()
    try:
        if len(tasks) == 1:
            await tasks[0].enqueue(delay=delay)
        else:
            await app.tasks.enqueue_many(tasks, delay=delay)
    except StoreError:
        return
    for task in tasks:
        journal.write(kind.removesuffix("_later"), task.id, sent, sent + round(1000 * (delay or 0)))


async def main(url: str, seed: str) -> None:
    journal = Journal(Path(os.environ["TORTURE_DIR"]) / "acks")
    chance = random.Random(seed)
    settings = Settings(store=StoreSettings(url=url, command_timeout=2.0))
    async with app.connected(settings), asyncio.TaskGroup() as sending:
        while True:
            kind = chance.choices(tuple(WEIGHTS), tuple(WEIGHTS.values()))[0]
            size = chance.choice((1, 1, 1, 5)) if kind in {"quick", "later"} else 1
            made = [make(kind, chance) for _ in range(size)]
            tasks = [task for task, _ in made]
            sending.create_task(send(journal, kind, tasks, made[0][1]))
            await asyncio.sleep(chance.expovariate(RATE / 1.5))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
