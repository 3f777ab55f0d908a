"""Task types, their queues and workers on them, for a test."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Unpack, overload

from actionhero.deadlines import Deadlines
from actionhero.stats import Histogram
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from actionhero.tasks.options import TaskOptions
from actionhero.tasks.queue import Tasks
from actionhero.tasks.queues import QueueDefinition
from actionhero.tasks.task import TaskDefinition
from actionhero.workers.worker import Worker

_numbers = itertools.count(1)


class Counts:
    """Stats that stay in memory."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()
        self.histograms: dict[str, Histogram] = {}

    def increment(self, key: str, n: int = 1) -> None:
        self.counted[key] += n

    def histogram(self, key: str) -> Histogram:
        return self.histograms.setdefault(key, Histogram())

    def __getitem__(self, key: str) -> int:
        return self.counted[f"tasks:{key}"]


class Provided:
    """What the tests' tasks are handed in."""

    def __init__(self) -> None:
        self.values: dict[Any, Any] = {}

    def provides(self, kind: Any) -> bool:
        return kind in self.values

    def provide(self, kind: Any) -> Any:
        return self.values[kind]


class House:
    """One app's tasks. Workers that a test made are drained after it."""

    def __init__(self, client: StoreClient, keys: Keys) -> None:
        self.client = client
        self.keys = keys
        self.stats = Counts()
        self.provided = Provided()
        self.definitions: dict[str, TaskDefinition] = {}
        self.workers: list[Worker] = []
        self.queues: dict[str, QueueDefinition] = {}
        self.tasks = Tasks(
            client,
            keys,
            self.definitions,
            stats=self.stats,
            provider=self.provided,
            queues=self.queues,
        )

    @overload
    def task(self, function: Callable[..., Any], /) -> TaskDefinition: ...
    @overload
    def task(
        self, /, **options: Unpack[TaskOptions]
    ) -> Callable[[Callable[..., Any]], TaskDefinition]: ...
    def task(self, function: Any = None, /, **options: Unpack[TaskOptions]) -> Any:
        """The decorator."""

        def define(function: Callable[..., Any]) -> TaskDefinition:
            definition = TaskDefinition(function, **options)
            self.definitions[definition.name] = definition
            definition.connect(self.tasks)
            return definition

        return define if function is None else define(function)

    def queue(self, name: str, **options: Any) -> QueueDefinition:
        """A queue that is more than a name."""
        self.queues[name] = QueueDefinition(name, **options)
        return self.queues[name]

    def worker(self, *, name: str = "", concurrency: int = 10, **options: Any) -> Worker:
        """A worker that has not started."""
        options.setdefault("server", f"{name or f's{next(_numbers)}'}:{next(_numbers)}")
        worker = Worker(
            self.client,
            self.tasks,
            concurrency=concurrency,
            deadlines=Deadlines(asyncio.get_running_loop()),
            stats=self.stats,
            **options,
        )
        self.workers.append(worker)
        return worker

    async def start(self, **options: Any) -> Worker:
        """A worker that runs."""
        worker = self.worker(**options)
        await worker.start()
        return worker

    async def burst(self, **options: Any) -> int:
        """Work off all there is."""
        async with asyncio.timeout(20):
            return await self.worker(**options).run_burst()

    async def counts(self, queue: str = "default") -> dict[str, int]:
        """Those that are not 0."""
        found = (await self.tasks.details())[queue]
        return {name: n for name, n in found.items() if n and name != "servers"}

    async def aclose(self) -> None:
        for worker in self.workers:
            await worker.drain(0.0)
        self.tasks.close()


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 20.0) -> None:
    """Return as soon as the condition holds."""
    async with asyncio.timeout(seconds):
        while True:
            holds = condition()
            if not isinstance(holds, bool):
                holds = await holds
            if holds:
                return
            await asyncio.sleep(0.003)
