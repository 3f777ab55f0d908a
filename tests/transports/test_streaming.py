"""Streams over the connections that stay: each test over WebSocket and over TCP."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

import pytest

from tests.transports import tcp_kit, ws_kit
from tests.transports.gate import Gate
from tests.transports.serving import PATIENCE, Served, eventually

Answer: TypeAlias = dict[str, Any]


class Client(Protocol):
    """A client of either transport."""

    served: Served

    async def say(self, action: str, id: int, **params: Any) -> None:
        """Ask for an action."""

    async def hear(self) -> Answer: ...

    async def is_alone(self) -> bool:
        """Whether the server sends no more and ends the connection."""

    def stop_reading(self) -> None: ...

    def read_again(self) -> None: ...

    async def go(self) -> None:
        """Close the connection."""

    def cut(self) -> None:
        """Abort it."""

    async def stop_server(self) -> None: ...


class WebSocket:
    """Over WebSocket, by hand."""

    def __init__(self, kit: ws_kit.Kit, raw: ws_kit.Raw) -> None:
        self.kit = kit
        self.served = kit.served
        self.raw = raw

    async def say(self, action: str, id: int, **params: Any) -> None:
        message = {"event": "action", "params": {"action": action, **params}, "messageId": id}
        self.raw.send(0x1, json.dumps(message).encode())

    async def hear(self) -> Answer:
        opcode, text = await self.raw.read()
        assert opcode == 0x1, text
        answer: Answer = json.loads(text)
        return answer

    async def is_alone(self) -> bool:
        opcode, payload = await self.raw.read()
        self.raw.send(0x8, payload)
        rest = await asyncio.wait_for(self.raw.reader.read(), PATIENCE)
        self.raw.writer.close()
        return opcode == 0x8 and payload[:2] == b"\x03\xe9" and rest == b""

    def stop_reading(self) -> None:
        self.raw.writer.transport.pause_reading()  # type: ignore[attr-defined]

    def read_again(self) -> None:
        self.raw.writer.transport.resume_reading()  # type: ignore[attr-defined]

    async def go(self) -> None:
        self.raw.send(0x8, b"\x03\xe8")
        assert (await self.raw.reader.read()).endswith(b"\x88\x02\x03\xe8")
        self.raw.writer.close()

    def cut(self) -> None:
        self.raw.writer.transport.abort()

    async def stop_server(self) -> None:
        await self.kit.endpoint.drain(PATIENCE)


class Tcp:
    """Over TCP."""

    def __init__(self, kit: tcp_kit.Kit, client: tcp_kit.Client) -> None:
        self.kit = kit
        self.served = kit.served
        self.client = client

    async def say(self, action: str, id: int, **params: Any) -> None:
        self.client.send(json.dumps({"action": action, "params": params, "messageId": id}))

    async def hear(self) -> Answer:
        answer = await self.client.read()
        answer.pop("messageCount", None)
        return answer

    async def is_alone(self) -> bool:
        last = await self.client.read()
        return last["reason"] == "server shutdown" and await self.client.is_closed()

    def stop_reading(self) -> None:
        self.client.writer.transport.pause_reading()  # type: ignore[attr-defined]

    def read_again(self) -> None:
        self.client.writer.transport.resume_reading()  # type: ignore[attr-defined]

    async def go(self) -> None:
        self.client.writer.close()

    def cut(self) -> None:
        self.client.writer.transport.abort()

    async def stop_server(self) -> None:
        await self.kit.server.drain(PATIENCE)


Connect: TypeAlias = Callable[..., Awaitable[Client]]


@pytest.fixture(params=["websocket", "tcp"])
def connect(
    request: pytest.FixtureRequest, start_ws: ws_kit.Start, start_tcp: tcp_kit.Start
) -> Connect:
    async def over_websocket(**settings: Any) -> Client:
        kit = await start_ws(**settings)
        return WebSocket(kit, await kit.open_raw())

    async def over_tcp(**settings: Any) -> Client:
        kit = await start_tcp(**settings)
        return Tcp(kit, await kit.connect())

    return over_websocket if request.param == "websocket" else over_tcp


def value(data: object, message: int = 1, **more: str) -> Answer:
    return {"context": "stream", "messageId": message, "data": data, **more}


def done(id: int = 1) -> Answer:
    return {"status": "OK", "context": "response", "messageId": id}


async def test_values_and_the_end(connect: Connect) -> None:
    client = await connect()
    await client.say("count", 1, to=2)
    assert [await client.hear() for _ in range(3)] == [value(1), value(2), done()]
    assert client.served.stats.tally["actions:processedActions"] == 1


async def test_none_and_the_end(connect: Connect) -> None:
    client = await connect()
    await client.say("count", 1, to=0)
    assert await client.hear() == done()


async def test_events_have_their_names(connect: Connect) -> None:
    client = await connect()
    await client.say("events", 7)
    assert await client.hear() == value({"seen": None}, 7, id="a1", event="greeting")
    assert await client.hear() == value("plain", 7)
    assert await client.hear() == done(7)


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize(
    ("action", "params", "code"),
    [
        ("break_down", {}, "empty"),
        ("break_down", {"secret": True}, "internal_error"),
        ("unsayable", {}, "internal_error"),
    ],
)
async def test_what_fails_is_told_instead_of_the_end(
    connect: Connect, action: str, params: dict[str, Any], code: str, after: int
) -> None:
    client = await connect()
    await client.say(action, 1, after=after, **params)
    for number in range(after):
        assert await client.hear() == value(number)
    last = await client.hear()
    assert last.pop("error")["code"] == code
    assert last == {"context": "response", "messageId": 1}
    assert client.served.dispatcher.pending == 0


async def test_other_messages_come_between(connect: Connect) -> None:
    client = await connect()
    await client.say("drip", 1)
    assert await client.hear() == value(0)
    await client.say("hello", 2, name="Ada")
    assert (await client.hear())["greeting"] == "Hello, Ada."
    client.served.gate.opened.set()
    assert [await client.hear(), await client.hear()] == [value(1), done()]


async def test_each_counts_as_one_call(connect: Connect) -> None:
    client = await connect(pending=2)
    for id in (1, 2):
        await client.say("drip", id, before=0)
    await client.say("drip", 3)
    assert (await client.hear())["error"]["code"] == "too_many_requests"
    await eventually(lambda: client.served.gate.entered == 2)
    assert client.served.dispatcher.pending == 2


@pytest.mark.parametrize("action", ["drip", "flood"])
@pytest.mark.parametrize("way", ["go", "cut"])
async def test_who_goes_away_has_it_closed(connect: Connect, action: str, way: str) -> None:
    client = await connect()
    gate = client.served.gate
    await client.say(action, 1)
    await eventually(lambda: gate.entered + gate.given > 0)
    async with asyncio.timeout(1.0):
        if way == "go":
            await client.go()
        else:
            client.cut()
        while not gate.closed:
            await asyncio.sleep(0.002)
    await eventually(lambda: client.served.dispatcher.pending == 0)


async def test_who_has_gone_before_it_begins_has_it_closed(connect: Connect) -> None:
    client = await connect()
    gate = client.served.gate
    for _ in range(3):
        await client.say("drip", 1)
    client.cut()
    await eventually(lambda: gate.closed == gate.entered)
    await eventually(lambda: client.served.dispatcher.pending == 0)


async def test_who_does_not_read_is_not_produced_for(connect: Connect) -> None:
    """And may go on later, with all that comes between."""
    client = await connect(outstanding_bytes=2**20)
    gate = client.served.gate
    client.stop_reading()
    for id in (1, 2, 3):
        await client.say("flood", id, size=50_000)
    await eventually(lambda: gate.given > 0)
    assert await is_still(gate)
    assert gate.closed == 0
    client.read_again()
    before = gate.given
    seen = {(await client.hear())["messageId"] for _ in range(before)}
    assert seen == {1, 2, 3}
    await eventually(lambda: gate.given > before)


async def test_who_never_reads_is_dropped(connect: Connect) -> None:
    client = await connect(write_timeout=0.1)
    client.stop_reading()
    await client.say("flood", 1, size=50_000)
    await eventually(lambda: client.served.gate.closed == 1)
    await eventually(lambda: client.served.dispatcher.pending == 0)


async def test_a_limit_that_runs_out_while_a_value_is_sent_ends_it(connect: Connect) -> None:
    client = await connect()
    client.stop_reading()
    await client.say("hasty", 1)
    await eventually(lambda: client.served.gate.closed == 1)
    client.read_again()
    while (answer := await client.hear())["context"] == "stream":
        pass
    assert answer["error"]["code"] == "internal_error"
    assert client.served.dispatcher.pending == 0


async def test_a_fast_stream_lets_others_be_answered(connect: Connect) -> None:
    client = await connect()
    await client.say("flood", 1, size=1)
    await client.say("hello", 2, name="Ada")
    while (answer := await client.hear())["messageId"] == 1:
        assert answer["context"] == "stream"
    assert answer["greeting"] == "Hello, Ada."


@pytest.mark.parametrize("action", ["drip", "flood"])
async def test_a_server_that_stops_ends_it(connect: Connect, action: str) -> None:
    client = await connect()
    await client.say(action, 1)
    assert (await client.hear())["context"] == "stream"
    stopping = asyncio.ensure_future(client.stop_server())
    while (answer := await client.hear())["context"] == "stream":
        pass
    assert answer["error"]["code"] == "shutting_down"
    assert await client.is_alone()
    await stopping
    assert client.served.gate.closed == 1


async def is_still(gate: Gate) -> bool:
    """Wait until no more values are asked for."""
    given = -1
    while given != gate.given:
        given = gate.given
        await asyncio.sleep(0.05)
    return True


async def test_a_stream_is_cancelled_over_websocket(start_ws: ws_kit.Start) -> None:
    kit = await start_ws()
    client = WebSocket(kit, await kit.open_raw())
    for id in (1, 2):
        await client.say("drip", id)
        assert await client.hear() == value(0, id)
    client.raw.send(0x1, b'{"event": "cancel", "messageId": 2}')
    assert await client.hear() == done(2)
    assert (kit.gate.cancelled, kit.gate.closed) == (1, 1)
    client.raw.send(0x1, b'{"event": "cancel", "messageId": 2}')
    answer = await client.hear()
    assert "no stream with the messageId 2" in answer["error"]["message"]
    assert kit.served.dispatcher.pending == 1


async def test_a_stream_waits_for_a_file_over_tcp(start_tcp: tcp_kit.Start) -> None:
    kit = await start_tcp()
    body = bytes(range(256)) * 20_000
    (kit.served.public / "big.bin").write_bytes(body)
    client = await kit.connect()
    client.send('{"action": "flood", "params": {"size": 10}, "messageId": 1}')
    client.send("file big.bin")
    received = b""
    while body not in received:
        received += await asyncio.wait_for(client.reader.read(65536), PATIENCE)
    before, _, after = received.partition(body)
    while not after.endswith(b"\r\n"):
        after += await asyncio.wait_for(client.reader.read(65536), PATIENCE)
    for line in (before + after).splitlines():
        assert json.loads(line)["data"] == "x" * 10


async def test_values_have_the_count_of_their_line_over_tcp(start_tcp: tcp_kit.Start) -> None:
    client = await (await start_tcp()).connect()
    client.send("paramAdd messageId=a", "count to=1")
    counts = [
        (one["messageCount"], one["messageId"]) for one in [await client.read() for _ in "123"]
    ]
    assert counts[1:] == [(2, "a"), (2, "a")]


async def test_a_client_that_vanishes_is_asked_for_over_tcp(start_tcp: tcp_kit.Start) -> None:
    """Nothing else would tell, while a stream has nothing to say."""
    kit = await start_tcp()
    client = await kit.connect()
    client.send("drip")
    assert (await client.read())["data"] == 0
    (served,) = kit.server.watch
    sock = served._transport.get_extra_info("socket")
    assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


async def test_quit_waits_for_it_over_tcp(start_tcp: tcp_kit.Start) -> None:
    kit = await start_tcp()
    client = await kit.connect()
    client.send("drip", "quit")
    assert (await client.read())["data"] == 0
    kit.gate.opened.set()
    assert (await client.read())["data"] == 1
    assert (await client.read())["status"] == "OK"
    assert (await client.read())["status"] == "Bye!"


async def test_who_says_no_more_over_tcp_has_it_closed(start_tcp: tcp_kit.Start) -> None:
    """It may be gone: that looks the same."""
    kit = await start_tcp()
    client = await kit.connect()
    client.send("drip")
    assert (await client.read())["data"] == 0
    client.writer.write_eof()
    assert (await client.read())["status"] == "OK"
    assert kit.gate.closed == 1
    assert await client.is_closed()
