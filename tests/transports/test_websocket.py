import asyncio
import contextlib
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias, cast

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from actionhero.errors import ActionHeroError, DrainingError
from actionhero.messages import Words
from actionhero.protocols.http1 import UpgradeRequest
from actionhero.settings import WebSocketSettings
from actionhero.transports.websocket import WebSocketEndpoint
from tests.transports.serving import PATIENCE, Served, eventually

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
            peer=self.transport.get_extra_info("peername")[:2],
            request_id="r",
            on_lost=self.kit.count_lost,
        )
        try:
            self.kit.endpoint.accept(request)
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
        assert b"xtensions" not in head
        assert await raw.read() == (0x1, b'{"welcome":"Welcome","context":"api"}')
        return raw

    async def aclose(self) -> None:
        for raw in self.raws:
            await raw.aclose()
        self.listener.close()
        await self.endpoint.drain(0.0)


Start: TypeAlias = Callable[..., Awaitable[Kit]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a server with the settings it is given."""
    kits = []

    async def start_one(**settings: Any) -> Kit:
        kit = Kit(Served(tmp_path), WebSocketSettings(**settings))
        kits.append(kit)
        await kit.start()
        return kit

    yield start_one
    for kit in kits:
        await kit.aclose()


@pytest.fixture
async def raw(start: Start) -> Raw:
    return await (await start()).open_raw()


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


# What is said.


async def test_an_action(start: Start) -> None:
    kit = await start()
    async with talk(kit) as client:
        params = {"action": "hello", "name": "Ada", "excited": True}
        assert await ask(client, event="action", params=params, messageId=2) == {
            "greeting": "Hello, Ada!",
            "context": "response",
            "messageId": 2,
        }
        assert kit.stats.tally["webSockets:numberOfRequests"] == 1
        assert kit.active == 1
    await eventually(lambda: kit.active == 0)
    assert kit.lost == 1


@pytest.mark.parametrize("message_id", [0, 7, "seven", 'q"uote', 1.5, -3])
async def test_ids_come_back_as_they_were(start: Start, message_id: object) -> None:
    async with talk(await start()) as client:
        params = {"action": "number"}
        answer = await ask(client, event="action", params=params, messageId=message_id)
        assert answer == {"data": 42, "context": "response", "messageId": message_id}


async def test_a_message_without_an_id_gets_one(start: Start) -> None:
    async with talk(await start()) as client:
        ids = [
            (await ask(client, event="action", params={"action": "number"}))["messageId"]
            for _ in range(2)
        ]
        assert all(re.fullmatch(r"\w+-\w+", one) for one in ids)
        assert ids[0] != ids[1]


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        ({"action": "nothing"}, {"data": None}),
        ({"action": "empty"}, {}),
        ({"action": "numbers", "tags": [1, 2]}, {"data": [1, 2]}),
        ({"action": "hello", "name": "Zoë €𝄞"}, {"greeting": "Hello, Zoë €𝄞."}),
        ({"action": "second"}, {"version": 2}),
        ({"action": "second", "apiVersion": 1}, {"data": 42}),
        ({"action": "second", "apiVersion": "2", "value": 5}, {"version": 5}),
    ],
)
async def test_values(start: Start, params: Answer, fields: Answer) -> None:
    async with talk(await start()) as client:
        answer = await ask(client, event="action", params=params, messageId=1)
        assert answer == {**fields, "context": "response", "messageId": 1}


@pytest.mark.parametrize(
    ("message", "code", "said"),
    [
        ('{"event": "action", "params": {"action": "nope"}}', "unknown_action", "'nope'"),
        ('{"event": "action", "params": {}}', "unknown_action", "no action was named"),
        ('{"event": "action"}', "unknown_action", "no action was named"),
        ('{"event": "action", "params": []}', "malformed", "`params`"),
        ('{"event": "action", "params": {"action": 5}}', "malformed", "`params`"),
        ('{"event": "action", "params": {"action": "hello"}}', "invalid_input", "name: is req"),
        (
            '{"event": "action", "params": {"action": "hello", "name": 5}}',
            "invalid_input",
            "name: expected `str`",
        ),
        ('{"event": "action", "params": {"action": "refuse"}}', "forbidden", "you may not"),
        (
            '{"event": "action", "params": {"action": "second", "apiVersion": 9}}',
            "unknown_version",
            "no version '9'",
        ),
        ('{"event": "dance"}', "bad_request", "'dance' is not an event; use action, details"),
        ("{}", "bad_request", "'' is not an event"),
        ('{"event": 5}', "malformed", "$.event"),
        ("[]", "malformed", "Expected `object`"),
        ("hello", "malformed", "byte 0"),
        ("", "malformed", "ends too early"),
        ('{"event": "action", "params": {"x": NaN}}', "malformed", "byte 36"),
        ('{"event": "action", "params": ' + "[" * 50_000, "malformed", "nested too deeply"),
        ('{"event": "file"}', "malformed", "name the file"),
        ('{"event": "roomAdd", "room": "r"}', "not_yet", "rooms are not there yet"),
        ('{"event": "roomLeave", "room": "r"}', "not_yet", "rooms are not there yet"),
        ('{"event": "roomView", "room": "r"}', "not_yet", "rooms are not there yet"),
        ('{"event": "say", "room": "r", "message": {"a": 1}}', "not_yet", "rooms are not there"),
    ],
)
async def test_errors_are_answered_and_the_connection_stays(
    start: Start, message: str, code: str, said: str
) -> None:
    async with talk(await start()) as client:
        await client.send(message)
        answer = await hear(client)
        assert answer["error"]["code"] == code
        assert said in answer["error"]["message"]
        assert answer["context"] == "response"
        answer = await ask(client, event="action", params={"action": "number"})
        assert answer["data"] == 42


async def test_the_error_of_an_unreadable_message_has_its_id(start: Start) -> None:
    async with talk(await start()) as client:
        assert (await ask(client, event=5, messageId=7))["messageId"] == 7


@pytest.mark.parametrize("action", ["broken", "unencodable", "surrogate"])
async def test_faults_of_ours_tell_nothing(start: Start, action: str) -> None:
    async with talk(await start()) as client:
        answer = await ask(client, event="action", params={"action": action}, messageId=1)
        assert (answer["error"]["code"], answer["messageId"]) == ("internal_error", 1)
        assert "secret" not in str(answer)


async def test_details_and_documentation(start: Start) -> None:
    async with talk(await start()) as client:
        answer = await ask(client, event="detailsView", messageId=1)
        who = await ask(client, event="action", params={"action": "whoami"})
        assert (who["transport"], who["ip"]) == ("websocket", "127.0.0.1")
        assert answer["data"]["id"] == who["id"]
        assert answer["data"]["remotePort"] == client.local_address[1]
        assert (answer["status"], answer["messageId"]) == ("OK", 1)
        documentation = await ask(client, event="documentation", messageId=2)
        assert {"name": "hello"} in documentation["data"]


async def test_files(start: Start) -> None:
    kit = await start(message_bytes=1000)
    public = kit.served.public
    (public / "a.html").write_text("<p>Zoë</p>")
    (public / "a.png").write_bytes(b"\x89PNG\xff")
    (public / "big.txt").write_bytes(b"x" * 1001)
    async with talk(kit) as client:
        modified = round((public / "a.html").stat().st_mtime * 1000)
        assert await ask(client, event="file", file="a.html", messageId=1) == {
            "content": "<p>Zoë</p>",
            "mime": "text/html",
            "length": 11,
            "lastModified": modified,
            "context": "response",
            "messageId": 1,
        }
        picture = await ask(client, event="file", file="a.png")
        assert (picture["content"], picture["encoding"]) == ("iVBOR/8=", "base64")
        too_big = await ask(client, event="file", file="big.txt")
        assert too_big["error"]["code"] == "too_large"
        for name in ("missing", "../secret", "/etc/passwd", "a.html/"):
            missing = await ask(client, event="file", file=name)
            assert missing["error"]["code"] == "not_found"


async def test_more_requests_than_may_be_pending_are_refused(start: Start) -> None:
    kit = await start(pending=2)
    async with talk(kit) as client:
        for message_id in (1, 2, 3):
            message = {"event": "action", "params": {"action": "wait"}, "messageId": message_id}
            await client.send(json.dumps(message))
        answer = await hear(client)
        assert answer["messageId"] == 3
        assert answer["error"]["message"] == "you have too many pending requests"
        kit.gate.opened.set()
        assert {(await hear(client))["messageId"] for _ in range(2)} == {1, 2}
        assert (await ask(client, event="action", params={"action": "number"}))["data"] == 42


async def test_replies_come_as_actions_end(start: Start) -> None:
    kit = await start()
    async with talk(kit) as client:
        await client.send('{"event": "action", "params": {"action": "wait"}, "messageId": 1}')
        assert (await ask(client, event="action", params={"action": "number"}))["data"] == 42
        kit.gate.opened.set()
        assert await hear(client) == {"waited": "x", "context": "response", "messageId": 1}


async def test_quit(start: Start) -> None:
    kit = await start()
    async with talk(kit) as client:
        await client.send('{"event": "action", "params": {"action": "wait"}}')
        await client.send('{"event": "quit"}')
        await client.send('{"event": "detailsView"}')
        await eventually(lambda: kit.gate.entered == 1)
        kit.gate.opened.set()
        assert (await hear(client))["waited"] == "x"
        with pytest.raises(ConnectionClosed) as caught:
            await hear(client)
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1000, "request")


# Who may connect.


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1.evil.com"}, 403),
    ],
)
async def test_pages_from_elsewhere_may_not_connect(
    start: Start, headers: dict[str, str], status: int
) -> None:
    kit = await start(origins=("https://app.example.com/",))
    with pytest.raises(InvalidStatus) as caught:
        await kit.connect(additional_headers=headers)
    assert caught.value.response.status_code == status
    assert kit.active == 0


async def test_pages_of_listed_origins_may_connect(start: Start) -> None:
    kit = await start(origins=("https://app.Example.com/",))
    async with talk(kit, origin="https://app.example.com"):
        assert kit.active == 1
    async with talk(kit, origin=f"http://127.0.0.1:{kit.port}"):
        pass


async def test_another_version_is_refused(start: Start) -> None:
    kit = await start()
    reader, writer = await asyncio.open_connection("127.0.0.1", kit.port)
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 426 ")
    writer.close()


async def test_too_many_connections(start: Start) -> None:
    kit = await start(connections=1)
    async with talk(kit):
        with pytest.raises(InvalidStatus) as caught:
            await kit.connect()
        assert caught.value.response.status_code == 503
    await eventually(lambda: kit.active == 0)
    async with talk(kit):
        pass


async def test_what_comes_with_the_opening_is_not_lost(start: Start) -> None:
    kit = await start()
    message = b'{"event": "action", "params": {"action": "hello", "name": "%s"}}' % (b"x" * 20_000)
    raw = await kit.open_raw(frame(0x1, message) + frame(0x9, b"ping"))
    answers = [await raw.read() for _ in range(2)]
    assert (0xA, b"ping") in answers
    assert any(opcode == 0x1 and b"xxx" in payload for opcode, payload in answers)


# Frames.

MESSAGE = b'{"event": "action", "params": {"action": "hello", "name": "Ada"}, "messageId": 1}'


async def test_a_message_in_fragments(raw: Raw) -> None:
    raw.send(0x1, MESSAGE[:10], first=0)
    raw.send(0x9, b"in between")
    raw.send(0x0, MESSAGE[10:20], first=0)
    raw.send(0x0, b"", first=0)
    assert await raw.read() == (0xA, b"in between")
    raw.send(0x0, MESSAGE[20:])
    assert (await raw.read())[0] == 0x1
    assert (await raw.ask(MESSAGE))["greeting"] == "Hello, Ada."


async def test_a_message_byte_by_byte(raw: Raw) -> None:
    for byte in frame(0x1, MESSAGE):
        raw.writer.write(bytes([byte]))
        await raw.writer.drain()
    assert (await raw.read())[0] == 0x1


async def test_a_letter_cut_in_two(raw: Raw) -> None:
    message = MESSAGE.replace(b"Ada", "€".encode())
    place = message.index(b"\xe2") + 1
    raw.send(0x1, message[:place], first=0)
    raw.send(0x0, message[place:])
    assert "€" in json.loads((await raw.read())[1])["greeting"]


async def test_pings_are_answered(raw: Raw) -> None:
    for payload in (b"", b"x" * 125):
        raw.send(0x9, payload)
        assert await raw.read() == (0xA, payload)
    raw.send(0xA, b"unasked")
    assert (await raw.ask(MESSAGE))["messageId"] == 1


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (frame(0x2, b"binary"), 1003),
        (frame(0x2, b"binary", first=0), 1003),
        (frame(0x1, b"\xff"), 1007),
        (frame(0x1, b'{"event": "action", "params": {"x": "\xff"}}'), 1007),
        (frame(0x1, b"\xe2\x82", first=0) + frame(0x0, b"x"), 1007),
        (frame(0x0, b"x"), 1002),
        (frame(0x0, b"x", first=0), 1002),
        (frame(0x1, b"x", first=0) + frame(0x1, b"y"), 1002),
        (frame(0x1, MESSAGE, first=0xC0), 1002),
        (frame(0x1, MESSAGE, first=0xA0), 1002),
        (frame(0x1, MESSAGE, first=0x90), 1002),
        (frame(0x9, b"x", first=0xC0), 1002),
        (frame(0x3, b"x"), 1002),
        (frame(0xB, b"x"), 1002),
        (frame(0x9, b"x", first=0), 1002),
        (frame(0x9, b"x" * 126), 1002),
        (frame(0x1, MESSAGE, mask=False), 1002),
        (frame(0x1, b"x" * 2001), 1009),
        (b"\x81\xff" + (2**62).to_bytes(8, "big"), 1009),
        (b"\x81\xff" + (2**63).to_bytes(8, "big"), 1002),
        (b"\x81\xfe\x00\x05", 1002),
        (frame(0x1, b"x" * 1500, first=0) + frame(0x0, b"x" * 501, first=0), 1009),
    ],
)
async def test_broken_frames_have_their_close_code(start: Start, frames: bytes, code: int) -> None:
    kit = await start(message_bytes=2000)
    whole = await kit.open_raw()
    whole.writer.write(frames)
    assert await whole.read_close() == code
    slow = await kit.open_raw()
    for byte in frames[:200]:
        slow.writer.write(bytes([byte]))
        await asyncio.sleep(0)
    slow.writer.write(frames[200:])
    assert await slow.read_close() == code
    trailing = await kit.open_raw()
    trailing.writer.write(frames + frame(0x1, MESSAGE) * 3)
    assert await trailing.read_close() == code
    await whole.aclose()
    await slow.aclose()
    await trailing.aclose()
    await eventually(lambda: kit.active == 0)
    assert kit.stats.tally["actions:processedActions"] == 0


async def test_a_message_as_big_as_the_limit(start: Start) -> None:
    raw = await (await start(message_bytes=100_000)).open_raw()
    message = MESSAGE.replace(b"Ada", b"x" * (100_000 - len(MESSAGE) + 3))
    assert len((await raw.ask(message))["greeting"]) > 99_000
    raw.send(0x1, message[:60_000], first=0)
    raw.send(0x0, message[60_000:])
    assert (await raw.read())[0] == 0x1


async def test_many_empty_fragments_cost_nothing(raw: Raw) -> None:
    raw.send(0x1, b"", first=0)
    raw.writer.write(frame(0x0, b"", first=0) * 10_000)
    raw.send(0x0, MESSAGE)
    assert (await raw.read())[0] == 0x1


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", 1000),
        (b"\x03\xe8", 1000),
        (b"\x03\xe9bye", 1001),
        (b"\x0f\xa0", 4000),
        (b"\x13\x87", 4999),
        (b"\x03", 1002),
        (b"\x00\x00", 1002),
        (b"\x03\xe7", 1002),
        (b"\x03\xed", 1002),
        (b"\x07\xd0", 1002),
        (b"\x13\x88", 1002),
        (b"\xff\xff", 1002),
        (b"\x03\xe8\xff", 1007),
    ],
)
async def test_the_closing_handshake(start: Start, payload: bytes, code: int) -> None:
    kit = await start()
    raw = await kit.open_raw()
    raw.send(0x8, payload)
    assert await raw.read_close() == code
    await raw.aclose()
    await eventually(lambda: kit.active == 0)
    assert kit.lost == 1


async def test_nothing_is_taken_after_a_close(start: Start) -> None:
    kit = await start()
    raw = await kit.open_raw()
    raw.writer.write(frame(0x8, b"\x03\xe8") + frame(0x1, MESSAGE) + frame(0x8, b"\x03\xe8"))
    assert await raw.read_close() == 1000
    assert kit.stats.tally["webSockets:numberOfRequests"] == 0


async def test_a_client_that_just_goes(start: Start) -> None:
    kit = await start()
    raw = await kit.open_raw()
    raw.send(0x1, MESSAGE.replace(b"hello", b"wait"))
    await eventually(lambda: kit.gate.entered == 1)
    await raw.aclose()
    await eventually(lambda: kit.active == 0)
    draining = asyncio.create_task(kit.endpoint.drain(PATIENCE))
    await asyncio.sleep(0)
    assert not draining.done()
    kit.gate.opened.set()
    await draining
    assert (kit.gate.left, kit.gate.cancelled, kit.lost) == (1, 0, 1)


# Who is slow, silent or stuck.


async def test_the_silent_are_asked_and_then_dropped(start: Start) -> None:
    kit = await start(ping_interval=0.05)
    raw = await kit.open_raw()
    assert await raw.read() == (0x9, b"")
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(raw.reader.read(), PATIENCE) == b""
    await eventually(lambda: kit.active == 0)


async def test_who_answers_pings_stays(start: Start) -> None:
    kit = await start(ping_interval=0.05)
    raw = await kit.open_raw()
    for _ in range(4):
        assert await raw.read() == (0x9, b"")
        raw.send(0xA)
    assert (await raw.ask(MESSAGE))["messageId"] == 1


BIG = MESSAGE.replace(b'hello", "name": "Ada"', b'wait", "size": 16000000')
"""Asks for more than the kernel takes into its buffers."""


def stop_reading(raw: Raw) -> None:
    raw.writer.transport.pause_reading()  # type: ignore[attr-defined]


def read_again(raw: Raw) -> None:
    raw.writer.transport.resume_reading()  # type: ignore[attr-defined]


async def test_who_leaves_too_much_unread_is_closed(start: Start) -> None:
    kit = await start(outstanding_bytes=50_000)
    raw = await kit.open_raw()
    raw.writer.write(frame(0x1, BIG) * 2)
    await eventually(lambda: kit.gate.entered == 2)
    stop_reading(raw)
    kit.gate.opened.set()
    await eventually(lambda: kit.gate.left == 2)
    read_again(raw)
    assert (await raw.read())[0] == 0x1
    assert await raw.read_close() == 1008


async def test_who_does_not_catch_up_is_dropped(start: Start) -> None:
    kit = await start(outstanding_bytes=50_000, write_timeout=0.05)
    raw = await kit.open_raw()
    stop_reading(raw)
    raw.send(0x1, BIG)
    await eventually(lambda: kit.gate.entered == 1)
    kit.gate.opened.set()
    await eventually(lambda: kit.active == 0)


async def test_who_does_not_read_is_not_read_from(start: Start) -> None:
    kit = await start(outstanding_bytes=50_000)
    raw = await kit.open_raw()
    stop_reading(raw)
    other = await kit.open_raw()
    raw.send(0x1, BIG)
    await eventually(lambda: kit.gate.entered == 1)
    kit.gate.opened.set()
    await eventually(lambda: kit.gate.left == 1)
    raw.writer.write(frame(0x9, b"x" * 100) * 1000)
    assert (await other.ask(MESSAGE))["messageId"] == 1
    read_again(raw)
    assert len((await raw.read())[1]) > 16_000_000
    for _ in range(1000):
        assert await raw.read() == (0xA, b"x" * 100)


async def test_a_big_reply_to_a_good_reader(start: Start) -> None:
    kit = await start(outstanding_bytes=1000, message_bytes=2**24)
    kit.gate.opened.set()
    async with talk(kit, max_size=2**24) as client:
        for _ in range(5):
            params = {"action": "wait", "size": 8_000_000}
            assert len((await ask(client, event="action", params=params))["waited"]) == 8_000_000


# The end.


@pytest.mark.parametrize("code", [1001, 1012])
async def test_a_stop_closes_when_what_runs_has_answered(start: Start, code: int) -> None:
    kit = await start()
    async with talk(kit) as idle, talk(kit) as busy:
        await busy.send('{"event": "action", "params": {"action": "wait"}}')
        await eventually(lambda: kit.gate.entered == 1)
        draining = asyncio.create_task(kit.endpoint.drain(PATIENCE, code=code))
        with pytest.raises(ConnectionClosed) as caught:
            await hear(idle)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == code
        with pytest.raises(InvalidStatus) as refused:
            await kit.connect()
        assert refused.value.response.status_code == DrainingError.status
        assert not draining.done()
        kit.gate.opened.set()
        assert (await hear(busy))["waited"] == "x"
        with pytest.raises(ConnectionClosed):
            await hear(busy)
        await draining
    assert kit.active == 0


async def test_a_stop_does_not_wait_for_ever(start: Start) -> None:
    kit = await start()
    raw = await kit.open_raw()
    raw.send(0x1, MESSAGE.replace(b"hello", b"wait"))
    await eventually(lambda: kit.gate.entered == 1)
    await kit.endpoint.drain(0.05)
    assert kit.gate.cancelled == 1
    assert (kit.active, kit.lost) == (0, 1)


async def test_nothing_is_logged_about_clients(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    kit = await start()
    with caplog.at_level(logging.INFO):
        raw = await kit.open_raw()
        raw.send(0x3, b"x")
        assert await raw.read_close() == 1002
    assert [one.getMessage() for one in caplog.records if one.name != "asyncio"] == []
