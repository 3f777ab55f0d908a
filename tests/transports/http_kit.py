"""What the tests of HTTP use: a real server with a few actions, and a client that can send
anything."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from actionhero.actions.action import Action, ActionVersions
from actionhero.actions.dispatch import Dispatcher
from actionhero.actions.routes import Routes
from actionhero.connections import Connection
from actionhero.deadlines import Deadlines
from actionhero.errors import ActionError, TooManyRequestsError
from actionhero.protocols.http1 import Upgrade
from actionhero.settings import WebSettings
from actionhero.transports.http import HttpServer
from actionhero.transports.http_answers import Probe
from tests.counting import Counts
from tests.transports.gate import Gate
from tests.transports.serving import PATIENCE, NoLimits, Provider
from tests.transports.streams import STREAMS

GET = b"GET /api/hello?name=Ada HTTP/1.1\r\nHost: a\r\n\r\n"
HELLO = {"greeting": "Hello, Ada."}


async def hello(name: str, excited: bool = False) -> dict[str, str]:
    """Say hello."""
    return {"greeting": f"Hello, {name}{'!' if excited else '.'}"}


async def wait(gate: Gate) -> dict[str, str]:
    await gate.pass_through()
    return {"waited": "yes"}


async def echo(value: str = "", numbers: list[int] | None = None) -> dict[str, object]:
    return {"value": value, "numbers": numbers}


async def update(user: int, name: str) -> dict[str, object]:
    return {"user": user, "name": name}


async def large(size: int) -> bytes:
    return b"x" * size


async def shaped(connection: Connection, status: int = 201, fail: bool = False) -> str:
    connection.set_status(status)
    connection.set_header("X-Shape", "round")
    connection.set_header("Content-Type", "text/plain")
    if fail:
        raise ActionError("no", code="no", status=409)
    return "made"


async def text(connection: Connection, kind: str) -> str:
    connection.set_header("Content-Type", kind)
    return "Grüße"


async def binary(connection: Connection) -> bytes:
    connection.set_header("Content-Type", "image/png")
    return b"PNG"


async def moved(connection: Connection, url: str, status: int = 302) -> str:
    connection.redirect("/somewhere/else")
    connection.redirect(url, status)
    return "not sent"


async def log_in(connection: Connection, value: str) -> dict[str, str]:
    connection.set_cookie("session", value, max_age="1h", secure=True)
    connection.set_cookie("theme", "dark", http_only=False, same_site="Strict")
    connection.delete_cookie("old")
    return connection.cookies


async def send(
    connection: Connection,
    path: str,
    name: str | None = None,
    fail: bool = False,
    slow: bool = False,
) -> str:
    if slow:
        await asyncio.sleep(0)
    connection.set_header("X-Sent", "yes")
    connection.set_header("Cache-Control", "private")
    connection.send_file(path, name=name)
    if fail:
        raise ActionError("no", code="no", status=409)
    return "not sent"


async def words(
    connection: Connection, size: int, coding: str = "", tag: str = "", slow: bool = False
) -> list[str]:
    if slow:
        await asyncio.sleep(0)
    if coding:
        connection.set_header("Content-Encoding", coding)
    if tag:
        connection.set_header("ETag", tag)
    return ["word"] * size


async def seen(connection: Connection) -> dict[str, object]:
    return {
        "method": connection.method,
        "agent": connection.headers.get("user-agent"),
        "ip": connection.remote_ip,
        "transport": connection.transport,
        "has_id": bool(connection.id),
    }


async def refuse(status: int = 403) -> None:
    raise ActionError("you may not", code="forbidden", status=status)


async def hurry() -> None:
    raise TooManyRequestsError("slowly", retry_after=2.5)


async def broken() -> None:
    raise RuntimeError("a secret")


async def unencodable() -> object:
    return object()


async def abandoned() -> None:
    raise asyncio.CancelledError


async def quick() -> str:
    await asyncio.Event().wait()
    return "never"


async def terminal_only() -> None:
    return None


async def second(value: int = 2) -> dict[str, int]:
    return {"version": value}


async def first() -> dict[str, int]:
    return {"version": 1}


def actions() -> list[Action]:
    """All of them, anew for each server."""
    plain: tuple[Callable[..., Any], ...] = (
        wait,
        echo,
        large,
        shaped,
        text,
        binary,
        moved,
        log_in,
        send,
        words,
        seen,
        refuse,
        hurry,
        broken,
        unencodable,
        abandoned,
    )
    return [
        Action(hello, "GET /greet/{name}"),
        Action(update, "PUT,PATCH /users/{user}"),
        Action(quick, timeout=0.05),
        Action(terminal_only, transports={"terminal"}),
        Action(first, name="second", version=1),
        Action(second, version=2),
        *(Action(function) for function in (*plain, *STREAMS)),
    ]


class Reply(NamedTuple):
    """A reply as it came. `fields` have lower-case names."""

    status: int
    fields: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A client that can send anything."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def read_reply(self, *, is_head: bool = False) -> Reply:
        """The next reply; `is_head` if it answers a HEAD."""
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
            fields = {n.lower(): v for n, v in (one.split(": ", 1) for one in lines)}
            size = 0 if is_head else int(fields.get("content-length", 0))
            body = await self.reader.readexactly(size)
        version, status, *_ = line.split(" ")
        assert version == "HTTP/1.1"
        return Reply(int(status), fields, body)

    async def ask(self, data: bytes, *, is_head: bool = False) -> Reply:
        self.send(data)
        return await self.read_reply(is_head=is_head)

    async def read_end(self) -> bytes:
        """All that is still sent until the server ends the connection."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""

    async def aclose(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class Kit:
    """A server on a free port, and its clients."""

    def __init__(
        self,
        public: Path,
        *,
        probes: Mapping[str, Probe] | None = None,
        upgrades: Mapping[str, Upgrade] | None = None,
        more: Sequence[Action] = (),
        **settings: Any,
    ) -> None:
        self.gate = Gate()
        self.stats = Counts()
        made = [*actions(), *more]
        by_name: dict[str, list[Action]] = {}
        for action in made:
            by_name.setdefault(action.name, []).append(action)
        self.dispatcher = Dispatcher(
            {name: ActionVersions(versions) for name, versions in by_name.items()},
            provider=Provider(self.gate),
            middleware=(),
            deadlines=Deadlines(asyncio.get_running_loop()),
            limits=NoLimits(),
            stats=self.stats,
            default_timeout=30.0,
        )
        self.server = HttpServer(
            WebSettings(**{"port": 0, "public": str(public), "hosts": ("*",), **settings}),
            self.dispatcher,
            Routes(made),
            stats=self.stats,
            probes=probes,
            upgrades=upgrades,
            app_name="kit",
            version="1.2.3",
        )
        self._wires: list[Wire] = []

    async def connect(self, **options: Any) -> Wire:
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self.server.port, **options))
        self._wires.append(wire)
        return wire

    async def ask(self, data: bytes, *, is_head: bool = False) -> Reply:
        """Send one request over a connection of its own."""
        wire = await self.connect()
        reply = await wire.ask(data, is_head=is_head)
        await wire.aclose()
        return reply

    async def get(self, target: str, *lines: str, method: str = "GET") -> Reply:
        return await self.ask(request(method, target, *lines), is_head=method == "HEAD")

    async def post(self, target: str, body: bytes, kind: str = "application/json") -> Reply:
        return await self.ask(request("POST", target, f"Content-Type: {kind}", body=body))

    async def aclose(self) -> None:
        for wire in self._wires:
            await wire.aclose()
        await self.server.aclose()


def request(method: str, target: str, *lines: str, body: bytes | None = None) -> bytes:
    """A request as bytes."""
    length = () if body is None else (f"Content-Length: {len(body)}",)
    head = "\r\n".join((f"{method} {target} HTTP/1.1", "Host: a", *lines, *length, "", ""))
    return head.encode("latin-1") + (body or b"")


@contextlib.asynccontextmanager
async def serving(public: Path, **options: Any) -> AsyncIterator[Kit]:
    """A server that is up for the block."""
    kit = Kit(public, **options)
    await kit.server.start()
    try:
        yield kit
    finally:
        await kit.aclose()
