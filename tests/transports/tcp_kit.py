"""A TCP server and clients that read line by line."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from actionhero.settings import TcpSettings
from actionhero.transports.tcp import TcpServer
from tests.transports.serving import PATIENCE, Served

Answer: TypeAlias = dict[str, Any]


class Client:
    """A client that reads line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.welcome: Answer = {}

    def send(self, *lines: str | bytes) -> None:
        """Send lines in one write."""
        parts = (line.encode() if isinstance(line, str) else line for line in lines)
        self.writer.write(b"".join(part + b"\r\n" for part in parts))

    async def read(self) -> Answer:
        line = await asyncio.wait_for(self.reader.readline(), PATIENCE)
        assert line.endswith(b"\r\n"), line
        answer: Answer = json.loads(line)
        return answer

    async def ask(self, line: str | bytes) -> Answer:
        self.send(line)
        return await self.read()

    async def rest(self) -> bytes:
        """All that comes until the server closes."""
        return await asyncio.wait_for(self.reader.read(), PATIENCE)

    async def is_closed(self) -> bool:
        """Whether the server says no more and closes; the client closes then, too."""
        rest = await self.rest()
        await self.aclose()
        return rest == b""

    async def aclose(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class Kit:
    """A server and its clients."""

    def __init__(self, served: Served, settings: TcpSettings) -> None:
        self.served = served
        self.gate = served.gate
        self.stats = served.stats
        self.server = TcpServer(settings, served.dispatcher, **served.guide)
        self.clients: list[Client] = []

    async def connect(self, **options: Any) -> Client:
        port = self.server.port
        client = Client(*await asyncio.open_connection("127.0.0.1", port, limit=2**22, **options))
        self.clients.append(client)
        client.welcome = await client.read()
        return client

    async def aclose(self) -> None:
        for client in self.clients:
            await client.aclose()
        await self.server.drain(0.0)


Start: TypeAlias = Callable[..., Awaitable[Kit]]
"""Starts a server with the settings it is given."""
