"""One HTTP connection: bytes in, requests answered one after the other, bytes out.

Its times, and how it ends, are `http_link`'s.

- Pipelined requests wait in a queue and are run in order, one at a time; past `web.pipelined` of
  them nothing more is read. `Starter` begins them, and gives a task to those that must wait.
- A client that goes away, or ends its side, has its running action cancelled (as Go's net/http
  does): nobody is left to read the answer.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable
from typing import cast

from actionhero.connections import new_id
from actionhero.errors import ActionHeroError, HttpProtocolError
from actionhero.protocols.http1 import Peer, Request
from actionhero.protocols.http1_fields import read_request_id
from actionhero.protocols.http1_parser import RequestParser
from actionhero.protocols.http1_replies import CHUNKED, CONTINUE, Answer, problem
from actionhero.transports.addresses import peer_of
from actionhero.transports.http_answers import AnyAnswer
from actionhero.transports.http_events import EventSender, StreamAnswer
from actionhero.transports.http_files import FileAnswer
from actionhero.transports.http_handover import hand_over
from actionhero.transports.http_link import CLOSE, HttpLink
from actionhero.transports.http_patience import Patience
from actionhero.transports.http_sending import send_body
from actionhero.transports.http_state import HttpState, Phase
from actionhero.transports.starter import Rest

_KEEP = b"Connection: keep-alive\r\n"
_NEVER = float("inf")
_MUCH = 64 * 1024
"""Bytes that are read at once. libuv would receive up to 32 times as much before it goes on with
others, so that it is stopped for that long."""
_IDLE = Phase.IDLE
_RUNNING = Phase.RUNNING
_log = logging.getLogger("actionhero.http")


class HttpConnection(HttpLink):
    """The requests of one client."""

    __slots__ = ("_events", "_parser", "_patience", "_queue", "_received", "_turn")

    def __init__(self, state: HttpState) -> None:
        super().__init__(state)
        self._parser = RequestParser(state.limits, state.upgrades, state.hosts, state.open_sink)
        self._queue: deque[Request] = deque()
        self._events: EventSender | None = None
        self._patience: Patience | None = None  # with a body that comes
        self._turn = state.turn
        self._received = state.turn.received

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self._peer = peer_of(self.transport)
        state = self._state
        error = state.admit(self, self._peer)
        self.due = state.due(state.settings.header_timeout)
        if error is not None:  # not now: not every transport bears to be closed within this call
            state.loop.call_soon(self._turn_away, error)

    def data_received(self, data: bytes) -> None:
        received = self._received
        if not received:
            self._turn.wake()
        received.append((self, data))
        if len(data) > _MUCH:
            self._turn.read()
            if not self._is_paused:
                self._pause_reading()
                self._state.loop.call_soon(self._read_on)

    def eof_received(self) -> None:
        """The client sends no more; the loop closes the connection after this."""
        if self._is_closed:
            return
        if self._phase is not _RUNNING and not self._parser.is_idle:
            self._refuse(HttpProtocolError("the request ended before it was complete"))
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        if self._phase is not Phase.GONE:
            self._leave()
            self._state.forget(self)

    def _turn_away(self, error: ActionHeroError) -> None:
        if not self._is_closed:
            self._refuse(error)
            self._close()

    # Requests, one after the other.

    def take(self, data: bytes) -> None:
        """Read what was received."""
        if self._is_closed:
            return
        try:
            ready = self._parser.feed(data)
            if len(ready) == 1 and self._phase is not _RUNNING and ready[0].upgrade is None:
                self._start(ready[0])
            else:
                self._take_all(ready)
        except Exception:
            _log.exception("a request was not read")
            self.transport.abort()

    def _take_all(self, ready: list[Request]) -> None:
        self._queue.extend(ready)
        if self._phase is not _RUNNING:
            self._advance()
        if self._queue:
            self._bound_queue()
        sink = self._parser.sink
        if sink is not None and sink.is_full:
            sink.on_ready = self._read_on
            self._pause_reading()

    def _read_on(self) -> None:
        """What takes a body in has room again."""
        if not self._is_closed and not self._queue:
            self._resume_reading()

    def _advance(self) -> None:
        """Start the request that waits; when none does, wait for what must come."""
        if not self._queue:
            self._await_more()
            return
        request = self._queue.popleft()
        if request.upgrade is None:
            self._start(request)
        else:
            self._hand_over(request, request.upgrade)

    def _start(self, request: Request) -> None:
        self._phase = _RUNNING
        self.due = _NEVER
        self._turn.starter.submit(self, request)

    def begin(self, request: Request) -> Rest | None:
        """Answer a request, or return what there is to wait for until it is answered."""
        if self._is_closed:
            _drop_body(request)
            return None
        if not self._is_writable:
            return self._begin_later(request)
        state = self._state
        state.requests += 1
        given = request.headers.get(b"x-request-id")
        request_id = new_id() if given is None else read_request_id(given) or new_id()
        try:
            peer = self._peer if self.proxies is None else self.see_peer(request)
            answer = state.answers.begin(request, peer, request_id)
            if not isinstance(answer, Answer):
                return self._go_on(request, request_id, answer)
            keep, reply = self._compose(request, request_id, answer)
        except HttpProtocolError as exc:  # out of what a proxy says
            keep, reply = self._compose(request, request_id, problem(exc, request_id))
        except Exception:
            self._fail(request_id)
            return None
        if not keep:
            return self._say_last(reply)
        self._turn.replies.append((self.transport, reply))
        self._finish(keep=True)
        return None

    def _say_last(self, reply: bytes) -> Rest | None:
        """Write the last answer, and close as soon as the client has read what it must."""
        self._turn.flush()
        self.transport.write(reply)
        if not self._is_writable:
            return self._finish_later(keep=False)
        self._finish(keep=False)
        return None

    async def _begin_later(self, request: Request) -> None:
        """Answer a request once the client has read enough of the answers before."""
        task = self.task
        await self.wait_writable()
        self.task = None
        rest = self.begin(request)
        self._turn.flush()
        if rest is not None:
            self.task = task
            await rest

    async def _go_on(self, request: Request, request_id: str, coming: Awaitable[AnyAnswer]) -> None:
        """Answer a request that must wait. Cancelled when the client is gone."""
        try:
            answer = await coming
            if isinstance(answer, Answer):
                keep = not self._is_closed and self._write(request, request_id, answer)
            elif isinstance(answer, FileAnswer):
                keep = await self._send(request, request_id, answer)
            else:
                keep = await self._stream(request, request_id, answer)
        except Exception:
            self._fail(request_id)
        else:
            await self._finish_later(keep)
        finally:
            _drop_body(request)

    def _write(self, request: Request, request_id: str, answer: Answer) -> bool:
        """Write an answer; whether the connection stays open after it."""
        keep, reply = self._compose(request, request_id, answer)
        self.transport.write(reply)
        return keep

    def _compose(self, request: Request, request_id: str, answer: Answer) -> tuple[bool, bytes]:
        """An answer in bytes, and whether the connection stays open after it."""
        state = self._state
        keep = request.keep_alive and not state.is_draining
        line = (_KEEP if request.is_old else b"") if keep else CLOSE
        if state.origins is not None:
            line += state.origins.lines(request.headers)
        reply = state.heads.write(answer, request_id, line, request.method == "HEAD")
        if state.logs_requests:
            _log_request(request, answer, request_id, self)
        return keep, reply

    async def _send(self, request: Request, request_id: str, answer: FileAnswer) -> bool:
        """Send a file, as fast as the client takes it."""
        keep = False
        try:
            if not self._is_closed:
                keep = self._write(request, request_id, answer.start)
                await send_body(answer.rest, self)
        finally:
            answer.rest.close()
            if self._is_writable:
                self.write_due = _NEVER
        return keep

    async def _stream(self, request: Request, request_id: str, answer: StreamAnswer) -> bool:
        """Send what an action yields, as it comes."""
        state = self._state
        events = EventSender(self, request, request_id, answer, state.settings.heartbeat)
        self._events = events
        if state.is_draining:
            events.stop()
        try:
            instead = await events.send()
        except asyncio.CancelledError:
            if not self._is_closed:  # a limit that the action holds over its values has run out
                self._fail(request_id)
            raise
        finally:
            self._events = None
        if self._is_closed:
            return False
        if instead is not None:
            return self._write(request, request_id, instead)
        return events.keep and not state.is_draining

    def open_reply(self, request: Request, request_id: str, answer: Answer) -> bool:
        """Write the head of a reply that ends by the chunked coding, or, for an old client, with
        the connection (RFC 9112, 6.3); whether that stays open after it."""
        state = self._state
        keep = request.keep_alive and not request.is_old and not state.is_draining
        line = b"" if request.is_old else CHUNKED
        if not keep:
            line += CLOSE
        if state.origins is not None:
            line += state.origins.lines(request.headers)
        self.transport.write(state.heads.open(answer, request_id, line))
        if state.logs_requests:
            _log_request(request, answer, request_id, self)
        return keep

    def _fail(self, request_id: str) -> None:
        """An answer cannot be sent; only a cut can tell the client."""
        _log.exception("an answer was not sent", extra={"request_id": request_id})
        self.transport.abort()

    async def _finish_later(self, keep: bool) -> None:
        await self.wait_writable()
        self.task = None
        self._finish(keep)

    def _finish(self, keep: bool) -> None:
        """A request is answered."""
        if self._is_closed:
            return
        if not keep:
            self._close()
            return
        self._phase = _IDLE
        self.due = self._state.idle_due
        if self._queue or self._is_paused or not self._parser.is_idle:
            self._advance()

    def _await_more(self) -> None:
        """Nothing runs and nothing waits: set what must come next, and until when. Empty lines
        are nothing, and gain no time."""
        parser = self._parser
        if parser.error is not None:
            self._refuse(parser.error)
        elif parser.has_head:
            self._await_body()
        elif not parser.is_idle and self._phase is not Phase.HEAD:
            if self._phase is not Phase.OPENED:  # the time for the first head began with that
                self.due = self._state.due(self._state.settings.header_timeout)
            self._phase = Phase.HEAD
        self._resume_reading()

    def _await_body(self) -> None:
        if self._phase is not Phase.BODY:
            self._phase = Phase.BODY
            self._patience = None
            self.due = self._body_due()
        if self._parser.awaits_continue:
            self._parser.awaits_continue = False
            self._turn.flush()
            self.transport.write(CONTINUE)

    def _body_due(self) -> float:
        now, parser = self._state.now, self._parser
        if self._patience is None:
            self._patience = Patience(self._state.settings, now)
        return self._patience.until(now, parser.taken, parser.sink) + self._state.period

    def _expire(self) -> None:
        if self._phase is Phase.BODY:
            self.due = self._body_due()
            if self.due > self._state.now:
                return
        super()._expire()

    def _bound_queue(self) -> None:
        """Read no more while much waits: many requests, a body, or another protocol."""
        last = self._queue[-1]
        if (
            len(self._queue) >= self._state.settings.pipelined
            or last.body is not None
            or last.sink is not None
            or last.upgrade is not None
        ):
            self._pause_reading()

    def _hand_over(self, request: Request, head: bytes) -> None:
        """Let another protocol have the connection."""
        state = self._state
        self._turn.flush()
        head += self._turn.left_of(self)
        on_lost = state.hand_over(self)
        self._resume_reading()
        error = hand_over(state, request, head, self, on_lost)
        if error is None:
            self._leave()
        else:
            on_lost()
            state.connections.add(self)
            self._refuse(error)

    # The end.

    def drain(self) -> None:
        if self._events is not None:
            self._events.stop()
        super().drain()

    def _end(self) -> None:
        super()._end()
        for request in self._queue:
            _drop_body(request)
        self._queue.clear()

    def _leave(self) -> None:
        super()._leave()
        self._parser.close()


def _drop_body(request: Request) -> None:
    if request.sink is not None:
        request.sink.close()


def _log_request(request: Request, answer: Answer, request_id: str, link: HttpLink) -> None:
    """One line for a request; never with its query, which may hold secrets."""
    try:
        peer = link.see_peer(request)
    except HttpProtocolError:
        peer = Peer()
    fields = {
        "method": request.method,
        "path": request.target.partition("?")[0],
        "status": answer.status,
        "request_id": request_id,
        "remote_ip": peer.ip,
    }
    _log.debug("request", extra=fields)
