"""Clients of every transport, well behaved and not, each over and over until it is stopped.

A round of one is a function; what it expects and does not get is a fault. Some leave in the midst
of things, which must leave nothing behind.
"""

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from actionhero.testing import HttpClient, TcpClient, WebSocketClient

_FILE = random.randbytes(300_000)
_MOST_FAULTS = 20


class Place:
    """Where the server is, and what was done to it: how often each round was made, and the
    faults."""

    def __init__(self, http_port: int, tcp_port: int) -> None:
        self.http_port = http_port
        self.tcp_port = tcp_port
        self.numbers = itertools.count()
        self.rounds: Counter[str] = Counter()
        self.faults: list[str] = []


Round: TypeAlias = Callable[[Place], Awaitable[None]]


def expect(what: object, wanted: object) -> None:
    """Raises `AssertionError` if it is something else."""
    if what != wanted:
        raise AssertionError(f"{what!r} instead of {wanted!r}")


async def keep_asking(place: Place) -> None:
    """Ordinary requests over one connection."""
    http = HttpClient("127.0.0.1", place.http_port)
    try:
        for _ in range(10):
            expect((await http.get("/api/hello", name="Bo")).json(), {"greeting": "Hello, Bo."})
            summed = await http.post("/api/sum", numbers=[1, 2.5], label="both")
            expect(summed.json(), {"both": 3.5})
        expect(len((await http.get("/api/large")).body), 300_000)
        expect((await http.get("/api/broken")).status, 500)
        expect((await http.get("/api/nothing")).status, 404)
        expect((await http.post("/api/sum", numbers="no")).status, 422)
        expect((await http.get("/api/pause")).json(), "done")
        expect((await http.get("/public/page.html")).status, 200)
        expect((await http.request("POST", "/api/raw", body=_FILE)).status, 200)
    finally:
        await http.aclose()


async def leave_early(place: Place) -> None:
    """Go in the midst of a head, a body, an answer or an action; or send nonsense."""
    number = next(place.numbers)
    said = (
        b"GET /api/hel",
        b"POST /api/sum HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n[1,",
        b"GET /api/large?size=1000000 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/pause HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/count?to=1000 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        _form("localhost")[:100_000],
    )[number % 7]
    reader, writer = await asyncio.open_connection("127.0.0.1", place.http_port)
    writer.write(said)
    with contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(0.02):
            await reader.read(1000)
    writer.transport.abort()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def pipeline(place: Place) -> None:
    """Many requests in one piece."""
    reader, writer = await asyncio.open_connection("127.0.0.1", place.http_port)
    request = b"GET /api/hello HTTP/1.1\r\nHost: localhost\r\n\r\n"
    writer.write(request * 19 + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    async with asyncio.timeout(20):
        expect((await reader.read()).count(b"HTTP/1.1 200 OK"), 20)
    writer.close()
    await writer.wait_closed()


def _form(host: str) -> bytes:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\n" + _FILE + b"\r\n--b--\r\n"
    )
    head = (
        f"POST /api/upload HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


async def send_file(place: Place) -> None:
    """A file larger than what is kept in memory."""
    reader, writer = await asyncio.open_connection("127.0.0.1", place.http_port)
    writer.write(_form("localhost"))
    async with asyncio.timeout(20):
        expect((await reader.read()).rpartition(b"\r\n\r\n")[2], b'{"size":300000}')
    writer.close()
    await writer.wait_closed()


async def come_and_go(place: Place) -> None:
    """A session."""
    http = HttpClient("127.0.0.1", place.http_port)
    try:
        reply = await http.post("/api/login")
        cookie = reply.headers["set-cookie"].partition(";")[0]
        headers = {"Cookie": cookie, "Sec-Fetch-Site": "same-origin"}
        expect((await http.request("POST", "/api/logout", headers=headers)).status, 200)
    finally:
        await http.aclose()


async def listen(place: Place) -> None:
    """A stream of events, to its end or half of it."""
    http = HttpClient("127.0.0.1", place.http_port)
    wanted = random.choice((5, 21))
    seen = 0
    async with contextlib.aclosing(http.events("/api/count")) as events:
        async for _ in events:
            seen += 1
            if seen == wanted:
                break
    expect(seen, wanted)


async def talk(place: Place) -> None:
    """A WebSocket: actions, a room, a stream; closed, or cut."""
    client = await WebSocketClient.connect(f"ws://127.0.0.1:{place.http_port}/ws")
    try:
        for _ in range(10):
            expect((await client.action("hello", name="Cy"))["greeting"], "Hello, Cy.")
        await client.send({"event": "roomAdd", "room": "lobby", "messageId": "in"})
        await _hear(client, "in")
        await client.send({"event": "say", "room": "lobby", "message": "hi", "messageId": "say"})
        await _hear(client, "say")
        if random.random() < 0.5:
            await client.send({"event": "roomLeave", "room": "lobby", "messageId": "out"})
            await _hear(client, "out")
    finally:
        await client.aclose()


async def _hear(client: WebSocketClient, message_id: str) -> None:
    """Read on to a reply; others in the room may talk meanwhile."""
    while (answer := await client.receive()).get("messageId") != message_id:
        pass
    expect(answer.get("error"), None)


async def chat(place: Place) -> None:
    """TCP: words, JSON, a room; left by `quit`, or not."""
    client = await TcpClient.connect("127.0.0.1", place.tcp_port)
    try:
        for _ in range(10):
            expect((await client.ask("hello name=Di"))["greeting"], "Hello, Di.")
        expect((await client.ask('{"action": "sum", "params": {}}')).get("context"), "response")
        expect((await client.ask("paramAdd a=b"))["status"], "OK")
        await client.send("roomAdd lobby")
        await client.send("detailsView")
        if random.random() < 0.5:
            await client.send("quit")
            with contextlib.suppress(EOFError):
                while True:
                    await client.receive()
    finally:
        await client.aclose()


async def leave_work(place: Place) -> None:
    """Tasks."""
    http = HttpClient("127.0.0.1", place.http_port)
    try:
        for _ in range(10):
            reply = await http.post("/api/enqueue", number=next(place.numbers))
            expect(reply.status, 200)
    finally:
        await http.aclose()


ROUNDS: tuple[Round, ...] = (
    keep_asking,
    leave_early,
    pipeline,
    send_file,
    come_and_go,
    listen,
    talk,
    chat,
    leave_work,
)


async def go_on(place: Place, make_round: Round, until: asyncio.Event) -> None:
    """Make one round after the other until told to stop."""
    name = getattr(make_round, "__name__", "")
    while not until.is_set():
        try:
            await make_round(place)
            place.rounds[name] += 1
        except Exception as exc:
            if len(place.faults) < _MOST_FAULTS:
                place.faults.append(f"{name}: {exc!r}")
            await asyncio.sleep(0.1)


async def run(place: Place, clients: int, seconds: float) -> None:
    """Have so many of each kind do their rounds for a while."""
    until = asyncio.Event()
    tasks: list[asyncio.Task[Any]] = [
        asyncio.create_task(go_on(place, one, until)) for one in ROUNDS for _ in range(clients)
    ]
    await asyncio.wait(tasks, timeout=seconds)
    until.set()
    await asyncio.wait(tasks)
