"""Tasks, our own side: `python -m benchmarks.tasks [CASE ...]`.

    work      no-op tasks with a small typed payload, one worker process, everything on
    enqueue   in bulk, from 100 concurrent callers, one by one
    pickup    from `enqueue` to the first line of the task, by an idle worker; and how late
              delayed ones start
    idle      commands a second that an idle worker costs
    memory    bytes in the store for each queued task, beyond its payload
    depth     a tick with 1,000,000 tasks queued beside one with 1,000
    distance  throughput with 2 ms of round trip to the store, by a delaying proxy process, beside
              the direct way and the proxy without delay
    recovery  how long the tasks of a killed server wait until another has run them

`work` runs in turns with a prototype that promises nothing (`tasks_prototype`); the ratio of the
two is what leases, tokens, records and the rest cost, whatever else the machine is doing. The peers
are in `benchmarks.tasks_side_by_side` and `benchmarks.kill_peers`.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence

import uvloop

from actionhero.tasks.task import Task
from benchmarks.contest import run_main
from benchmarks.report import describe_machine, format_ratio, format_table
from benchmarks.tasks_lab import Bench, bench
from benchmarks.tasks_prototype import Wire, fill, work
from benchmarks.tasks_store import (
    measure_depth,
    measure_distance,
    measure_idle,
    measure_memory,
    measure_recovery,
)

CONCURRENCIES = (100, 10, 1)


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


IN_A_STORE: dict[str, Callable[[Bench, argparse.Namespace], Awaitable[None]]] = {
    "work": measure_work,
    "enqueue": measure_enqueue,
    "pickup": measure_pickup,
    "idle": measure_idle,
    "memory": measure_memory,
}
ALONE: dict[str, Callable[[argparse.Namespace], Awaitable[None]]] = {
    "depth": measure_depth,
    "distance": measure_distance,
    "recovery": measure_recovery,
}
"""Cases that start their own stores."""
CASES = (*IN_A_STORE, *ALONE)


async def run(options: argparse.Namespace) -> None:
    """Measure what was asked."""
    print(describe_machine(), end="\n\n")
    for name in options.cases or CASES:
        if name in ALONE:
            await ALONE[name](options)
        else:
            async with bench() as one:
                await IN_A_STORE[name](one, options)
        print()


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
