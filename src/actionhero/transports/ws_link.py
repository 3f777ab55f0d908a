"""One WebSocket connection: its frames on one side, the session's texts on the other.

Frames are read and written by `protocols.frames`; what their texts say is `ws_session`'s. Here is
what lies between: the closing handshake, pings, and bounds on what a client may leave unread.

Rules
- A client that leaves more than `outstanding_bytes` unread is not read from. If it has to be sent
  more nevertheless, it is closed with 1008; if it does not catch up in `write_timeout`, dropped.
- A client of which nothing was heard since the last ping is dropped at the next, so within twice
  `ping_interval`.
- A closing handshake gets `CLOSE_TIMEOUT`.
- To close a socket while the client is sending breaks the connection, and takes back what it has
  not read, the close frame first of all. So the server only says that it is done, discards what
  still comes, and lets the client close.
- Close codes: 1000 the client asked, 1001 the server stops, 1012 it restarts, 1002 a broken frame,
  1003 a binary message, 1007 not UTF-8, 1008 a slow reader or a hasty writer, 1009 too big,
  1011 a fault of ours.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Protocol

from actionhero.connections import Connection
from actionhero.errors import FrameError
from actionhero.messages import Push
from actionhero.protocols.deflate import Deflate
from actionhero.protocols.frames import (
    BINARY,
    CLOSE,
    INTERNAL_ERROR,
    PING,
    POLICY_VIOLATION,
    PONG,
    TEXT,
    UNSUPPORTED_DATA,
    Assembler,
    Frame,
    FrameReader,
    check_text,
    read_close,
    read_text,
    write_close,
    write_frame,
    write_text,
)
from actionhero.settings import WebSocketSettings
from actionhero.transports.calls import FULL
from actionhero.transports.connecting import cut
from actionhero.transports.starter import Rest
from actionhero.transports.streaming import narrow
from actionhero.transports.watch import Watch
from actionhero.transports.ws_outbox import Outbox
from actionhero.transports.ws_session import Desk, Session

CLOSE_TIMEOUT = 3.0
"""Seconds for the client's half of the closing handshake, and to close the connection."""
_FLOWING = 64 * 1024
"""Bytes that wait to be sent; with less, the client has read nearly all."""
_SMALLEST, _LARGEST = 1024, 256 * 1024
"""Bytes of the texts that are compressed for clients that wish it: smaller ones do not shrink much,
and larger ones would hold up the loop."""
_PING = write_frame(PING, b"")

_log = logging.getLogger("actionhero.websocket")


class Endpoint(Protocol):
    """What all links share. `submit` has a link's `begin` called with what has come."""

    settings: WebSocketSettings
    outbox: Outbox
    desk: Desk
    watch: "Watch[Link]"
    submit: Callable[["Link", bytes], int]


