"""Starts everything, does harm at random by a seed, mends it, and lets the rest come to its end.

Each deed is written down before it is done, and what mends it after. The deeds of one server do not
overlap; those of different ones, of the producer and of the store do.
"""

import asyncio
import contextlib
import random
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec import Struct

from actionhero.errors import StoreError
from actionhero.store.keys import Keys
from tests.torture.checker import Evidence
from tests.torture.journal import Journal
from tests.torture.plan import LATEST, LEASE, LONG
from tests.torture.processes import Process, Server, Store, producer

NAMES = ("a", "b", "c")
SETTLE = LATEST + 2 * LONG + 3 * LEASE
"""Seconds that what was enqueued has to come to its end when nobody harms it any more: the longest
task may start late, and once more."""
WEIGHTS = {
    "kill": 44,
    "stop": 14,
    "term": 8,
    "kill-producer": 10,
    "kill-store": 8,
    "freeze-store": 6,
    "reset": 10,
}


class Options(Struct, frozen=True):
    """`seconds` of harm, a deed each `pause` seconds on average, `rate` tasks a second."""

    seconds: float
    seed: int
    appendfsync: str = "always"
    pause: float = 1.8
    rate: float = 50.0
    names: tuple[str, ...] = NAMES


class Torturer:
    """One run, with its journal in `directory`."""

    def __init__(self, directory: Path, options: Options) -> None:
        self._directory = directory
        self._options = options
        self._chance = random.Random(options.seed)
        self._deeds = Journal(directory / "deeds")
        self._store = Store(directory, options.appendfsync)
        self._servers: dict[str, Server] = {}
        self._numbers = dict.fromkeys(options.names, 0)
        self._producer: Process | None = None
        self._producers = 0
        self._busy: set[str] = set()
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """All of it. Leaves no process."""
        try:
            await self._store.start()
            self._deeds.write("store-up")
            await asyncio.gather(*map(self._start_server, self._options.names))
            await self._start_producer()
            await self._do_harm()
            await self._come_to_rest()
        finally:
            await self._end()

    # harm

    async def _do_harm(self) -> None:
        end = time.monotonic() + self._options.seconds
        deeds = {
            "kill": self._kill,
            "stop": self._stop,
            "term": self._terminate,
            "kill-producer": self._kill_producer,
            "kill-store": self._kill_store,
            "freeze-store": self._freeze_store,
            "reset": self._reset,
        }
        while time.monotonic() < end:
            await asyncio.sleep(self._chance.expovariate(1 / self._options.pause))
            kind = self._chance.choices(tuple(WEIGHTS), tuple(WEIGHTS.values()))[0]
            on = self._chance.choice(self._options.names)
            pause = self._chance.random()
            place = on if kind in {"kill", "stop", "term"} else kind.partition("-")[2] or kind
            if place not in self._busy:
                self._begin(place, deeds[kind], on, pause)

    def _begin(
        self, place: str, deed: Callable[[str, float], Awaitable[None]], on: str, pause: float
    ) -> None:
        async def do() -> None:
            try:
                await deed(on, pause)
            finally:
                self._busy.discard(place)

        self._busy.add(place)
        task = asyncio.create_task(do())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _kill(self, on: str, pause: float) -> None:
        server = self._servers[on]
        self._deeds.write("kill", server.label)
        await server.kill()
        await asyncio.sleep(pause * 1.5 * LEASE)
        await self._start_server(on)

    async def _stop(self, on: str, pause: float) -> None:
        server = self._servers[on]
        self._deeds.write("stop", server.label)
        server.send(signal.SIGSTOP)
        await asyncio.sleep((0.5 + 1.5 * pause) * LEASE)
        server.send(signal.SIGCONT)
        self._deeds.write("cont", server.label)
        await asyncio.sleep(1.0)

    async def _terminate(self, on: str, pause: float) -> None:
        server = self._servers[on]
        self._deeds.write("term", server.label)
        server.send(signal.SIGTERM)
        if not await server.wait(15):
            self._deeds.write("hangs", server.label)
            await server.kill()
        await self._start_server(on)

    async def _kill_producer(self, on: str, pause: float) -> None:
        self._deeds.write("kill-producer")
        assert self._producer is not None
        await self._producer.kill()
        await self._start_producer()

    async def _kill_store(self, on: str, pause: float) -> None:
        self._deeds.write("kill-store")
        await self._store.kill()
        await asyncio.sleep(pause * LEASE)
        await self._store.start()
        self._deeds.write("store-up")

    async def _freeze_store(self, on: str, pause: float) -> None:
        self._deeds.write("freeze-store")
        self._store.send(signal.SIGSTOP)
        await asyncio.sleep(pause * 1.5 * LEASE)
        self._store.send(signal.SIGCONT)
        self._deeds.write("store-up")

    async def _reset(self, on: str, pause: float) -> None:
        self._deeds.write("reset")
        with contextlib.suppress(StoreError):
            client = await self._store.connect()
            try:
                await client.execute("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            finally:
                await client.aclose()

    # mending

    async def _start_server(self, name: str, tries: int = 3) -> None:
        self._numbers[name] += 1
        server = Server(self._directory, self._store.url, name, self._numbers[name])
        self._servers[name] = server
        await server.start()
        if server.is_running:
            self._deeds.write("up", server.label)
            return
        self._deeds.write("gave-up", server.label)
        if not tries:
            raise RuntimeError(f"server {name} does not start; see {server.log}")
        await self._start_server(name, tries - 1)

    async def _start_producer(self) -> None:
        self._producers += 1
        seed = f"{self._options.seed}.{self._producers}"
        self._producer = producer(self._directory, self._store.url, seed, self._options.rate)
        await self._producer.start()

    async def _come_to_rest(self) -> None:
        """Nobody is harmed any more: what is there comes to its end."""
        await asyncio.gather(*self._under_way)
        assert self._producer is not None
        await self._producer.kill()
        self._deeds.write("rest")
        end = time.monotonic() + SETTLE
        while time.monotonic() < end and Evidence.read(self._directory).unfinished():
            await asyncio.sleep(0.5)
        await asyncio.sleep(LEASE)
        self._deeds.write("end")
        for server in self._servers.values():
            server.send(signal.SIGTERM)
        for server in self._servers.values():
            if not await server.wait(15):
                self._deeds.write("hangs", server.label)
        await self._tell_what_is_left()

    async def _tell_what_is_left(self) -> None:
        client = await self._store.connect()
        data = Keys("torture").queue("default").for_scripts[0]
        left = Journal(self._directory / "left")
        try:
            for id in await client.execute("HKEYS", data):
                left.write(id.decode())
        finally:
            left.close()
            await client.aclose()

    async def _end(self) -> None:
        for task in list(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        processes: list[Process | None] = [*self._servers.values(), self._producer, self._store]
        for process in processes:
            if process is not None:
                await process.kill()
        self._deeds.close()
