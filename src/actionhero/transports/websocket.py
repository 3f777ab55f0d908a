"""WebSocket at `/ws`: connections that HTTP hands over, framed by picows.

Only this file and `ws_opening` know picows; `Framer` of `ws_session` is what another one would have
to be. picows reads and writes frames. What it leaves to its user is done here and in
`protocols.websocket`: fragments, UTF-8, reserved bits, the closing handshake, pings, and bounds on
what a client may leave unread.

Rules
- A client that leaves more than `outstanding_bytes` unread is not read from. If it has to be sent
  more nevertheless, it is closed with 1008; if it does not catch up in `write_timeout`, dropped.
- A client of which nothing was heard since the last ping is dropped at the next, so within twice
  `ping_interval`.
- A closing handshake gets `CLOSE_TIMEOUT`.
- Close codes: 1000 the client asked, 1001 the server stops, 1012 it restarts, 1002 a broken frame,
  1003 a binary message, 1007 not UTF-8, 1008 a slow reader, 1009 too big, 1011 a fault of ours.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import cast

from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
)

from actionhero.actions.dispatch import Dispatcher
from actionhero.connections import Connection
from actionhero.errors import ActionError, DrainingError, FrameError
from actionhero.protocols.deflate import Deflate, agree
from actionhero.protocols.http1 import UpgradeRequest
from actionhero.protocols.websocket import (
    BINARY,
    GOING_AWAY,
    POLICY_VIOLATION,
    PROTOCOL_ERROR,
    TEXT,
    UNSUPPORTED_DATA,
    Assembler,
    DataFrame,
    check_opening,
    check_text,
    read_close,
)
from actionhero.settings import WebSocketSettings
from actionhero.transports.calls import Running, Stats
from actionhero.transports.watch import Watch
from actionhero.transports.ws_opening import Opened, hand_over
from actionhero.transports.ws_session import Desk, FindFile, Session
from actionhero.transports.ws_wire import Outbox

CLOSE_TIMEOUT = 3.0
"""Seconds for the client's half of the closing handshake, and to close the connection."""
_FLOWING = 64 * 1024
"""Bytes that wait to be sent; with less, the client has read nearly all."""
_SMALLEST, _LARGEST = 1024, 256 * 1024
"""Bytes of the texts that are compressed for clients that wish it: smaller ones do not shrink much,
and larger ones would hold up the loop."""
_TEXT, _PING, _PONG, _CLOSE = WSMsgType.TEXT, WSMsgType.PING, WSMsgType.PONG, WSMsgType.CLOSE
_CONTROL = frozenset((_PING, _PONG, _CLOSE))

_log = logging.getLogger("actionhero.websocket")


class WebSocketEndpoint:
    """All WebSocket connections of a server."""

    def __init__(
        self,
        settings: WebSocketSettings,
        dispatcher: Dispatcher,
        *,
        stats: Stats,
        welcome: str,
        find_file: FindFile,
        documentation: Callable[[], object],
    ) -> None:
        self.settings = settings
        self.outbox = Outbox()
        self._running = Running()
        self._origins = frozenset(origin.lower().rstrip("/") for origin in settings.origins)
        self.desk = Desk(
            self._running,
            dispatcher,
            stats,
            stats.meter("webSockets:numberOfRequests"),
            welcome,
            find_file,
            documentation,
            settings.message_bytes,
        )
        self.watch: Watch[Link] = Watch(
            stats,
            "webSockets:numberOfActiveWebClients",
            period=settings.ping_interval,
            shortest=min(CLOSE_TIMEOUT, settings.write_timeout),
        )

    def accept(self, request: UpgradeRequest) -> None:
        """Take over a connection.

        Raises an `ActionHeroError`, before anything is done, if it is refused.
        """
        if self.watch.is_emptying:
            raise DrainingError("the server is shutting down")
        if len(self.watch) >= self.settings.connections:
            raise ActionError("too many connections", code="too_many_connections", status=503)
        key = check_opening(request.head, request.headers, self._origins)
        offers = request.headers.get("sec-websocket-extensions", "")
        deflate = agree(offers) if offers and self.settings.deflate else None
        connection = Connection(
            "websocket",
            *request.peer,
            headers=request.headers,
            max_pending=self.settings.pending,
        )
        transport = cast("asyncio.Transport", request.transport)
        link = Link(self, transport, connection, request.on_lost, deflate)
        rest, most = request.head.partition(b"\r\n\r\n")[2], self.settings.message_bytes
        self.watch.enter(link)
        try:
            hand_over(Opened(transport, key, rest, deflate, most), link, link.on_closing)
        except OSError:  # the client is gone already
            transport.abort()
            link.on_lost()

    async def drain(self, deadline: float, *, code: int = GOING_AWAY) -> None:
        """Refuse new clients; close each one with `code` when its running actions have answered.

        After `deadline` seconds the rest is dropped, and what still runs cancelled.
        """
        end = asyncio.get_running_loop().time() + deadline
        for link in self.watch:
            link.session.end(code, "the server stops")
        await self.watch.empty(deadline)
        await self._running.drain(end - asyncio.get_running_loop().time())
        self._running.close()


