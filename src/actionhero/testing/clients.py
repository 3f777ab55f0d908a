"""A small client for each transport: real sockets, no retries, everything under a deadline."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Self
from urllib.parse import quote, urlencode

from msgspec import Struct
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from actionhero.codec import decode_json, encode_json
from actionhero.testing.events import ServerEvent, read_chunks, read_events

DEADLINE = 20.0
"""Seconds that any one answer may take."""


class Response(Struct, frozen=True):
    """An HTTP answer; header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return decode_json(self.body)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


class HttpClient:
    """An HTTP/1.1 client that keeps one connection open and opens a new one when it was closed."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str, /, **inputs: Any) -> Response:
        """GET `path` with `inputs` as its query."""
        return await self.request("GET", path + _query(inputs))

    async def events(
        self, path: str, /, *, last_event_id: str | None = None, **inputs: Any
    ) -> AsyncGenerator[ServerEvent, None]:
        """The events of a stream, over a connection of its own, which closes when this is closed
        (`contextlib.aclosing`). The last one is named "end" or "error"; without one, because the
        server stopped, the loop just ends. Raises `ValueError` for a reply that is no stream."""
        given = {} if last_event_id is None else {"Last-Event-ID": last_event_id}
        head = self._head("GET", path + _query(inputs), {**given, "Connection": "close"})
        reader, writer = await asyncio.open_connection(self._host, self._port)
        try:
            writer.write(head)
            status, headers = await _read_head(reader)
            if headers.get("content-type") != "text/event-stream":
                raise ValueError(f"{path} answered {status}, which is no stream")
            async for event in read_events(reader, DEADLINE):
                yield event
        finally:
            await _close(writer)

    async def post(self, path: str, /, **inputs: Any) -> Response:
        """POST `inputs` as JSON."""
        return await self.request("POST", path, json=inputs)

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Send one request; `json`, if given, becomes the body."""
        sent = dict(headers or {})
        if json is not None:
            body = encode_json(json)
            sent.setdefault("Content-Type", "application/json")
        if body or method in ("POST", "PUT", "PATCH"):
            sent["Content-Length"] = str(len(body))
        async with asyncio.timeout(DEADLINE):
            return await self._exchange(self._head(method, path, sent) + body, method)

    async def aclose(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            writer = self._streams[1]
            self._streams = None
            await _close(writer)

    def _head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        lines = [f"{method} {quote(path, safe='/%?=&+:@!$,;~*')} HTTP/1.1"]
        sent = {"Host": f"{self._host}:{self._port}", **headers}
        lines += [f"{name}: {value}" for name, value in sent.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n"

    async def _exchange(self, message: bytes, method: str) -> Response:
        if self._streams is None or self._streams[0].at_eof():
            await self.aclose()
            self._streams = await asyncio.open_connection(self._host, self._port)
        reader, writer = self._streams
        writer.write(message)
        response = await _read_response(reader, method)
        if response.headers.get("connection", "").lower() == "close":
            await self.aclose()
        return response


class TcpClient:
    """A client of the TCP lines. Every message that arrives is read in order."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.welcome: dict[str, Any] = {}

    @classmethod
    async def connect(cls, host: str, port: int) -> Self:
        """Connect and read the greeting."""
        client = cls(*await asyncio.open_connection(host, port))
        client.welcome = await client.receive()
        return client

    async def send(self, line: str | bytes) -> None:
        """Send one line."""
        self._writer.write((line.encode() if isinstance(line, str) else line) + b"\r\n")
        await self._writer.drain()

    async def receive(self) -> dict[str, Any]:
        """The next message. Raises `EOFError` when the server has closed."""
        async with asyncio.timeout(DEADLINE):
            line = await self._reader.readline()
        if not line:
            raise EOFError("the server has closed the connection")
        message: dict[str, Any] = decode_json(line)
        return message

    async def ask(self, line: str | bytes) -> dict[str, Any]:
        """Send one line and read the next message."""
        await self.send(line)
        return await self.receive()

    async def aclose(self) -> None:
        """Close the connection."""
        await _close(self._writer)


class WebSocketClient:
    """A client of `/ws`. Every message that arrives is read in order."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._transport: WSTransport
        self._count = 0
        self.welcome: dict[str, Any] = {}

    @classmethod
    async def connect(cls, url: str) -> Self:
        """Connect and read the greeting."""
        client = cls()
        client._transport, _ = await ws_connect(lambda: _Listener(client._messages), url)
        client.welcome = await client.receive()
        return client

    async def send(self, message: Mapping[str, Any]) -> None:
        """Send one JSON message."""
        self._transport.send(WSMsgType.TEXT, encode_json(message))

    async def receive(self) -> dict[str, Any]:
        """The next message. Raises `EOFError` when the server has closed."""
        async with asyncio.timeout(DEADLINE):
            text = await self._messages.get()
        if text is None:
            raise EOFError("the server has closed the connection")
        message: dict[str, Any] = decode_json(text)
        return message

    async def action(self, name: str, /, **params: Any) -> dict[str, Any]:
        """Run an action and read its reply."""
        self._count += 1
        await self.send(
            {"event": "action", "params": {"action": name, **params}, "messageId": self._count}
        )
        return await self.receive()

    async def aclose(self) -> None:
        """Close the connection."""
        self._transport.send_close(WSCloseCode.OK)
        self._transport.disconnect()
        await self._transport.wait_disconnected()


class _Listener(WSListener):
    def __init__(self, messages: "asyncio.Queue[bytes | None]") -> None:
        super().__init__()
        self._messages = messages

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        elif frame.msg_type == WSMsgType.TEXT:
            self._messages.put_nowait(frame.get_payload_as_bytes())

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._messages.put_nowait(None)


async def _read_response(reader: asyncio.StreamReader, method: str) -> Response:
    status, headers = await _read_head(reader)
    if method == "HEAD" or status in (204, 304):
        return Response(status, headers, b"")
    if "transfer-encoding" in headers:
        body = b"".join([chunk async for chunk in read_chunks(reader, DEADLINE)])
    else:
        body = await reader.readexactly(int(headers["content-length"]))
    return Response(status, headers, body)


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    status = int(head[0].split(" ", 2)[1])
    pairs = (line.split(":", 1) for line in head[1:] if line)
    return status, {name.strip().lower(): value.strip() for name, value in pairs}


def _query(inputs: Mapping[str, Any]) -> str:
    return f"?{urlencode(inputs, doseq=True)}" if inputs else ""


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except ConnectionError:
        return
