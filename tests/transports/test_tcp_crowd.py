"""A thousand slow clients beside one that works."""

import asyncio
import socket

import pytest

from tests.transports.serving import PATIENCE, eventually
from tests.transports.tcp_kit import Kit, Start


async def connect_all(kit: Kit, count: int) -> list[socket.socket]:
    def connect() -> list[socket.socket]:
        return [socket.create_connection(("127.0.0.1", kit.server.port)) for _ in range(count)]

    return await asyncio.to_thread(connect)


@pytest.mark.parametrize(
    ("count", "line"), [(1000, b"hello name="), (200, b"wait size=300000\r\n")]
)
async def test_a_crowd_of_slow_clients_harms_nobody(
    start_tcp: Start, count: int, line: bytes
) -> None:
    """Who never ends a line, and who never reads."""
    kit = await start_tcp(connections_per_address=count + 1, outstanding_bytes=1000)
    crowd = await connect_all(kit, count)
    try:
        for slow in crowd:
            slow.sendall(line)
        client = await kit.connect()
        await eventually(lambda: len(kit.server.watch) == count + 1)
        if line.startswith(b"wait"):
            await eventually(lambda: kit.gate.entered == count)
            kit.gate.opened.set()
        for _ in range(20):
            assert (await client.ask("hello name=Ada"))["greeting"] == "Hello, Ada."
            for slow in crowd[::50]:
                slow.sendall(b"x")
        async with asyncio.timeout(PATIENCE):
            await kit.server.drain(0.0)
        assert len(kit.server.watch) == 0
    finally:
        for slow in crowd:
            slow.close()
