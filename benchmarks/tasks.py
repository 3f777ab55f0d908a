"""Tasks, our own side: `python -m benchmarks.tasks [CASE ...]`.

    work      no-op tasks with a small typed payload, one worker process, everything on
    enqueue   in bulk, from 100 concurrent callers, one by one
    pickup    from `enqueue` to the first line of the task, by an idle worker; and how late
              delayed ones start
    idle      commands a second that an idle worker costs
    memory    bytes in the store for each queued task, beyond its payload
    depth     a tick with 1,000,000 tasks queued beside one with 1,000

`work` runs in turns with a prototype that promises nothing (`tasks_prototype`); the ratio of the
two is what leases, tokens, records and the rest cost, whatever else the machine is doing. The peers
are in `benchmarks.tasks_side_by_side`.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import uvloop

from actionhero.deadlines import Deadlines
from actionhero.stats import Stats
from actionhero.store.client import StoreClient
from actionhero.store.keys import QUEUE_KEYS, Keys
from actionhero.tasks.queue import Tasks
from actionhero.tasks.task import Task, TaskDefinition
from actionhero.workers.worker import Worker
from benchmarks.contest import run_main
from benchmarks.report import describe_machine, format_ratio, format_table
from benchmarks.tasks_prototype import Wire, fill, work
from benchmarks.valkey import valkey_server

CONCURRENCIES = (100, 10, 1)
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

    async def fact(self, section: str, name: str) -> float:
        """One number of the store's INFO."""
        text = (await self.client.execute("INFO", section)).decode()
        return float(text.partition(f"{name}:")[2].split()[0])


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    """A fresh store with nothing on disk."""
    with tempfile.TemporaryDirectory() as name, valkey_server(Path(name)) as store:
        client = await StoreClient.connect(f"unix://{store.path}")
        one = Bench(client, store.path)
        await one.stats.start()
        yield one
        await one.stats.aclose()
        await client.aclose()


async def measure_work(one: Bench, options: argparse.Namespace) -> None:
    """Throughput at each concurrency, in turns with the prototype."""
    rows = []
    for concurrency in CONCURRENCIES:
        ours, bare, cpu = [], [], []
        for _ in range(options.rounds):
            await one.clear()
            await one.tasks.enqueue_many(one.build(options.tasks))
            began, used = time.perf_counter(), time.process_time()
            assert await one.worker(concurrency).run_burst() == options.tasks
            ours.append(options.tasks / (time.perf_counter() - began))
            cpu.append((time.process_time() - used) / options.tasks * 1e6)
            bare.append(await _run_prototype(one, concurrency, options.tasks))
        rows.append(
            [
                str(concurrency),
                f"{statistics.median(ours):,.0f}",
                f"{max(ours):,.0f}",
                f"{statistics.median(cpu):.1f}",
                f"{statistics.median(bare):,.0f}",
                format_ratio(ours, bare),
            ]
        )
    head = ["concurrency", "tasks/s", "best", "CPU µs/task", "prototype", "× prototype"]
    print(format_table(head, rows))


async def _run_prototype(one: Bench, batch: int, count: int) -> float:
    _, wire = await asyncio.get_running_loop().create_unix_connection(Wire, str(one.path))
    await fill(wire, count)
    began = time.perf_counter()
    assert await work(wire, batch) == count
    wire.close()
    return count / (time.perf_counter() - began)


async def measure_enqueue(one: Bench, options: argparse.Namespace) -> None:
    """How fast tasks go in."""

    async def in_bulk(tasks: Sequence[Task]) -> None:
        await one.tasks.enqueue_many(tasks)

    async def from_100(tasks: Sequence[Task]) -> None:
        waiting = iter(tasks)

        async def call() -> None:
            for task in waiting:
                await task.enqueue()

        await asyncio.gather(*(call() for _ in range(100)))

    async def one_by_one(tasks: Sequence[Task]) -> None:
        for task in tasks:
            await task.enqueue()

    rows = []
    for enter, count in ((in_bulk, options.tasks), (from_100, options.tasks), (one_by_one, 3000)):
        rates = []
        for _ in range(options.rounds):
            await one.clear()
            tasks = one.build(count)
            began = time.perf_counter()
            await enter(tasks)
            rates.append(count / (time.perf_counter() - began))
        name = enter.__name__.replace("_", " ")
        rows.append([name, f"{statistics.median(rates):,.0f}", f"{max(rates):,.0f}"])
    print(format_table(["enqueue", "tasks/s", "best"], rows))


