"""A WebSocket endpoint behind as much HTTP as it needs, clients real and raw."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias, cast

from websockets.asyncio.client import ClientConnection, connect

from actionhero.errors import ActionHeroError
from actionhero.messages import Words
from actionhero.protocols.http1 import UpgradeRequest
from actionhero.settings import WebSocketSettings
from actionhero.transports.addresses import peer_of
from actionhero.transports.websocket import WebSocketEndpoint
from actionhero.transports.ws_link import Link
from tests.transports.serving import PATIENCE, Served

Answer: TypeAlias = dict[str, Any]
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""What the key's answer must be: the example of RFC 6455, section 1.3."""


class Front(asyncio.Protocol):
    """As much of an HTTP server as hands a connection over."""

    transport: asyncio.Transport

    def __init__(self, kit: "Kit") -> None:
        self.kit = kit
        self.head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.head += data
        if b"\r\n\r\n" not in self.head:
            return
        fields = self.head.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")[1:]
        words: Words = {}
        request = UpgradeRequest(
            transport=self.transport,
            path="/ws",
            words=words,
            headers={name.lower(): value for name, value in (one.split(": ", 1) for one in fields)},
            head=self.head,
            peer=peer_of(self.transport),
            request_id="r",
            on_lost=self.kit.count_lost,
        )
        try:
            self.kit.endpoint.accept(request, self.kit.link_type)
        except ActionHeroError as exc:
            self.transport.write(b"HTTP/1.1 %d Refused\r\nContent-Length: 0\r\n\r\n" % exc.status)
            self.transport.close()


class Raw:
    """A client that can send anything."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, opcode: int, payload: bytes = b"", first: int = 0x80, mask: bool = True) -> None:
        """Send one frame; `first` holds its final and reserved bits."""
        self.writer.write(frame(opcode, payload, first, mask))

    async def read(self) -> tuple[int, bytes]:
        """The opcode and the payload of one frame."""
        async with asyncio.timeout(PATIENCE):
            first, size = await self.reader.readexactly(2)
            assert first & 0x70 == 0
            assert size & 0x80 == 0
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2), "big")
            elif size == 127:
                size = int.from_bytes(await self.reader.readexactly(8), "big")
            return first & 0x0F, await self.reader.readexactly(size)

    async def read_close(self) -> int:
        """The close code that the server sends, after which it ends the connection."""
        opcode, payload = await self.read()
        assert opcode == 0x8, payload
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(self.reader.read(), PATIENCE) == b""
        return int.from_bytes(payload[:2], "big")

    async def ask(self, message: bytes) -> Answer:
        self.send(0x1, message)
        opcode, payload = await self.read()
        assert opcode == 0x1
        answer: Answer = json.loads(payload)
        return answer

    async def aclose(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


def frame(opcode: int, payload: bytes, first: int = 0x80, mask: bool = True) -> bytes:
    size = len(payload)
    bit = 0x80 if mask else 0
    if size < 126:
        length = bytes([bit | size])
    elif size < 2**16:
        length = bytes([bit | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([bit | 127]) + size.to_bytes(8, "big")
    head = bytes([first | opcode]) + length
    if not mask:
        return head + payload
    key = b"\x01\x02\x03\x04"
    return head + key + bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))


class Kit:
    """A server and its clients."""

    def __init__(self, served: Served, settings: WebSocketSettings) -> None:
        self.served = served
        self.gate = served.gate
        self.stats = served.stats
        self.endpoint = WebSocketEndpoint(settings, served.dispatcher, **served.guide)
        self.link_type: type[Link] = Link
        self.lost = 0
        self.raws: list[Raw] = []
        self.listener: asyncio.Server
        self.port = 0

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self.listener = await loop.create_server(lambda: Front(self), "127.0.0.1", 0)
        self.port = self.listener.sockets[0].getsockname()[1]

    def count_lost(self) -> None:
        self.lost += 1

    @property
    def active(self) -> int | float:
        return self.stats.gauges.get("webSockets:numberOfActiveWebClients", 0)

    def connect(self, **options: Any) -> connect:
        return connect(f"ws://127.0.0.1:{self.port}/ws", proxy=None, **options)

    async def open_raw(self, more: bytes = b"", **headers: str) -> Raw:
        """Open a connection by hand, with `more` right behind the opening request."""
        raw = Raw(*await asyncio.open_connection("127.0.0.1", self.port))
        self.raws.append(raw)
        given = {
            "Host": f"127.0.0.1:{self.port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": KEY,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        lines = [f"{name}: {value}" for name, value in given.items() if value]
        raw.writer.write("\r\n".join(["GET /ws HTTP/1.1", *lines, "", ""]).encode() + more)
        head = await asyncio.wait_for(raw.reader.readuntil(b"\r\n\r\n"), PATIENCE)
        assert head.startswith(b"HTTP/1.1 101 "), head
        assert f"Sec-WebSocket-Accept: {ACCEPT}".encode() in head
        assert (b"xtensions: permessage-deflate" in head) == ("Sec_WebSocket_Extensions" in headers)
        assert await raw.read() == (0x1, b'{"welcome":"Welcome","context":"api"}')
        return raw

    async def aclose(self) -> None:
        for raw in self.raws:
            await raw.aclose()
        self.listener.close()
        await self.endpoint.drain(0.0)


Start: TypeAlias = Callable[..., Awaitable[Kit]]
"""Starts a server with the settings it is given."""
MESSAGE = b'{"event": "action", "params": {"action": "hello", "name": "Ada"}, "messageId": 1}'


async def ask(client: ClientConnection, **message: Any) -> Answer:
    await client.send(json.dumps(message))
    return await hear(client)


async def hear(client: ClientConnection) -> Answer:
    answer: Answer = json.loads(await asyncio.wait_for(client.recv(), PATIENCE))
    return answer


@contextlib.asynccontextmanager
async def talk(kit: Kit, **options: Any) -> AsyncIterator[ClientConnection]:
    """A real client, greeted."""
    async with kit.connect(**options) as client:
        assert await hear(client) == {"welcome": "Welcome", "context": "api"}
        yield client
