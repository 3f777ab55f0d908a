"""A store, and our tasks in it: what the cases of `benchmarks.tasks` share."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from actionhero.deadlines import Deadlines
from actionhero.stats import Stats
from actionhero.store.client import StoreClient
from actionhero.store.keys import QUEUE_KEYS, Keys
from actionhero.tasks.queue import Tasks
from actionhero.tasks.task import Task, TaskDefinition
from actionhero.workers.worker import Worker
from benchmarks.valkey import valkey_server

_EMAIL = "ada@example.com"


async def do_nothing(number: int, email: str) -> None:
    """The task."""


class Bench:
    """A store, and our tasks in it."""

    def __init__(self, client: StoreClient, path: Path) -> None:
        self.client = client
        self.path = path
        self.keys = Keys("bench")
        self.task = TaskDefinition(do_nothing)
        self.definitions = {"do_nothing": self.task}
        self.stats = Stats(client, self.keys, "bench:1")
        self.tasks = Tasks(client, self.keys, self.definitions, stats=self.stats)

    def define(self, function: Callable[..., Awaitable[None]], name: str) -> TaskDefinition:
        """One more type."""
        definition = TaskDefinition(function, name=name)
        self.definitions[name] = definition
        definition.connect(self.tasks)
        return definition

    def worker(self, concurrency: int) -> Worker:
        """A worker as a server has it."""
        return Worker(
            self.client,
            self.tasks,
            concurrency=concurrency,
            server="bench:1",
            deadlines=Deadlines(asyncio.get_running_loop()),
            stats=self.stats,
        )

    def build(self, count: int) -> list[Task]:
        """Tasks that are not enqueued yet."""
        return [self.task(number=number, email=_EMAIL) for number in range(count)]

    async def clear(self) -> None:
        """Empty the store."""
        await self.client.execute("FLUSHALL")
        self.tasks = Tasks(self.client, self.keys, self.definitions, stats=self.stats)

    async def queued(self) -> int:
        """How many tasks wait."""
        names = dict(zip(QUEUE_KEYS, self.keys.queue("default").for_scripts, strict=True))
        return int(await self.client.execute("LLEN", names["normal"]))

    async def fact(self, section: str, name: str) -> float:
        """One number of the store's INFO."""
        text = (await self.client.execute("INFO", section)).decode()
        return float(text.partition(f"{name}:")[2].split()[0])


@asynccontextmanager
async def bench(server: Path | None = None) -> AsyncIterator[Bench]:
    """A fresh store with nothing on disk, of a given binary or of the one we embed."""
    with tempfile.TemporaryDirectory() as name, valkey_server(Path(name), server) as store:
        async with connected(store.path) as one:
            yield one


@asynccontextmanager
async def connected(path: Path) -> AsyncIterator[Bench]:
    """Our tasks in a store that runs."""
    client = await StoreClient.connect(f"unix://{path}")
    one = Bench(client, path)
    await one.stats.start()
    yield one
    await one.stats.aclose()
    await client.aclose()