async def measure_pickup(one: Bench, options: argparse.Namespace) -> None:
    """How soon an idle worker starts what comes, and what comes due."""
    started = asyncio.get_running_loop().create_future()

    async def note() -> None:
        started.set_result(time.time())

    kind = one.define(note, "note")
    worker = one.worker(100)
    await worker.start()
    at_once, late = [], []
    for number in range(options.rounds * 60):
        started = asyncio.get_running_loop().create_future()
        await asyncio.sleep(0.005)
        if number % 2:
            began = time.time()
            await kind().enqueue()
            at_once.append((await started - began) * 1e3)
        else:
            due = datetime.datetime.now(datetime.UTC) + datetime.timedelta(milliseconds=40)
            await kind().enqueue(at=due)
            late.append((await started - due.timestamp()) * 1e3)
    await worker.drain(1.0)
    rows = [["now", *_percentiles(at_once)], ["delayed: late by", *_percentiles(late)]]
    print(format_table(["pick-up, ms", "min", "p50", "p90", "p99"], rows))


def _percentiles(values: list[float]) -> list[str]:
    values.sort()
    places = (0, len(values) // 2, len(values) * 9 // 10, len(values) * 99 // 100)
    return [f"{values[place]:.2f}" for place in places]


async def measure_idle(one: Bench, options: argparse.Namespace) -> None:
    """What a worker with nothing to do costs."""
    worker = one.worker(100)
    await worker.start()
    await asyncio.sleep(0.5)
    await one.client.execute("CONFIG", "RESETSTAT")
    began = time.perf_counter()
    await asyncio.sleep(options.seconds)
    stats = (await one.client.execute("INFO", "commandstats")).decode()
    took = time.perf_counter() - began
    await worker.drain(1.0)
    calls = dict(re.findall(r"cmdstat_(\w+):calls=(\d+)", stats))
    asked = {name: int(calls.get(name, 0)) for name in ("evalsha", "eval", "blpop", "ping")}
    total = f"{sum(asked.values()) / took:.2f}"
    print(format_table(["idle worker: commands/s", *asked], [[total, *map(str, asked.values())]]))


async def measure_memory(one: Bench, options: argparse.Namespace) -> None:
    """What a queued task weighs in the store."""
    await one.clear()
    await one.tasks.enqueue_many(one.build(1000))
    before = await one.fact("memory", "used_memory")
    tasks = one.build(options.tasks)
    payload = sum(len(task.encoded_params()) for task in tasks) / len(tasks)
    await one.tasks.enqueue_many(tasks)
    bytes_each = (await one.fact("memory", "used_memory") - before) / len(tasks)
    row = [f"{bytes_each:.0f}", f"{payload:.0f}", f"{bytes_each - payload:.0f}"]
    print(format_table(["bytes a task", "its payload", "beyond it"], [row]))


async def measure_depth(one: Bench, options: argparse.Namespace) -> None:
    """What a long queue does to a tick."""
    costs = {}
    for queued in (1_000, 1_000_000):
        await one.clear()
        for _ in range(0, queued, 50_000):
            await one.tasks.enqueue_many(one.build(min(queued, 50_000)))
        costs[queued] = statistics.median([await _tick_cost(one) for _ in range(options.rounds)])
    ratio = costs[1_000_000] / costs[1_000]
    row = [f"{costs[1_000]:.0f}", f"{costs[1_000_000]:.0f}", f"{ratio:.2f}"]
    print(format_table(["tick of 100, µs", "with 1,000,000", "×"], [row]))


async def _tick_cost(one: Bench) -> float:
    """µs in the store for a tick that claims 100 and gives them back."""
    scripts = one.tasks.scripts("default")
    data = dict(zip(QUEUE_KEYS, one.keys.queue("default").for_scripts, strict=True))["processing:"]
    await scripts.register("probe:1", 60_000, [])
    await one.client.execute("CONFIG", "RESETSTAT")
    number = 0
    for _ in range(20):
        number += 1
        reply = await scripts.tick(["probe:1", number, 100, 0, 3, 0, 0])
        token, number = number, number + 1
        back = [part for id in reversed(reply.ids) for part in ("b", id, str(token), 0, "")]
        await scripts.tick(["probe:1", number, 0, 0, 3, 0, len(reply.ids), *back])
    stats = (await one.client.execute("INFO", "commandstats")).decode()
    used = stats.partition("cmdstat_evalsha:calls=")[2].partition("usec=")[2].partition(",")[0]
    await one.client.execute("DEL", f"{data}probe:1")
    return float(used) / 20


CASES = {
    "work": measure_work,
    "enqueue": measure_enqueue,
    "pickup": measure_pickup,
    "idle": measure_idle,
    "memory": measure_memory,
    "depth": measure_depth,
}


async def run(options: argparse.Namespace) -> None:
    """Measure what was asked."""
    print(describe_machine(), end="\n\n")
    for name in options.cases or CASES:
        async with bench() as one:
            await CASES[name](one, options)


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tasks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help=" ".join(CASES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=30_000)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long `idle` looks")
    options = parser.parse_args()
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"there is no case {', '.join(sorted(unknown))}")
    return run_main(lambda: uvloop.run(run(options)))


if __name__ == "__main__":
    sys.exit(main())
