"""Tasks, what they cost the store and what a far or dying one costs them: cases of
`benchmarks.tasks`.

`depth` looks only at the processor time that the store used for the ticks: each settles a hundred
tasks and claims the next hundred, from a queue that is kept at its length. Both servers are
measured, since they differ in how they lay out memory.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from actionhero.store.task_scripts import QueueScripts
from benchmarks.kill_peers import kill
from benchmarks.processes import BenchmarkError, running
from benchmarks.report import format_ratio, format_table
from benchmarks.task_peers import Ours
from benchmarks.tasks_lab import Bench, bench, connected
from benchmarks.valkey import find_valkey_server, valkey_server

DISTANCE = 0.001
"""Seconds one way: 2 ms for a round trip."""
BATCH = 100
BURST = 8
"""Ticks between two refills of the queue."""


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


async def measure_depth(options: argparse.Namespace) -> None:
    """What a long queue does to a tick: two stores at once, in turns, so that whatever else the
    machine does is the same for both."""
    rows = []
    for name, server in _servers():
        async with bench(server) as short, bench(server) as long:
            both = [await _Ticks.of(short, 1_000), await _Ticks.of(long, 1_000_000)]
            costs: list[list[float]] = [[], []]
            for _ in range(10 * options.rounds):
                for ticks, each in zip(both, costs, strict=True):
                    each.append(await ticks.burst())
        least = min(costs[1]) / min(costs[0])
        rows.append(
            [
                name,
                f"{statistics.median(costs[0]):.0f}",
                f"{statistics.median(costs[1]):.0f}",
                format_ratio(costs[1], costs[0]),
                f"{least:.2f}",
            ]
        )
    head = [f"tick of {BATCH}, CPU µs", "1,000 queued", "1,000,000 queued", "×", "× of the least"]
    print(format_table(head, rows))


def _servers() -> list[tuple[str, Path]]:
    """The server that we embed, and those of the system."""
    found = {"valkey-server (embedded)": find_valkey_server()}
    for name in ("valkey-server", "redis-server"):
        place = shutil.which(name)
        if place is not None:
            found[f"{name} (system)"] = Path(place)
    return list(found.items())


class _Ticks:
    """The ticks of a worker that is always busy."""

    def __init__(self, one: Bench, scripts: QueueScripts) -> None:
        self._one = one
        self._scripts = scripts
        self._number = 0
        self._settles: list[bytes | str | int] = [0]

    @classmethod
    async def of(cls, one: Bench, queued: int) -> _Ticks:
        """Those of a queue of this length, warm, in a store that writes nothing else."""
        scripts = one.tasks.scripts("default")
        await scripts.register("probe:1", 600_000, [])
        ticks = cls(one, scripts)
        while await one.queued() < queued:
            await one.tasks.enqueue_many(one.build(min(queued, 50_000)))
        while await one.fact("persistence", "aof_rewrite_in_progress"):  # noqa: ASYNC110  no event
            await asyncio.sleep(0.1)
        await ticks.burst()
        return ticks

    async def burst(self) -> float:
        """µs of the store for a tick, over some of them; the queue is as long afterwards."""
        before = await self._used()
        for _ in range(BURST):
            await self._tick()
        used = await self._used() - before
        await self._one.tasks.enqueue_many(self._one.build(BURST * BATCH))
        return used / BURST

    async def _tick(self) -> None:
        self._number += 1
        reply = await self._scripts.tick(["probe:1", self._number, BATCH, 0, 3, *self._settles, 0])
        if len(reply.ids) != BATCH:
            raise BenchmarkError(f"a tick claimed {len(reply.ids)} tasks, not {BATCH}")
        self._settles = [1, self._number, BATCH, *reply.ids]

    async def _used(self) -> float:
        fact = self._one.fact
        return (await fact("cpu", "used_cpu_user") + await fact("cpu", "used_cpu_sys")) * 1e6


async def measure_distance(options: argparse.Namespace) -> None:
    """Throughput when the store is 2 ms away, beside one that is near."""
    ways: dict[str, Callable[[Path, Path], list[str]]] = {
        "direct": lambda _folder, _target: [],
        "through the proxy, no delay": lambda folder, target: _proxy(folder, target, 0.0),
        "2 ms for a round trip": lambda folder, target: _proxy(folder, target, DISTANCE),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    trips: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, command in ways.items():
            rate, trip = await _work_through(command, options.tasks)
            rates[name].append(rate)
            trips[name].append(trip)
    rows = [
        [
            name,
            f"{statistics.median(trips[name]):.2f}",
            f"{statistics.median(rates[name]):,.0f}",
            format_ratio(rates["direct"], rates[name]),
        ]
        for name in ways
    ]
    print(format_table(["the store", "round trip, ms", "tasks/s", "slower by ×"], rows))


def _proxy(folder: Path, target: Path, seconds: float) -> list[str]:
    module = [sys.executable, "-m", "benchmarks.servers.delay"]
    return [*module, str(folder / "far.sock"), str(target), str(seconds)]


async def _work_through(
    command: Callable[[Path, Path], list[str]], count: int
) -> tuple[float, float]:
    """Tasks a second, and ms of a round trip, over a way to the store."""
    with tempfile.TemporaryDirectory() as name, valkey_server(Path(name)) as store:
        folder = Path(name)
        proxy = command(folder, store.path)
        if not proxy:
            return await _work(store.path, count)
        with running(proxy, cwd=Path(__file__).parent.parent, log=folder / "log") as process:
            path = folder / "far.sock"
            while not path.exists():
                process.require_alive()
                await asyncio.sleep(0.02)
            return await _work(path, count)


async def _work(path: Path, count: int) -> tuple[float, float]:
    async with connected(path) as one:
        trips = []
        for _ in range(20):
            began = time.perf_counter()
            await one.client.execute("PING")
            trips.append((time.perf_counter() - began) * 1e3)
        await one.tasks.enqueue_many(one.build(count))
        began = time.perf_counter()
        await one.worker(100).run_burst()
        took = time.perf_counter() - began
    return count / took, statistics.median(trips)


async def measure_recovery(options: argparse.Namespace) -> None:
    """How long the tasks of a killed server wait for another: real processes, `kill -9`."""
    trial = argparse.Namespace(tasks=200, seconds=0.05, patience=60.0)
    kills = [kill(Ours(), trial, is_safe=False) for _ in range(min(3, options.rounds))]
    waited = [f"{killed.seconds:.1f}" for killed in kills if killed.seconds is not None]
    lost, doubled = sum(one.lost for one in kills), sum(one.doubled for one in kills)
    row = [str(len(kills)), str(lost), str(doubled), " ".join(waited)]
    head = ["kill -9 of a server, lease 10 s", "lost", "done twice", "all done after, s"]
    print(format_table(head, [row]))
