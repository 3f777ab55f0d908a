"""One client's link to the TCP server: how it is written to, its bounds, and how it ends.

What is asked over it, and answered, is `tcp_client`'s.

- What running actions answer to a client that does not read piles up to `outstanding_bytes`; then,
  or after `write_timeout`, it is dropped. Streams wait before that, and texts for many are kept for
  later.
- A file's bytes are sent as they are, so nothing else is sent meanwhile.
- The client may close first, within `LINGER`.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec import Struct

from actionhero.actions.dispatch import Dispatcher
from actionhero.connections import Connection
from actionhero.errors import ActionHeroError
from actionhero.messages import Push, Reply
from actionhero.protocols.verbs import Limits
from actionhero.rooms import Rooms
from actionhero.settings import TcpSettings
from actionhero.transports.addresses import Addresses
from actionhero.transports.calls import Calls, Running, Stats
from actionhero.transports.connecting import cut
from actionhero.transports.files import FoundFile, OpenFile
from actionhero.transports.streaming import narrow, probe
from actionhero.transports.watch import Watch

LINGER = 1.0
"""Seconds for a client to close after the last words."""
_FLOWING = 64 * 1024
"""Bytes that wait to be sent; with less, the client has read nearly all."""
_FILE_PART = 64 * 1024

_log = logging.getLogger("actionhero.tcp")

FindFile: TypeAlias = Callable[[str], Awaitable[FoundFile]]
"""Finds a file of the public folder, or raises `NotFoundError`."""


class Desk(Struct, frozen=True):
    """What all clients of a server share."""

    settings: TcpSettings
    running: Running
    dispatcher: Dispatcher
    rooms: Rooms
    stats: Stats
    welcome: str
    find_file: FindFile
    documentation: Callable[[], object]
    watch: "Watch[TcpLink]"
    limits: Limits
    addresses: Addresses


class TcpLink(asyncio.Protocol, ABC):
    """The link of one client."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._held: list[bytes] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._is_paused = False
        self._is_half_closed = False
        self._is_closed = False
        self._transport: asyncio.Transport
        self._connection: Connection
        self._calls: Calls

    # What is asked over it.

    @abstractmethod
    def look(self, now: float) -> None:
        """What the watch calls once a period."""

    @abstractmethod
    def end(self, reason: str) -> None:
        """Take no more lines; say goodbye when all that runs has answered."""

    @abstractmethod
    def _work(self) -> None:
        """Take lines, if it may."""

    @abstractmethod
    def _work_later(self) -> None:
        """Take lines in another turn of the loop."""

    @abstractmethod
    def _after_reply(self) -> None:
        """A call has answered: that may have been the last that the end waits for."""

    # How much is unread.

    def pause_writing(self) -> None:
        self._is_paused = True
        self._desk.watch.expect(self, self._desk.settings.write_timeout)

    def resume_writing(self) -> None:
        self._is_paused = False
        if not self._is_closed:
            self._desk.watch.excuse(self)
            self._resume_file()
            self._work()
            self._calls.flow()
            self._desk.rooms.catch_up(self._connection)

    def drop(self) -> None:
        """End the connection at once, whatever is unsent."""
        self._is_closed = True
        cut(self._transport)

    # Messages out.

    hears_own = False

    def hear(self, push: Push) -> bool:
        """Send a text that others get too, unless the client leaves too much unread."""
        if self._is_closed:
            return True
        if self._is_paused or self._held is not None:
            return False
        self._transport.write(push.form("line", _end_line))
        return True

    def _respond(self, text: bytes) -> None:
        """Send what a call answered."""
        if self._held is not None:
            self._held.append(text)
            return
        if text:
            self._send(text)
        self._after_reply()

    def _release(self) -> None:
        """Send what had to wait for a file, and take lines again."""
        held, self._held = self._held or [], None
        for text in held:
            self._send(text)
        self._desk.rooms.catch_up(self._connection)
        self._work_later()
        self._calls.flow()

    def _send(self, text: bytes) -> None:
        if self._is_closed:
            return
        most = self._desk.settings.outstanding_bytes
        if self._is_paused and self._transport.get_write_buffer_size() > most:
            self.drop()
            return
        self._transport.write(text + b"\r\n")

    @property
    def is_flowing(self) -> bool:
        """Whether there is room for what a stream gives."""
        return not self._is_paused and self._held is None

    def narrow(self) -> None:
        """Have lines and streams wait where much less is unread."""
        narrow(self._transport, self._desk.settings.outstanding_bytes)
        probe(self._transport)  # HTTP has heartbeats, WebSocket pings; lines have nothing

    def send_value(self, text: bytes) -> None:
        """Send what was made only because there was room for it."""
        if not self._is_closed:
            self._transport.write(text + b"\r\n")

    # A file.

    async def _send_file(self, name: str) -> Reply | None:
        """Send a file's bytes, and nothing else until they are out."""
        try:
            found = await self._desk.find_file(name)
            with await asyncio.to_thread(OpenFile, found) as opened:
                await self._send_parts(opened)
        except ActionHeroError as exc:
            return Reply(error=exc)
        except OSError:
            _log.exception("%s could not be read", name)
            self.drop()  # only so can the client tell that bytes are missing
        finally:
            self._release()
        return None

    async def _send_parts(self, opened: OpenFile) -> None:
        loop = asyncio.get_running_loop()
        while part := await asyncio.to_thread(opened.read, _FILE_PART):
            if self._is_closed:
                return
            self._transport.write(part)
            while self._is_paused and not self._is_closed:
                self._writable = loop.create_future()
                await self._writable

    def _resume_file(self) -> None:
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    # The end.

    def _close(self, farewell: bytes) -> None:
        """Say goodbye. To close at once would break the connection if the client is just sending,
        and take back what it has not read; so it may close first."""
        is_flowing = self._transport.get_write_buffer_size() < _FLOWING
        if farewell:
            self._send(farewell)
        self._is_closed = True
        patience = LINGER if is_flowing else self._desk.settings.write_timeout
        self._desk.watch.expect(self, patience)
        if self._is_half_closed or not self._transport.can_write_eof():
            self._transport.close()
            return
        try:
            self._transport.write_eof()
            if not self._transport.is_reading():
                self._transport.resume_reading()
        except (OSError, RuntimeError):  # it is closing already
            self._transport.close()


def _end_line(text: bytes) -> bytes:
    return text + b"\r\n"
