"""`python -m tests.soak`: minutes of mixed load on a real server, and what it left behind.

Clients of all transports do their rounds, some of them leaving in the midst. Once all have gone
and all tasks are done, there must be no descriptor and nothing in the store that was not there
before, memory must not have grown from the first half to the end, and no answer been wrong. Ends
with 1 if it was not so. Options: --seconds S, --clients N of each kind.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from actionhero.store.client import StoreClient
from actionhero.store.embedded import open_store
from tests.processes import ServerProcess
from tests.soak import load, state

_WARM_UP = 10.0
_SETTLE = 60.0
"""Seconds that the last of it may take to go."""
_SETTINGS = {
    "ACTIONHERO_WEB__CONNECTIONS_PER_ADDRESS": "5000",
    "ACTIONHERO_LOG__LEVEL": "error",
    "ACTIONHERO_TASKS__CONCURRENCY": "20",
}


class Verdict(Struct, frozen=True):
    """What came of it: rounds of each kind, memory over the time, and what was wrong."""

    rounds: dict[str, int]
    memory: list[int]
    faults: list[str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Soak as it was told."""
    parser = argparse.ArgumentParser(prog="soak")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--clients", type=int, default=3)
    given = parser.parse_args(arguments)
    return 0 if show(asyncio.run(soak(given.seconds, given.clients))) else 1


async def soak(seconds: float, clients: int) -> Verdict:
    """Load a server of its own for so long."""
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        directory = Path(folder)
        (directory / "public").mkdir()
        (directory / "public" / "page.html").write_text("<h1>Here</h1>" * 500)
        project = str(Path(__file__).parents[2])
        server = ServerProcess(directory, "tests.soak.app:app", PYTHONPATH=project, **_SETTINGS)
        try:
            await server.start()
            await server.http.aclose()
            store = await open_store(f"embedded:{directory / '.actionhero'}")
            try:
                return await _load(server, store, seconds, clients)
            finally:
                await store.aclose()
        finally:
            await server.kill()


async def _load(server: ServerProcess, store: StoreClient, seconds: float, clients: int) -> Verdict:
    pid = server.process.pid
    place = load.Place(server.http_port, server.tcp_port)
    await load.run(place, clients, _WARM_UP)
    await asyncio.sleep(_WARM_UP)
    before = await state.look(pid, store)
    samples: list[int] = []
    sampling = asyncio.create_task(_sample(pid, samples))
    await load.run(place, clients, seconds)
    sampling.cancel()
    left = await _wait_settled(pid, store, before)
    grown = state.growth(samples)
    return Verdict(dict(place.rounds), samples, [*place.faults, *left, *([grown] if grown else [])])


async def _sample(pid: int, samples: list[int]) -> None:
    while True:
        samples.append(state.memory_of(pid))
        await asyncio.sleep(1)


async def _wait_settled(pid: int, store: StoreClient, before: state.Held) -> list[str]:
    """What is still left when there was time enough to tidy up."""
    end = time.monotonic() + _SETTLE
    while left := state.left_over(before, await state.look(pid, store)):
        if time.monotonic() > end:
            return left
        await asyncio.sleep(1)
    return []


def show(verdict: Verdict) -> bool:
    """What was done, and what was wrong; whether nothing was."""
    for name, count in sorted(verdict.rounds.items()):
        print(f"{name:14}{count:>10,}")
    if verdict.memory:
        shown = verdict.memory[:: max(1, len(verdict.memory) // 10)]
        print("memory, MB:   " + " ".join(f"{size / 1e6:.1f}" for size in shown))
    for fault in verdict.faults:
        print(fault)
    return not verdict.faults


if __name__ == "__main__":
    sys.exit(main())
