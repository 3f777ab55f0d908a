"""Requests are read, begun and answered a turn at a time, and nothing overtakes anything."""

import asyncio
import socket
from pathlib import Path
from typing import cast

import pytest

from actionhero.protocols.http1 import UpgradeRequest
from actionhero.protocols.http1_parser import RequestParser
from actionhero.transports.http_connection import HttpConnection
from actionhero.transports.http_turn import Turn
from tests.transports.http_kit import GET, HELLO, Kit, request, serving
from tests.transports.serving import PATIENCE, eventually

LARGE = 20_000_000


class Client:
    """A connection and its transport in one: it notes what is read and written, in order."""

    def __init__(self, name: str, log: list[str], is_broken: bool = False) -> None:
        self.name = name
        self.log = log
        self.is_broken = is_broken

    def take(self, data: bytes) -> None:
        self.log.append(f"{self.name} reads {data.decode()}")

    def write(self, data: bytes) -> None:
        if self.is_broken:
            raise RuntimeError("broken")
        self.log.append(f"{self.name} writes {data.decode()}")

    def abort(self) -> None:
        self.log.append(f"{self.name} aborts")


def reply(turn: Turn, client: Client, data: bytes) -> None:
    turn.replies.append((cast("asyncio.Transport", client), data))


async def test_all_is_read_before_anything_is_written() -> None:
    turn = Turn(asyncio.get_running_loop())
    log: list[str] = []
    one, two = Client("one", log), Client("two", log)
    turn.wake()
    turn.received.extend([(one, b"a"), (two, b"b"), (one, b"c")])
    reply(turn, one, b"A")
    assert log == []
    await asyncio.sleep(0)
    assert log == ["one reads a", "two reads b", "one reads c", "one writes A"]
    assert not turn.received
    assert not turn.replies


async def test_a_reply_that_cannot_be_written_keeps_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    turn = Turn(asyncio.get_running_loop())
    log: list[str] = []
    reply(turn, Client("one", log, is_broken=True), b"A")
    reply(turn, Client("two", log), b"B")
    turn.flush()
    assert log == ["one aborts", "two writes B"]
    assert "a reply was not written" in caplog.text


async def test_what_is_left_of_one_is_told_from_the_rest() -> None:
    turn = Turn(asyncio.get_running_loop())
    one, two = Client("one", []), Client("two", [])
    turn.received.extend([(one, b"a"), (two, b"b"), (one, b"c")])
    assert turn.left_of(one) == b"ac"


async def test_replies_precede_what_ends_the_connection(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wire = await kit.connect()
        wire.send(GET * 3 + b"garbage\r\n\r\n")
        assert [(await wire.read_reply()).status for _ in range(4)] == [200, 200, 200, 400]
        assert await wire.read_end() == b""
        wire = await kit.connect()
        wire.send(GET + request("GET", "/api/hello?name=Ada", "Connection: close") + GET)
        assert [(await wire.read_reply()).json() for _ in range(2)] == [HELLO, HELLO]
        assert await wire.read_end() == b""


async def test_a_reply_precedes_the_invitation_to_send_a_body(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wire = await kit.connect()
        body = b'{"value":"x"}'
        post = request(
            "POST", "/api/echo", "Expect: 100-continue", "Content-Type: application/json", body=body
        )
        wire.send(GET + post[: -len(body)])
        assert (await wire.read_reply()).json() == HELLO
        assert (await wire.read_reply()).status == 100
        wire.send(body)
        assert (await wire.read_reply()).json()["value"] == "x"


async def test_a_reply_precedes_another_protocol(tmp_path: Path) -> None:
    def take(asked: UpgradeRequest) -> None:
        transport = cast("asyncio.Transport", asked.transport)
        transport.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
        transport.close()
        asked.on_lost()

    async with serving(tmp_path, upgrades={"/ws": take}) as kit:
        wire = await kit.connect()
        wire.send(GET + request("GET", "/ws", "Upgrade: websocket", "Connection: Upgrade"))
        assert (await wire.read_reply()).json() == HELLO
        assert (await wire.read_reply()).status == 101


async def test_what_came_in_pieces_goes_with_the_connection(tmp_path: Path) -> None:
    """TLS hands over the records of one read one by one."""
    heads: list[bytes] = []

    def take(asked: UpgradeRequest) -> None:
        heads.append(asked.head)
        asked.on_lost()
        cast("asyncio.Transport", asked.transport).abort()

    async with serving(tmp_path, upgrades={"/ws": take}) as kit:
        wire = await kit.connect()
        await eventually(lambda: len(connections(kit)) == 1)
        (connection,) = connections(kit)
        connection.data_received(request("GET", "/ws", "Upgrade: websocket", "Connection: Upgrade"))
        connection.data_received(b"ab")
        connection.data_received(b"c")
        await eventually(lambda: bool(heads))
        assert heads[0].endswith(b"\r\n\r\nabc")
        await wire.aclose()


async def test_a_fault_of_ours_ends_one_connection_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    feed = RequestParser.feed

    def fail(parser: RequestParser, data: bytes) -> object:
        if b"/fault" in data:
            raise RuntimeError("a fault")
        return feed(parser, data)

    async with serving(tmp_path) as kit:
        monkeypatch.setattr(RequestParser, "feed", fail)
        one, other = await kit.connect(), await kit.connect()
        one.send(request("GET", "/fault"))
        assert await one.read_end() == b""
        assert (await other.ask(GET)).json() == HELLO
        assert "a request was not read" in caplog.text


async def test_requests_that_have_come_are_answered_by_a_server_that_stops(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wire = await kit.connect()
        await wire.ask(GET)
        connections(kit)[0].data_received(GET)
        await kit.server.drain(PATIENCE)
        answer = await wire.read_reply()
        assert (answer.json(), answer.fields["connection"]) == (HELLO, "close")


async def test_a_server_stops_also_while_a_client_connects(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        for _ in range(20):
            wire = await kit.connect()
            await eventually(lambda: bool(connections(kit)))
            async with asyncio.timeout(PATIENCE):
                await kit.server.drain(PATIENCE)
            assert await wire.read_end() == b""
            await kit.server.start()


async def slow_reader(kit: Kit, *lines: str) -> socket.socket:
    """A client with small buffers, that has asked for much."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", kit.server.port))
    await loop.sock_sendall(sock, request("GET", f"/api/large?size={LARGE}", *lines))
    return sock


async def test_the_time_to_be_idle_begins_when_the_answer_is_read(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        sock = await slow_reader(kit)
        await eventually(lambda: any(not one.is_writable for one in connections(kit)))
        (connection,) = connections(kit)
        assert connection.due == float("inf")
        await read_all(sock)
        await eventually(lambda: connection.is_writable)
        assert connection.due < float("inf")
        sock.close()


async def test_a_last_answer_is_read_to_its_end(tmp_path: Path) -> None:
    async with serving(tmp_path, write_timeout=1.0) as kit:
        sock = await slow_reader(kit, "Connection: close")
        await read_all(sock)
        await eventually(lambda: not connections(kit))
        sock.close()


async def read_all(sock: socket.socket) -> None:
    """Read the large answer."""
    loop = asyncio.get_running_loop()
    got = 0
    async with asyncio.timeout(PATIENCE * 3):
        while got < LARGE:
            piece = await loop.sock_recv(sock, 500_000)
            assert piece
            got += len(piece)


def connections(kit: Kit) -> list[HttpConnection]:
    """Those that the server has."""
    assert kit.server._state is not None
    return list(kit.server._state.connections)