class Link(WSListener):
    """One connection: the frames of picows on one side, the session's texts on the other."""

    __slots__ = (
        "_assembler",
        "_deflate",
        "_endpoint",
        "_is_closing",
        "_is_heard",
        "_is_held",
        "_is_paused",
        "_on_lost",
        "_outbox",
        "_transport",
        "_wire",
        "session",
    )

    def __init__(
        self,
        endpoint: WebSocketEndpoint,
        wire: asyncio.Transport,
        connection: Connection,
        on_lost: Callable[[], None],
        deflate: Deflate | None,
    ) -> None:
        self._endpoint = endpoint
        self._deflate = deflate
        self._outbox = endpoint.outbox
        self._wire = wire
        self._on_lost = on_lost
        self._assembler: Assembler | None = None
        self._is_closing = False
        self._is_heard = True
        self._is_held = False
        self._is_paused = False
        self._transport: WSTransport
        self.session = Session(endpoint.desk, self, connection)

    def send(self, text: bytes) -> None:
        """Send one text by the end of this turn of the loop."""
        self._outbox.add(self, text)

    def transmit(self, text: bytes) -> None:
        """Send one text, unless the connection ends or the client leaves too much unread."""
        if self._is_closing:
            return
        if self._is_paused and self._unread > self._endpoint.settings.outstanding_bytes:
            self.fail(POLICY_VIOLATION, "too much is unread")
            return
        if self._deflate is not None and _SMALLEST <= len(text) <= _LARGEST:
            self._send_compressed(_TEXT, text, self._deflate)
        else:
            self._transport.send(_TEXT, text)

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake, behind what the client has not read yet."""
        self._outbox.flush()
        if self._is_closing:
            return
        self._is_closing = True
        self._transport.send_close(code, reason.encode()[:120])  # type: ignore[arg-type]
        is_flowing = self._unread < _FLOWING
        patience = CLOSE_TIMEOUT if is_flowing else self._endpoint.settings.write_timeout
        self._endpoint.watch.expect(self, patience)

    def fail(self, code: int, reason: str) -> None:
        """Say why, and end the connection without a handshake (RFC 6455, section 7.1.7)."""
        self.close(code, reason)
        self._transport.disconnect()

    def pause(self) -> None:
        """Read no more for now."""
        self._is_held = True
        self._set_reading()

    def resume(self) -> None:
        """Read again."""
        self._is_held = False
        self._set_reading()

    def drop(self) -> None:
        """End the connection at once, whatever is unsent."""
        self._is_closing = True
        self._wire.abort()

    def look(self, now: float) -> None:
        """Ask for a sign of life; drop the connection if there was none since the last time."""
        if not self._is_heard:
            self.drop()
        elif not self._is_closing and not self._is_paused:
            self._is_heard = False
            self._transport.send_ping()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        most = self._endpoint.settings.outstanding_bytes
        self._wire.set_write_buffer_limits(high=most, low=most // 2)
        self.session.greet()
        self._outbox.flush()  # before the pong of a ping that came along

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take a frame; the first lines are the way of almost all of them."""
        self._is_heard = True
        if (
            frame.msg_type is _TEXT
            and frame.fin
            and self._assembler is None
            and not (frame.rsv1 or frame.rsv2 or frame.rsv3 or transport.is_close_frame_sent)
        ):
            text = frame.get_payload_as_bytes()
            if text.isascii():
                self.session.receive(text)
                return
        try:
            self._take(transport, frame)
        except FrameError as exc:
            self.fail(exc.close_code, exc.message)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.on_lost()

    def on_closing(self) -> None:
        """The end has begun: after a handshake, or since a frame was broken."""
        self._is_closing = True
        self._endpoint.watch.expect(self, CLOSE_TIMEOUT)

    def on_lost(self) -> None:
        """The connection has ended."""
        self._is_closing = True
        self._endpoint.watch.leave(self)
        self._on_lost()

    def pause_writing(self) -> None:
        """Called when the client leaves too much unread: read no more of it meanwhile."""
        self._is_paused = True
        if not self._wire.is_closing():
            self._endpoint.watch.expect(self, self._endpoint.settings.write_timeout)
        self._set_reading()

    def resume_writing(self) -> None:
        """Called when it has caught up."""
        self._is_paused = False
        if not self._is_closing:
            self._endpoint.watch.excuse(self)
        self._set_reading()

    def _set_reading(self) -> None:
        wire = self._wire
        if not wire.is_closing():
            must_wait = not self._is_closing and (self._is_paused or self._is_held)
            if must_wait == wire.is_reading():
                (wire.pause_reading if must_wait else wire.resume_reading)()

    def _send_compressed(self, kind: WSMsgType, message: bytes, deflate: Deflate) -> None:
        pressed = deflate.compress(message)
        if pressed is None:
            self._transport.send(kind, message)
        else:
            self._transport.send(kind, pressed, rsv1=True)

    @property
    def _unread(self) -> int:
        return self._wire.get_write_buffer_size()

    def _take(self, transport: WSTransport, frame: WSFrame) -> None:
        kind = frame.msg_type
        is_control = kind in _CONTROL
        if frame.rsv2 or frame.rsv3 or (frame.rsv1 and (is_control or self._deflate is None)):
            raise FrameError(PROTOCOL_ERROR, "reserved bits without an extension")
        payload = frame.get_payload_as_bytes()
        if kind is _CLOSE:
            self._take_close(transport, payload)
        elif kind is _PONG or transport.is_close_frame_sent:
            return  # picows goes on after a frame that it has refused
        elif kind is _PING:
            transport.send_pong(payload)
        else:
            self._assemble(DataFrame(kind.value, bool(frame.fin), payload, bool(frame.rsv1)))

    def _assemble(self, frame: DataFrame) -> None:
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

    def _take_close(self, transport: WSTransport, payload: bytes) -> None:
        """Answer the client's close, or take it as the answer to ours; then end the connection."""
        code = read_close(payload)
        if not self._is_closing:
            self._is_closing = True
            transport.send_close(code)  # type: ignore[arg-type]
        transport.disconnect()
