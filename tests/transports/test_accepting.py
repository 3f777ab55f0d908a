"""Running out of file descriptors, in a process of its own: who is there is served, who comes
waits, and nothing spins, stops for good or fills the log."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from actionhero.transports.accepting import PAUSE
from tests.transports.exhausted import SPARE
from tests.transports.http_kit import GET
from tests.transports.serving import PATIENCE

ASK = {"http": GET, "tcp": b"hello name=Ada\r\n"}


class Server:
    """The process."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.port = 0

    async def line(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(await asyncio.wait_for(self._process.stdout.readline(), PATIENCE))

    async def report(self) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        about: dict[str, Any] = await self.line()
        return about


@contextlib.asynccontextmanager
async def started(transport: str, loop: str) -> AsyncIterator[Server]:
    command = ("-m", "tests.transports.exhausted", transport, loop)
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdin=pipe, stdout=pipe
    )
    server = Server(process)
    server.port = await server.line()
    try:
        yield server
    finally:
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, transport: str) -> None:
        """Ask something and wait for the answer."""
        self._writer.write(ASK[transport])
        async with asyncio.timeout(PATIENCE):
            await self._reader.readuntil(b"Hello, Ada.")

    async def aclose(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


@pytest.mark.parametrize("transport", ["http", "tcp"])
async def test_without_descriptors_accepting_pauses_and_goes_on(
    transport: str,
) -> None:
    loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    async with started(transport, loop) as server:
        clients = [
            Client(*await asyncio.open_connection("127.0.0.1", server.port))
            for _ in range(SPARE * 3)
        ]
        before = await server.report()
        while (about := await server.report())["pauses"] < 3:
            await clients[0].ask(transport)  # who is there is served all the while
        spent, seconds = about["cpu"] - before["cpu"], about["seconds"]
        assert about["pauses"] <= seconds / PAUSE + 2
        assert spent < seconds / 2 + 0.5
        (line,) = about["lines"]
        assert "Too many open files" in line
        assert f"{'web' if transport == 'http' else 'tcp'}.connections" in line
        for client in clients[: SPARE * 2]:
            await client.aclose()
        for client in clients[SPARE * 2 :]:
            await client.ask(transport)  # those that had to wait
            await client.aclose()
        newcomer = Client(*await asyncio.open_connection("127.0.0.1", server.port))
        await newcomer.ask(transport)
        await newcomer.aclose()
        assert (await server.report())["lines"] == [line]
