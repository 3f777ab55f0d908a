"""An action's stream as server-sent events, the body of one reply.

Rules
- The head waits for the first value, a second at most. So what fails at once has a status of its
  own, as with any other action, and a client soon knows of a stream that has nothing to say yet.
  What fails after the head is told by the event `error`.
- What is yielded in one turn of the loop leaves together. While the client does not take it, the
  action is not asked for more, and `web.write_timeout` runs.
- When the server stops, the body ends without the event `end`, and the connection with it: so
  clients come again, to another server, and say how far they had come.
"""

import asyncio
import logging
from typing import Protocol

from msgspec import Struct

from actionhero.actions.streams import Stream
from actionhero.connections import Connection
from actionhero.errors import ActionHeroError, DrainingError, InternalError
from actionhero.messages import Reply
from actionhero.protocols.events import (
    END,
    EVENTS_TYPE,
    HEARTBEAT,
    chunk,
    encode_event,
    encode_failure,
)
from actionhero.protocols.http1 import Request
from actionhero.protocols.http1_replies import Answer, problem
from actionhero.transports.http_replies import is_bodiless, shape, show

FIRST = 1.0
"""Seconds that the head waits for the first value."""
_FULL = 64 * 1024
"""Bytes that do not wait for the end of the turn."""
_FIELDS = (("Cache-Control", "no-store"), ("X-Accel-Buffering", "no"))
_log = logging.getLogger("actionhero.http")


class StreamAnswer(Struct, frozen=True):
    """What a request is answered with when its action streams."""

    stream: Stream
    connection: Connection


class Wire(Protocol):
    """The connection that events are sent over."""

    transport: asyncio.Transport

    @property
    def is_writable(self) -> bool:
        """Whether the client has taken most of what it was sent."""
        ...

    @property
    def is_gone(self) -> bool:
        """Whether there is nobody to send to any more."""
        ...

    async def wait_writable(self) -> None:
        """Wait until it is writable."""
        ...

    def open_reply(self, request: Request, request_id: str, answer: Answer) -> bool:
        """Write the head of a reply that ends when it ends; whether the connection stays open."""
        ...


class EventSender:
    """One stream on its way to one client. `heartbeat` in seconds."""

    def __init__(
        self,
        wire: Wire,
        request: Request,
        request_id: str,
        answer: StreamAnswer,
        heartbeat: float,
    ) -> None:
        self._wire = wire
        self._request = request
        self._request_id = request_id
        self._stream = answer.stream
        self._connection = answer.connection
        self._heartbeat = heartbeat
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(min(FIRST, heartbeat), self._beat)
        self._sent_at = 0.0
        self._events: list[bytes] = []
        self._size = 0
        self._is_open = False
        self.keep = False
        """Whether the connection stays open after it."""

    def stop(self) -> None:
        """The server stops: end the stream."""
        self._stream.stop(DrainingError("the server is shutting down"))

    async def send(self) -> Answer | None:
        """Send it all. What is returned is to be answered instead, where there was no head yet."""
        try:
            return await self._send()
        finally:
            self._timer.cancel()
            await self._stream.aclose()

    async def _send(self) -> Answer | None:
        try:
            await self._send_values()
        except ActionHeroError as exc:
            if not self._is_open:
                return show(Reply(error=exc), self._connection, self._request_id)
            if not isinstance(exc, DrainingError):
                self._add(encode_failure(problem(exc, self._request_id).body))
        else:
            if not self._is_open and is_bodiless(self._connection):
                return show(Reply(), self._connection, self._request_id)
            self._open()
            self._add(END)
        self._close()
        return None

    async def _send_values(self) -> None:
        number = 0
        async for value in self._stream:
            number += 1
            event = self._encode(number, value)
            if not self._is_open and is_bodiless(self._connection):
                return
            self._open()
            self._add(event)
            if self._is_head or self._wire.is_gone:
                return
            await self._wire.wait_writable()

    @property
    def _is_head(self) -> bool:
        return self._request.method == "HEAD"

    def _encode(self, number: int, value: object) -> bytes:
        try:
            return encode_event(number, value)
        except Exception as exc:
            _log.exception("a value of a stream cannot be encoded as JSON: %s", exc)
            raise InternalError("a value cannot be encoded as JSON") from exc

    def _open(self) -> None:
        """Send the head, if it is not sent yet."""
        if self._is_open:
            return
        self._is_open = True
        answer = Answer(self._connection.status or 200, b"", EVENTS_TYPE, _FIELDS)
        answer = shape(answer, self._connection, with_type=False)
        self.keep = self._wire.open_reply(self._request, self._request_id, answer)
        self._sent_at = self._loop.time()

    def _add(self, event: bytes) -> None:
        """Send an event by the end of this turn of the loop."""
        if not self._events:
            self._loop.call_soon(self._flush)
        self._events.append(event)
        self._size += len(event)
        if self._size > _FULL:
            self._flush()

    def _flush(self) -> None:
        if not self._events:
            return
        body = b"".join(self._events)
        self._events.clear()
        self._size = 0
        self._sent_at = self._loop.time()
        if not (self._is_head or self._wire.is_gone):
            self._wire.transport.write(body if self._request.is_old else chunk(body))

    def _close(self) -> None:
        """Send what is left, and say that this was all."""
        self._flush()
        if not (self._is_head or self._wire.is_gone or self._request.is_old):
            self._wire.transport.write(chunk(b""))

    def _beat(self) -> None:
        """Send the head if it has waited long enough, or a sign of life."""
        now = self._loop.time()
        if not self._is_open:
            self._sent_at = now
            if not is_bodiless(self._connection):
                self._open()
            if self._is_open and self._is_head:
                self._stream.stop()
        elif now >= self._sent_at + self._heartbeat:
            self._sent_at = now
            if self._wire.is_writable:
                self._add(HEARTBEAT)
        self._timer = self._loop.call_at(self._sent_at + self._heartbeat, self._beat)