class Link(asyncio.Protocol):
    """The connection of one client. `session_type` says what its texts mean."""

    session_type = Session
    __slots__ = (
        "_assembler",
        "_deflate",
        "_endpoint",
        "_frames",
        "_is_between",
        "_is_closing",
        "_is_finished",
        "_is_heard",
        "_is_held",
        "_is_paused",
        "_on_lost",
        "_outbox",
        "_submit",
        "_transport",
        "session",
        "task",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        transport: asyncio.Transport,
        connection: Connection,
        on_lost: Callable[[], None],
        deflate: Deflate | None,
    ) -> None:
        self._endpoint = endpoint
        self._transport = transport
        self._outbox = endpoint.outbox
        self._submit = endpoint.submit
        self.task: asyncio.Task[None] | None = None
        self._on_lost = on_lost
        self._deflate = deflate
        self._frames = FrameReader(
            endpoint.settings.message_bytes, takes_compressed=deflate is not None
        )
        self._assembler: Assembler | None = None
        self._is_between = True  # messages, and none is to be the last
        self._is_closing = False
        self._is_finished = False
        self._is_heard = True
        self._is_held = False
        self._is_paused = False
        self.session = self.session_type(endpoint.desk, self, connection)
        connection.hearer = self

    def open(self, received: bytes) -> None:
        """Begin, with what has come behind the opening request."""
        most = self._endpoint.settings.outstanding_bytes
        self._transport.set_write_buffer_limits(high=most, low=most // 2)
        self.session.greet()
        self._outbox.flush()  # before the pong of a ping that came along
        if received:
            self.data_received(received)

    # What the session calls.

    def send(self, text: bytes) -> None:
        """Send one text by the end of this turn of the loop, unless the connection ends or the
        client leaves too much unread."""
        if self._is_closing:
            return
        if self._is_paused and self._unread > self._endpoint.settings.outstanding_bytes:
            self.fail(POLICY_VIOLATION, "too much is unread")
        elif self._deflate is None:
            self._outbox.add(self._transport, write_text(text))
        else:
            self._outbox.add(self._transport, self._press(TEXT, text, self._deflate))

    @property
    def is_flowing(self) -> bool:
        """Whether the client has read most of what it was sent."""
        return not self._is_paused

    def narrow(self) -> None:
        """Read no more of the client, and have its streams wait, where much less is unread."""
        narrow(self._transport, self._endpoint.settings.outstanding_bytes)

    def send_value(self, text: bytes) -> None:
        """Send a text that was made only because there was room for it."""
        if not self._is_closing:
            self._transport.write(
                write_text(text)
                if self._deflate is None
                else self._press(TEXT, text, self._deflate)
            )

    # What the rooms call.

    hears_own = True

    def hear(self, push: Push) -> bool:
        """Send a text that others get too, unless the client leaves too much unread."""
        if self._is_closing:
            return True
        if self._is_paused:
            return False
        if self._outbox.frames:
            self._outbox.flush()
        deflate = self._deflate
        if deflate is None:
            self._transport.write(push.form(TEXT, write_text))
        else:
            frame = push.form(deflate.response, lambda text: self._press(TEXT, text, deflate))
            self._transport.write(frame)
        return True

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake, behind what the client has not read yet."""
        self._outbox.flush()
        if self._is_closing:
            return
        self._is_closing = True
        self._is_between = False
        self._transport.write(write_close(code, reason))
        is_flowing = self._unread < _FLOWING
        patience = CLOSE_TIMEOUT if is_flowing else self._endpoint.settings.write_timeout
        self._endpoint.watch.expect(self, patience)

    def fail(self, code: int, reason: str) -> None:
        """Say why, and end the connection without a handshake (RFC 6455, section 7.1.7)."""
        self.close(code, reason)
        self._finish()

    def pause(self) -> None:
        """Read no more for now."""
        self._is_held = True
        self._set_reading()

    def resume(self) -> None:
        """Read again."""
        self._is_held = False
        self._set_reading()

    # What the watch calls.

    def drop(self) -> None:
        """End the connection at once, whatever is unsent."""
        self._is_closing = True
        cut(self._transport)

    def look(self, now: float) -> None:
        """Ask for a sign of life; drop the connection if there was none since the last time."""
        if not self._is_heard:
            self.drop()
        elif not self._is_closing and not self._is_paused:
            self._is_heard = False
            self.ask_for_life()

    def ask_for_life(self) -> None:
        """Send what a client that is there answers."""
        self._transport.write(_PING)

    # What the event loop calls.

    def data_received(self, data: bytes) -> None:
        """Put down what has come; it is read with all else that came in this turn."""
        self._is_heard = True
        if self._submit(self, data) > FULL:
            self.session.hold()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closing = True
        self._is_finished = True
        self.session.leave()
        self._endpoint.watch.leave(self)
        self._on_lost()

    def pause_writing(self) -> None:
        """The client leaves too much unread: read no more of it meanwhile."""
        self._is_paused = True
        if not self._is_finished:
            self._endpoint.watch.expect(self, self._endpoint.settings.write_timeout)
        self._set_reading()

    def resume_writing(self) -> None:
        """It has caught up."""
        self._is_paused = False
        if not self._is_closing:
            self._endpoint.watch.excuse(self)
        self._set_reading()
        self.session.flow()

    # Frames.

    def begin(self, data: bytes) -> Rest | None:
        """Read what has come, and do what it says up to where that must wait."""
        try:
            if self._is_between and not self.session.waiting:
                text = read_text(data)
                if text is not None:
                    return self.session.take(text)
            self._read(data)
        except FrameError as exc:
            self.fail(exc.close_code, exc.message)
        except Exception:
            _log.exception("a message was not taken")
            self.fail(INTERNAL_ERROR, "")
        return None

    def _read(self, data: bytes) -> None:
        if self._is_finished:
            return
        for frame in self._frames.feed(data):
            self._take(frame)
            if self._is_finished:
                return
        self._is_between = not (
            self._is_closing or self._frames.is_within or self._assembler is not None
        )

    def _take(self, frame: Frame) -> None:
        opcode, payload = frame.opcode, frame.payload
        if opcode == CLOSE:
            self._take_close(payload)
        elif self._is_closing or not self._is_welcome(frame):
            return
        elif opcode == PING:
            self._transport.write(write_frame(PONG, payload))
        elif opcode != PONG:
            self._assemble(frame)

    def _is_welcome(self, frame: Frame) -> bool:
        """Whether a frame does not come too soon; those with a part of a message are bounded by
        its size."""
        is_part = frame.payload and frame.opcode not in {PING, PONG}
        return bool(is_part) or self.session.takes_frame()

    def _assemble(self, frame: Frame) -> None:
        if frame.opcode == BINARY:
            raise FrameError(UNSUPPORTED_DATA, "messages are text; binary ones are not served")
        is_whole = frame.is_final and not frame.is_compressed and self._assembler is None
        if is_whole and frame.opcode == TEXT:
            self.session.receive(check_text(frame.payload))
            return
        most = self._endpoint.settings.message_bytes
        assembler = self._assembler or Assembler(most, self._deflate)
        message = assembler.add(frame)
        if message is None:
            self._assembler = assembler
            return
        self._assembler = None
        _, text = message
        self.session.receive(text)

    def _take_close(self, payload: bytes) -> None:
        """Answer the client's close, or take it as the answer to ours; then end the connection."""
        code = read_close(payload)
        if not self._is_closing:
            self._is_closing = True
            self._transport.write(write_close(code))
        self._finish()

    def _press(self, opcode: int, message: bytes, deflate: Deflate) -> bytes:
        """The frame of a message, compressed if that is worth it."""
        is_worth_it = _SMALLEST <= len(message) <= _LARGEST
        pressed = deflate.compress(message) if is_worth_it else None
        if pressed is None:
            return write_frame(opcode, message)
        return write_frame(opcode, pressed, is_compressed=True)

    # The end.

    def _finish(self) -> None:
        """Take nothing more; send what is unsent, then the end."""
        if self._is_finished:
            return
        self._is_finished = True
        self._is_between = False
        self.session.leave()
        transport = self._transport
        if transport.is_closing():
            return
        self._endpoint.watch.expect(self, CLOSE_TIMEOUT)
        if not transport.can_write_eof():
            transport.close()
            return
        try:
            transport.write_eof()
            transport.resume_reading()
        except (OSError, RuntimeError):  # the client has gone meanwhile
            transport.close()

    def _set_reading(self) -> None:
        transport = self._transport
        if not transport.is_closing():
            must_wait = not self._is_closing and (self._is_paused or self._is_held)
            if must_wait == transport.is_reading():
                (transport.pause_reading if must_wait else transport.resume_reading)()

    @property
    def _unread(self) -> int:
        return self._transport.get_write_buffer_size()
