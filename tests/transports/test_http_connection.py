"""One connection: order, time limits, bounds, and what is never answered."""

import asyncio
import contextlib
import json
import logging
import socket
from pathlib import Path
from typing import cast

import pytest

from actionhero.errors import ActionError
from actionhero.protocols.http1 import UpgradeRequest
from actionhero.transports.http_connection import HttpConnection
from tests.protocols.framing import SMUGGLED
from tests.transports.http_kit import GET, HELLO, Kit, Wire, request, serving
from tests.transports.serving import PATIENCE, eventually

SHORT = 0.1
WAIT = request("GET", "/api/wait")


def connections(kit: Kit) -> list[HttpConnection]:
    """Those that the server has."""
    assert kit.server._state is not None
    return list(kit.server._state.connections)


def greet(name: str) -> bytes:
    return request("GET", f"/api/greet/{name}")


def is_full(kit: Kit) -> bool:
    assert kit.server._state is not None
    return kit.server._state.is_full


def greeting(name: str) -> dict[str, str]:
    return {"greeting": f"Hello, {name}."}


# Many requests.


async def test_a_connection_is_kept(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wire = await kit.connect()
        for name in ("a", "b", "c"):
            assert (await wire.ask(greet(name))).json() == greeting(name)


async def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    async with serving(tmp_path, pipelined=4) as kit:
        wire = await kit.connect()
        names = [f"n{number}" for number in range(50)]
        wire.send(WAIT + b"".join(map(greet, names)))
        await eventually(lambda: kit.gate.entered == 1)
        kit.gate.opened.set()
        assert (await wire.read_reply()).json() == {"waited": "yes"}
        for name in names:
            assert (await wire.read_reply()).json() == greeting(name)


async def test_pipelined_requests_run_one_at_a_time(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wire = await kit.connect()
        wire.send(WAIT * 3)
        await eventually(lambda: kit.gate.entered == 1)
        await asyncio.sleep(0)
        assert kit.gate.entered == 1
        kit.gate.opened.set()
        for _ in range(3):
            assert (await wire.read_reply()).status == 200


async def test_no_more_is_read_than_may_wait(tmp_path: Path) -> None:
    async with serving(tmp_path, pipelined=2) as kit:
        wire = await kit.connect()
        wire.send(WAIT)
        await eventually(lambda: kit.gate.entered == 1)
        wire.send(GET)
        wire.send(GET)
        (connection,) = connections(kit)
        await eventually(lambda: connection._is_paused)
        sent = 0
        while wire.writer.transport.get_write_buffer_size() < 1_000_000:
            wire.send(GET * 10_000)  # the system buffers some of it
            sent += 10_000
            assert sent < 2_000_000
            await asyncio.sleep(0)
        assert len(connection._queue) < 10_000
        wire.writer.transport.abort()
        kit.gate.opened.set()
        await eventually(lambda: not connections(kit))


async def test_much_is_read_before_more_is_received(tmp_path: Path) -> None:
    """libuv calls up to 32 times while there is more, and only then does the loop go on."""
    async with serving(tmp_path) as kit:
        wire = await kit.connect()
        await eventually(lambda: bool(connections(kit)))
        (connection,) = connections(kit)
        connection.data_received(GET * 2000)
        assert connection._is_paused
        for _ in range(2000):
            assert (await wire.read_reply()).status == 200


async def test_no_more_is_read_while_a_body_waits(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wire = await kit.connect()
        body = request("POST", "/api/echo", "Content-Type: application/json", body=b'{"value":"v"}')
        wire.send(WAIT)
        await eventually(lambda: kit.gate.entered == 1)
        wire.send(body)
        (connection,) = connections(kit)
        await eventually(lambda: connection._is_paused)
        wire.send(body)
        kit.gate.opened.set()
        replies = [await wire.read_reply() for _ in range(3)]
        assert [reply.status for reply in replies] == [200, 200, 200]


async def test_old_clients_and_those_that_ask_for_it_are_let_go(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        for data in (
            b"GET /api/hello?name=Ada HTTP/1.0\r\n\r\n",
            request("GET", "/api/hello?name=Ada", "Connection: close"),
        ):
            wire = await kit.connect()
            reply = await wire.ask(data + SMUGGLED)
            assert reply.json() == HELLO
            assert reply.fields["connection"] == "close"
            assert await wire.read_end() == b""


async def test_an_old_client_may_stay(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wire = await kit.connect()
        for _ in range(2):
            reply = await wire.ask(
                b"GET /api/hello?name=Ada HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
            )
            assert reply.fields["connection"] == "keep-alive"


async def test_requests_may_arrive_byte_by_byte(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wire = await kit.connect()
        wire.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request("POST", "/api/hello", "Content-Type: application/json", body=b"{}"):
            wire.send(bytes((byte,)))
            await asyncio.sleep(0)
        assert (await wire.read_reply()).status == 422


# What is broken.


async def test_a_refusal_is_read_though_the_client_goes_on_sending(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wire = await kit.connect()
        wire.send(request("POST", "/api/echo", "Content-Length: 9999999"))
        with contextlib.suppress(ConnectionError):
            for _ in range(50):
                wire.send(b"x" * 100_000)
                await asyncio.sleep(0)
        assert (await wire.read_reply()).status == 413


async def test_a_body_over_the_limit_is_refused_while_it_streams(tmp_path: Path) -> None:
    async with serving(tmp_path, body_bytes=1000) as kit:
        wire = await kit.connect()
        wire.send(request("POST", "/api/echo", "Transfer-Encoding: chunked"))
        for _ in range(3):
            wire.send(b"190\r\n" + b"x" * 400 + b"\r\n")
        reply = await wire.read_reply()
        assert (reply.status, reply.json()["code"]) == (413, "too_large")
        assert await wire.read_end() == b""


async def test_a_cut_request_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wire = await kit.connect()
        wire.send(GET[:-5])
        wire.writer.write_eof()
        assert (await wire.read_reply()).status == 400
        assert await wire.read_end() == b""


async def test_who_waits_to_send_a_body_is_asked_for_it(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wire = await kit.connect()
        head = request(
            "POST",
            "/api/echo",
            "Content-Type: application/json",
            "Expect: 100-continue",
            "Content-Length: 13",
        )
        wire.send(GET + head)
        assert (await wire.read_reply()).json() == HELLO
        assert await wire.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        reply = await wire.ask(b'{"value":"v"}')
        assert reply.json()["value"] == "v"
        reply = await wire.ask(head.replace(b"Length: 13", b"Length: 9999999"))
        assert reply.status == 413


# Time.


async def test_who_says_nothing_is_let_go_silently(tmp_path: Path) -> None:
    async with serving(tmp_path, header_timeout=SHORT) as kit:
        wire = await kit.connect()
        assert await wire.read_end() == b""


@pytest.mark.parametrize("data", [b"G", GET[:-2], GET + GET[:-2]])
async def test_a_slow_head_is_refused(data: bytes, tmp_path: Path) -> None:
    async with serving(tmp_path, header_timeout=SHORT) as kit:
        wire = await kit.connect()
        wire.send(data)
        if data.startswith(GET):
            assert (await wire.read_reply()).status == 200
        reply = await wire.read_reply()
        assert (reply.status, reply.json()["code"]) == (408, "request_timeout")
        assert await wire.read_end() == b""


async def test_a_trickle_does_not_make_a_slow_head_last_longer(tmp_path: Path) -> None:
    async with serving(tmp_path, header_timeout=SHORT) as kit:
        wire = await kit.connect()
        wire.send(b"GET / HTTP/1.1\r\nX: ")
        reading = asyncio.ensure_future(wire.read_reply())
        async with asyncio.timeout(PATIENCE):
            while not reading.done():
                wire.send(b"a")
                await asyncio.sleep(0.01)
        assert (await reading).status == 408


async def test_a_slow_body_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path, body_timeout=SHORT) as kit:
        wire = await kit.connect()
        wire.send(request("POST", "/api/echo", "Content-Length: 10") + b"abc")
        assert (await wire.read_reply()).status == 408
        assert await wire.read_end() == b""


async def test_an_idle_connection_is_let_go(tmp_path: Path) -> None:
    async with serving(tmp_path, idle_timeout=SHORT) as kit:
        wire = await kit.connect()
        assert (await wire.ask(GET)).status == 200
        assert await wire.read_end() == b""


async def test_an_action_may_take_longer_than_a_request_to_arrive(tmp_path: Path) -> None:
    async with serving(
        tmp_path, header_timeout=SHORT, body_timeout=SHORT, idle_timeout=SHORT, write_timeout=SHORT
    ) as kit:
        wire = await kit.connect()
        wire.send(WAIT)
        await eventually(lambda: kit.gate.entered == 1)
        other = await kit.connect()
        assert await other.read_end() == b""  # a whole time limit later
        kit.gate.opened.set()
        assert (await wire.read_reply()).status == 200


async def slow_reader(kit: Kit) -> Wire:
    """A client with small buffers, that has asked for much."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", kit.server.port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=2**12)
    wire = Wire(reader, writer)
    wire.send(request("GET", "/api/large?size=20000000"))
    return wire


async def test_who_does_not_read_is_cut_off(tmp_path: Path) -> None:
    async with serving(tmp_path, write_timeout=SHORT) as kit:
        wire = await slow_reader(kit)
        await eventually(lambda: len(connections(kit)) == 1)
        await eventually(lambda: not connections(kit))
        assert len(await wire.read_end()) < 20_000_000
        await wire.aclose()


async def test_who_reads_slowly_is_not(tmp_path: Path) -> None:
    async with serving(tmp_path, write_timeout=1.0) as kit:
        wire = await slow_reader(kit)
        got = 0
        async with asyncio.timeout(PATIENCE * 3):
            while got < 20_000_000:
                piece = await wire.reader.read(500_000)
                assert piece
                got += len(piece)
        await wire.aclose()


async def test_a_slow_reader_has_one_answer_at_a_time(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wire = await slow_reader(kit)
        wire.send(WAIT)
        await eventually(lambda: any(one.task for one in connections(kit)))
        assert kit.gate.entered == 0
        wire.writer.transport.abort()
        await eventually(lambda: not connections(kit))


# Clients that go.


@pytest.mark.parametrize("half", [True, False])
async def test_an_action_is_cancelled_when_its_client_goes(half: bool, tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wire = await kit.connect()
        wire.send(WAIT + GET)
        await eventually(lambda: kit.gate.entered == 1)
        if half:
            wire.writer.write_eof()
        else:
            wire.writer.transport.abort()
        await eventually(lambda: kit.gate.cancelled == 1)
        assert await wire.read_end() == b""
        await eventually(lambda: kit.dispatcher.pending == 0)
        assert kit.stats.tally["actions:processedActions:hello"] == 0


# Bounds.


async def test_more_connections_than_there_may_be_are_turned_away(tmp_path: Path) -> None:
    async with serving(tmp_path, connections=2) as kit:
        first, second = await kit.connect(), await kit.connect()
        for wire in (first, second):
            assert (await wire.ask(GET)).status == 200
        third = await kit.connect()
        reply = await third.read_reply()
        assert (reply.status, reply.json()["code"]) == (503, "overloaded")
        assert reply.fields["retry-after"] == "1"
        assert await third.read_end() == b""
        await first.aclose()
        await eventually(lambda: len(connections(kit)) == 1)
        fourth = await kit.connect()
        assert (await fourth.ask(GET)).status == 200


async def test_idle_connections_do_not_keep_others_waiting(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wires = [await kit.connect() for _ in range(100)]
        for wire in wires[::10]:
            assert (await wire.ask(GET)).json() == HELLO


# Upgrades.


class Taken(asyncio.Protocol):
    """What takes a connection over: it says what it was told."""

    def __init__(self, asked: UpgradeRequest) -> None:
        self.asked = asked
        self.told = b""
        self.transport = cast("asyncio.Transport", asked.transport)
        self.transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data.upper())

    def connection_lost(self, exc: Exception | None) -> None:
        self.asked.on_lost()
        self.asked.on_lost()  # once more does nothing


UPGRADE = request("GET", "/ws?a=1&b=%20", "Upgrade: WebSocket", "Connection: Upgrade", "X-Y: z")


async def test_a_connection_is_handed_over(tmp_path: Path) -> None:
    taken: list[Taken] = []
    upgrades = {"/ws": lambda asked: taken.append(Taken(asked))}
    async with serving(tmp_path, upgrades=upgrades, connections=1) as kit:
        wire = await kit.connect()
        wire.send(WAIT + UPGRADE + b"abc")
        await eventually(lambda: kit.gate.entered == 1)
        kit.gate.opened.set()
        assert (await wire.read_reply()).status == 200
        await eventually(lambda: bool(taken))
        asked = taken[0].asked
        assert (asked.path, asked.words) == ("/ws", {"a": "1", "b": " "})
        assert asked.headers["x-y"] == "z"
        assert asked.head.startswith(b"GET /ws?a=1&b=%20 HTTP/1.1\r\nhost: a\r\n")
        assert asked.head.endswith(b"\r\n\r\nabc")
        assert asked.peer[0] == "127.0.0.1"
        assert asked.request_id
        wire.send(b"hello")
        assert await wire.reader.readexactly(5) == b"HELLO"
        other = await kit.connect()  # the one handed over still counts
        assert (await other.read_reply()).status == 503
        await wire.aclose()
        await eventually(lambda: not is_full(kit))
        await kit.server.drain(PATIENCE)


async def test_an_upgrade_that_is_refused_is_answered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(asked: UpgradeRequest) -> None:
        raise ActionError("not from there", code="origin", status=403)

    def fail(asked: UpgradeRequest) -> None:
        raise RuntimeError("a secret")

    async with serving(tmp_path, upgrades={"/ws": refuse, "/bad": fail}, connections=1) as kit:
        for target, status in (("/ws", 403), ("/bad", 500), ("/ws", 403)):
            wire = await kit.connect()
            reply = await wire.ask(UPGRADE.replace(b"/ws", target.encode()) + b"more")
            assert reply.status == status
            assert b"secret" not in reply.body
            assert await wire.read_end() == b""
            await wire.aclose()
            await eventually(lambda: not connections(kit))
    assert "an upgrade failed" in caplog.text


async def test_an_upgrade_of_nobody_is_an_ordinary_request(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wire = await kit.connect()
        data = request("GET", "/api/hello?name=Ada", "Upgrade: h2c", "Connection: Upgrade")
        assert (await wire.ask(data)).json() == HELLO
        assert (await wire.ask(GET)).json() == HELLO


# What is written down.


async def test_requests_are_logged_without_their_queries(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="actionhero.http")
    async with serving(tmp_path) as kit:
        await kit.get("/api/hello?name=Ada&token=secret")
    (record,) = [one for one in caplog.records if one.message == "request"]
    shown = json.dumps(vars(record), default=repr)
    assert "/api/hello" in shown
    assert "secret" not in shown


async def test_a_reply_that_cannot_be_written_ends_the_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(tmp_path) as kit:
        wire = await kit.connect()

        def fail(*args: object) -> bytes:
            raise RuntimeError("no")

        monkeypatch.setattr(kit.server._heads, "write", fail)
        wire.send(GET)
        assert await wire.read_end() == b""
    assert "an answer was not sent" in caplog.text
