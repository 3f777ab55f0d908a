import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from actionhero.transports.ws_wire import Wire
from tests.transports.serving import PATIENCE, eventually


class Speaker(asyncio.Protocol):
    """Says something and closes as soon as it is spoken to."""

    wire: Wire

    def __init__(self) -> None:
        self.closing = 0
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.wire = Wire(cast("asyncio.Transport", transport), self.count)

    def count(self) -> None:
        self.closing += 1

    def data_received(self, data: bytes) -> None:
        self.wire.write(b"the reason")
        self.wire.close()
        self.wire.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True


@pytest.fixture
async def speaker() -> Speaker:
    return Speaker()


async def listen(factory: Callable[[], asyncio.BaseProtocol]) -> asyncio.Server:
    return await asyncio.get_running_loop().create_server(factory, "127.0.0.1", 0)


async def test_a_client_that_is_sending_can_read_why(speaker: Speaker) -> None:
    listener = await listen(lambda: speaker)
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    writer.write(b"x" * 1000)
    assert await asyncio.wait_for(reader.readexactly(10), PATIENCE) == b"the reason"
    writer.write(b"x" * 1_000_000)
    await asyncio.wait_for(writer.drain(), PATIENCE)
    assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
    assert not speaker.lost
    writer.close()
    await eventually(lambda: speaker.lost)
    listener.close()


async def test_what_is_unsent_is_still_sent(speaker: Speaker) -> None:
    listener = await listen(lambda: speaker)
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname(), limit=100)
    await eventually(lambda: hasattr(speaker, "wire"))
    speaker.wire.write(b"x" * 20_000_000)
    speaker.wire.close()
    size = 0
    while part := await asyncio.wait_for(reader.read(100_000), PATIENCE):
        size += len(part)
    assert size == 20_000_000
    writer.close()
    await eventually(lambda: speaker.lost)
    assert speaker.closing == 1
    listener.close()


async def test_closing_a_lost_connection_does_nothing(speaker: Speaker) -> None:
    listener = await listen(lambda: speaker)
    _, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    await eventually(lambda: hasattr(speaker, "wire"))
    speaker.wire.abort()
    await eventually(lambda: speaker.lost)
    speaker.wire.close()
    assert speaker.closing == 0
    writer.close()
    listener.close()


async def test_what_was_written_may_be_changed(speaker: Speaker) -> None:
    listener = await listen(lambda: speaker)
    reader, writer = await asyncio.open_connection(*listener.sockets[0].getsockname())
    await eventually(lambda: hasattr(speaker, "wire"))
    header = bytearray(b"head")
    for _ in range(2):
        speaker.wire.writelines([cast("bytes", memoryview(header)), b"x" * 10_000_000])
        header[:] = b"gone"
    for head in (b"head", b"gone"):
        assert await asyncio.wait_for(reader.readexactly(4), PATIENCE) == head
        await asyncio.wait_for(reader.readexactly(10_000_000), PATIENCE)
    writer.close()
    await eventually(lambda: speaker.lost)
    listener.close()
