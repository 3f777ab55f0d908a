"""Stand-ins for the network: a loop whose time stands still, a transport that remembers, a proxy
that can be frozen, and a store that answers what it is told to."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Callable
from typing import Any, Self, cast


class FakeLoop:
    """Runs nothing by itself: `turn()` runs what was asked for soon, `advance()` moves time on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.real = cast("asyncio.AbstractEventLoop", self)
        self._soon: list[asyncio.Handle] = []
        self._later: list[asyncio.TimerHandle] = []

    def time(self) -> float:
        return self.now

    def get_debug(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Futures whose failure nobody looks at are no matter here."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self.real)

    def call_soon(self, callback: Callable[..., object], *args: Any, **_: Any) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self.real)
        self._soon.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(self.now + delay, callback, args, self.real)
        self._later.append(handle)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        self._later.remove(handle)

    def turn(self) -> None:
        soon, self._soon = self._soon, []
        for handle in soon:
            if not handle.cancelled():
                handle._run()

    def advance(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self.now + seconds
        while self._later and (due := min(self._later, key=lambda h: h.when())).when() <= end:
            self._later.remove(due)
            self.now = max(self.now, due.when())
            due._run()
            self.turn()
        self.now = end

    def stand_still(self, seconds: float) -> None:
        """Let time pass without running anything, as a blocking function does; then run on."""
        self.now += seconds
        self.advance(0)


class FakeTransport(asyncio.Transport):
    """Remembers what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.is_aborted = False
        self.unsent = 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.high = high

    def write(self, data: "bytes | bytearray | memoryview[Any]") -> None:
        self.written.append(bytes(data))

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.is_aborted = True


class Proxy:
    """Forwards TCP on loopback to a Unix socket, until it is told to misbehave."""

    def __init__(self, target: str, tls: ssl.SSLContext | None = None) -> None:
        self._target = target
        self._tls = tls
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writers: list[asyncio.StreamWriter] = []
        self._pumps: set[asyncio.Task[None]] = set()
        self.reply_bytes_left: int | None = None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", 0, ssl=self._tls, backlog=100
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await _close(self._server)
        for pump in list(self._pumps):
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        for writer in self._writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def freeze(self) -> None:
        """Neither forward nor close anything: a peer that is gone without a word."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    def reset_after(self, reply_bytes: int) -> None:
        """Forward so many more bytes of replies, then reset the connection."""
        self.reply_bytes_left = reply_bytes

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target_reader, target_writer = await asyncio.open_unix_connection(self._target)
        self._writers += [writer, target_writer]
        there = asyncio.create_task(self._pump(reader, target_writer, None))
        back = asyncio.create_task(self._pump(target_reader, writer, writer))
        self._pumps |= {there, back}

    async def _pump(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: asyncio.StreamWriter | None,
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(65536):
                await self._flowing.wait()
                if client is not None and self.reply_bytes_left is not None:
                    writer.write(chunk[: self.reply_bytes_left])
                    await asyncio.sleep(0)
                    self.reply_bytes_left = None
                    _reset(client)
                    return
                writer.write(chunk)
        writer.close()


async def _close(server: asyncio.Server) -> None:
    """Close it, and let connections that it has just accepted come to know of their protocol."""
    server.close()
    for _ in range(3):
        await asyncio.sleep(0)


def _reset(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


class FakeStore:
    """Speaks just enough of the protocol to be introduced to; `answers` maps a command's name to
    the bytes it answers with (None: nothing)."""

    def __init__(self, **answers: bytes | None) -> None:
        self.answers: dict[str, bytes | None] = {
            "HELLO": hello(),
            "INFO": bulk(b"redis_version:7.2.4\r\nvalkey_version:9.0.0\r\nprocess_id:77\r\n"),
            "PING": b"+PONG\r\n",
            **answers,
        }
        self.asked: list[list[bytes]] = []
        self._serving: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = self._server.sockets[0].getsockname()[1]
        self.url = f"valkey://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await _close(self._server)
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._converse(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                count = int((await reader.readuntil(b"\r\n"))[1:])
                command = [await self._argument(reader) for _ in range(count)]
                self.asked.append(command)
                answer = self.answers.get(command[0].decode(), b"+OK\r\n")
                if answer is not None:
                    writer.write(answer)

    async def _argument(self, reader: asyncio.StreamReader) -> bytes:
        size = int((await reader.readuntil(b"\r\n"))[1:])
        return (await reader.readexactly(size + 2))[:-2]


def bulk(value: bytes) -> bytes:
    return b"$%d\r\n%s\r\n" % (len(value), value)


def hello(
    server: str = "valkey", version: str = "9.0.0", mode: str = "standalone", role: str = "master"
) -> bytes:
    parts = {"server": server, "version": version, "mode": mode, "role": role}
    body = b"".join(bulk(k.encode()) + bulk(v.encode()) for k, v in parts.items())
    return b"%%%d\r\n%s" % (len(parts), body)
