"""Clients that take their time, alone and by the thousand: none gains any by sending a little.

That a head, a body, an idle connection and a reader have their times at all is tested in
`test_http_connection`.
"""

import asyncio
import resource
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actionhero.transports import http_patience
from tests.transports.http_kit import GET, HELLO, Kit, Reply, Wire, request, serving
from tests.transports.serving import PATIENCE, eventually

SHORT = 0.1
LONG = 60.0
HEAD = request("POST", "/api/echo", "Content-Length: 100000")
CHUNKED = request("POST", "/api/echo", "Transfer-Encoding: chunked")


@pytest.fixture
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_patience, "_GRACE", SHORT)


async def trickle(wire: Wire, piece: bytes) -> None:
    """Send a piece now and again until the server ends the connection."""
    async with asyncio.timeout(PATIENCE):
        while not (wire.reader.at_eof() or wire.writer.is_closing()):
            wire.send(piece)
            await asyncio.sleep(0.01)


async def trickle_until_refused(wire: Wire, piece: bytes) -> Reply:
    reading = asyncio.ensure_future(wire.read_reply())
    async with asyncio.timeout(PATIENCE):
        while not reading.done():
            wire.send(piece)
            await asyncio.sleep(0.01)
    return await reading


@pytest.mark.parametrize("is_new", [True, False])
async def test_empty_lines_gain_no_time(is_new: bool, tmp_path: Path) -> None:
    times = {"header_timeout" if is_new else "idle_timeout": SHORT}
    async with serving(tmp_path, **times) as kit:
        wire = await kit.connect()
        if not is_new:
            assert (await wire.ask(GET)).json() == HELLO
        await trickle(wire, b"\r\n")
        assert await wire.read_end() == b""


@pytest.mark.usefixtures("short_grace")
@pytest.mark.parametrize(("head", "piece"), [(HEAD, b"a"), (CHUNKED, b"1\r\na\r\n")])
async def test_a_body_must_keep_its_least_rate(head: bytes, piece: bytes, tmp_path: Path) -> None:
    async with serving(tmp_path, body_timeout=LONG, idle_timeout=SHORT, body_rate=10_000) as kit:
        wire = await kit.connect()
        wire.send(head)
        reply = await trickle_until_refused(wire, piece)
        assert (reply.status, reply.json()["code"]) == (408, "request_timeout")
        assert await wire.read_end() == b""


@pytest.mark.usefixtures("short_grace")
@pytest.mark.parametrize("rate", [0, 10])
async def test_a_body_that_keeps_it_may_take_longer(rate: int, tmp_path: Path) -> None:
    async with serving(tmp_path, idle_timeout=2 * SHORT, body_rate=rate) as kit:
        wire = await kit.connect()
        wire.send(HEAD)
        wire.send(b"a" * 90_000)
        other = await kit.connect()
        assert (await other.ask(GET)).json() == HELLO
        assert await other.read_end() == b""  # more than the grace later
        wire.send(b"a" * 10_000)
        assert (await wire.read_reply()).status == 415


@pytest.mark.usefixtures("short_grace")
async def test_a_body_that_keeps_it_must_still_be_here_in_time(tmp_path: Path) -> None:
    async with serving(tmp_path, body_timeout=3 * SHORT, body_rate=1) as kit:
        wire = await kit.connect()
        wire.send(HEAD)
        assert (await trickle_until_refused(wire, b"a" * 10)).status == 408


async def test_a_reader_must_keep_the_least_rate(tmp_path: Path) -> None:
    """One that takes a little, so that it never stands still, but hardly anything."""
    async with serving(tmp_path, write_timeout=SHORT, body_rate=100_000_000) as kit:
        state = kit.server._state
        assert state is not None
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect(("127.0.0.1", kit.server.port))
        sock.sendall(request("GET", "/api/large?size=20000000"))
        await eventually(lambda: bool(state.connections))
        async with asyncio.timeout(PATIENCE):
            while state.connections:
                sock.recv(2000)
                await asyncio.sleep(0.01)
        sock.close()


@pytest.fixture
def many_files() -> Iterator[None]:
    """A process that may open as many as it can be allowed to."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


SLOW: tuple[Callable[[int], bytes], ...] = (
    lambda number: b"",
    lambda number: GET[: number % len(GET)],
    lambda number: HEAD + b"a" * number,
    lambda number: CHUNKED + b"5\r\nab",
    lambda number: GET + GET[:-1],
)


def open_slow(kit: Kit, count: int) -> list[socket.socket]:
    """Clients that have each sent the beginning of something."""
    found = []
    for number in range(count):
        sock = socket.create_connection(("127.0.0.1", kit.server.port))
        sock.sendall(SLOW[number % len(SLOW)](number))
        found.append(sock)
    return found


@pytest.mark.usefixtures("many_files")
async def test_a_thousand_slow_clients_do_not_keep_others_waiting(tmp_path: Path) -> None:
    async with serving(tmp_path, connections_per_address=2000, header_timeout=LONG) as kit:
        state = kit.server._state
        assert state is not None
        slow = []
        for _ in range(10):
            slow += open_slow(kit, 100)
            await asyncio.sleep(0)  # so that they are accepted
        await eventually(lambda: len(state.connections) == 1000)
        wire = await kit.connect()
        for _ in range(100):
            assert (await wire.ask(GET)).json() == HELLO
        for connection in tuple(state.connections):
            connection.check(state.now + LONG * 2)  # as the timer does, a minute or two later
        for sock in slow:
            sock.close()
        await eventually(lambda: not state.connections)


def is_reset(sock: socket.socket) -> bool:
    """Whether the connection ends with a reset, before all that was sent is read."""
    sock.settimeout(PATIENCE)
    try:
        while sock.recv(1_000_000):
            pass
    except ConnectionResetError:
        return True
    return False


@pytest.mark.parametrize("path", ["/api/large?size=20000000", "/public/large"])
async def test_what_a_reader_leaves_is_not_kept_for_it(path: str, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 20_000_000)
    async with serving(tmp_path, write_timeout=SHORT) as kit:
        state = kit.server._state
        assert state is not None
        with socket.create_connection(("127.0.0.1", kit.server.port)) as sock:
            sock.sendall(request("GET", path))
            await eventually(lambda: bool(state.connections))
            await eventually(lambda: not state.connections)
            assert await asyncio.to_thread(is_reset, sock)
