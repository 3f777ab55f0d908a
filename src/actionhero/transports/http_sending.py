"""The bodies of large files, sent from the file.

- The kernel copies (`sendfile`) straight from its cache to the socket, a piece whenever the socket
  takes more, so that other requests come in between. It would wait for the disk in our loop where
  a piece is not cached; that is looked at before, and a thread reads such a piece in.
- Where there is no plain socket (TLS) or no `sendfile`, threads read pieces and the transport
  writes them. Of a file one piece is in memory at a time.
- What was promised is sent or the connection cut: a file that became shorter, or was written over
  in its place, ends it. One that is replaced by another goes on being sent as it was.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import sys
from collections.abc import Callable
from functools import partial
from termios import TIOCOUTQ
from typing import Protocol

from actionhero.errors import NotFoundError
from actionhero.transports.files import OpenFile

PIECE = 256 * 1024
"""Bytes that are read and written at once, where the kernel does not send."""
WINDOW = 512 * 1024
"""Bytes that the kernel is given to send at once; then other connections have their turn. With
more, nothing is faster (measured to 8 MiB), and the others wait."""
_UNSUPPORTED = frozenset((errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.ENOTSOCK))
_NOWAIT = getattr(os, "RWF_NOWAIT", 0)


class Wire(Protocol):
    """The connection that a file is sent over."""

    transport: asyncio.Transport

    async def wait_writable(self) -> None:
        """Wait while it has more to send than it should."""
        ...

    def note_progress(self) -> None:
        """The client has taken something; the time that it has for the next begins."""
        ...


class FileBody:
    """The part of a file from `start` on that is still to be sent, `left` bytes. Close it in any
    case; that never waits for a thread."""

    def __init__(self, opened: OpenFile, start: int, left: int) -> None:
        self._opened = opened
        self._start = start
        self._left = left
        self._reading: asyncio.Future[bytes] | None = None

    @property
    def left(self) -> int:
        return self._left

    async def read(self) -> bytes:
        """The next piece; empty at the end. Raises `NotFoundError` if it is not there any more."""
        if self._left == 0:
            return b""
        size = min(PIECE, self._left)
        piece = await self._in_thread(partial(self._opened.read_at, self._start, size))
        self._take(len(piece))
        return piece

    def send(self, sock: int) -> bool:
        """Have the kernel send what the socket takes of the next window; whether all is sent.

        Raises `BlockingIOError` if the socket takes nothing, `NotFoundError` if there is nothing.
        """
        size = min(WINDOW, self._left)
        self._take(os.sendfile(sock, self._opened.fileno(), self._start, size))
        return self._left == 0

    def is_cached(self) -> bool:
        """Whether the end of the next window is in memory, and so, most likely, all of it."""
        last = self._start + min(WINDOW, self._left) - 1
        try:
            os.preadv(self._opened.fileno(), [bytearray(1)], last, _NOWAIT)
        except OSError:
            return False
        return True

    async def warm(self) -> None:
        """Read the next window, so that it is in memory."""
        size = min(WINDOW, self._left)
        await self._in_thread(partial(self._opened.read_at, self._start, size))

    def close(self) -> None:
        if self._reading is None or self._reading.done():
            self._opened.close()
        else:
            self._reading.add_done_callback(self._close_late)

    def _take(self, size: int) -> None:
        self._start += size
        self._left -= size
        if size == 0 or not self._opened.is_intact(self._start):
            raise NotFoundError("the file became shorter, or was changed, while it was sent")

    async def _in_thread(self, call: Callable[[], bytes]) -> bytes:
        self._reading = asyncio.get_running_loop().run_in_executor(None, call)
        return await asyncio.shield(self._reading)

    def _close_late(self, reading: "asyncio.Future[bytes]") -> None:
        reading.exception()  # seen: nobody waits for this piece any more
        self._opened.close()


def unsent(transport: asyncio.Transport) -> int:
    """Bytes that a client has not acknowledged: in the transport, and in the kernel, which says
    that there is room only once it has sent a third of them."""
    waiting = transport.get_write_buffer_size()
    try:
        fileno = transport.get_extra_info("socket").fileno()
        return waiting + int.from_bytes(fcntl.ioctl(fileno, TIOCOUTQ, bytes(4)), sys.byteorder)
    except (OSError, AttributeError):
        return waiting


async def send_body(body: FileBody, wire: Wire) -> None:
    """Send all of a body. Raises `NotFoundError` if that is not there any more, and `OSError`."""
    with contextlib.suppress(ConnectionError):  # the client is gone, and who is told that ends it
        await _send(body, wire)
        return
    wire.transport.abort()


async def _send(body: FileBody, wire: Wire) -> None:
    transport = wire.transport
    if transport.get_extra_info("sslcontext") is None and hasattr(os, "sendfile"):
        transport.set_write_buffer_limits(high=0)
        await wire.wait_writable()  # until all that was written before is on its way
        try:
            await _Pump(body, wire).run()
        finally:
            transport.set_write_buffer_limits()
    while piece := await body.read():
        transport.write(piece)
        await wire.wait_writable()


class _Pump:
    """Sends a body by the kernel, from the loop's call that the socket takes more."""

    def __init__(self, body: FileBody, wire: Wire) -> None:
        self._body = body
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._paused: asyncio.Future[None]

    async def run(self) -> None:
        """Send all, or return with something left if the kernel cannot send this file. Its
        descriptor of the socket is its own: closing the connection cannot give it to another."""
        sock = os.dup(self._wire.transport.get_extra_info("socket").fileno())
        try:
            while self._body.left:
                if not self._body.is_cached():
                    await self._body.warm()
                if not await self._pour(sock):
                    return
        finally:
            os.close(sock)

    async def _pour(self, sock: int) -> bool:
        """Send until the end or a window that is not cached; False if the kernel cannot."""
        self._paused = self._loop.create_future()
        self._wire.note_progress()
        self._loop.add_writer(sock, self._step, sock)
        try:
            await self._paused
        except OSError as exc:
            if exc.errno in _UNSUPPORTED:
                return False
            raise
        finally:
            self._loop.remove_writer(sock)
        return True

    def _step(self, sock: int) -> None:
        if self._paused.done():
            return
        try:
            is_over = self._body.send(sock) or not self._body.is_cached()
        except BlockingIOError:
            return
        except Exception as exc:
            self._paused.set_exception(exc)
            return
        self._wire.note_progress()
        if is_over:
            self._paused.set_result(None)
