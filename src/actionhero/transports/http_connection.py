"""One HTTP connection: bytes in, requests answered one after the other, bytes out.

- Pipelined requests wait in a queue and are run in order, one at a time; past `web.pipelined` of
  them nothing more is read. `Starter` begins them, and gives a task to those that must wait.
- A client that goes away, or ends its side, has its running action cancelled (as Go's net/http
  does): nobody is left to read the answer.
- Nothing waits without a limit. A connection knows when it is due, and the server looks at all of
  them on one timer. Times are the timer's own, so a limit is late by up to two of its turns.
- After an error the input is thrown away until the client has read the answer: to close at once
  would make the system reset the connection and the answer with it (RFC 9112, 9.6).
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable
from typing import cast

from actionhero.connections import new_id
from actionhero.errors import (
    ActionHeroError,
    DrainingError,
    HttpProtocolError,
    OverloadedError,
    RequestTimeoutError,
    public_error,
)
from actionhero.protocols.http1 import Request, UpgradeRequest
from actionhero.protocols.http1_fields import Headers, read_fields, read_request_id
from actionhero.protocols.http1_parser import RequestParser
from actionhero.protocols.http1_replies import CONTINUE, Answer, problem
from actionhero.transports.http_answers import AnyAnswer
from actionhero.transports.http_files import FileAnswer
from actionhero.transports.http_replies import Peer
from actionhero.transports.http_sending import send_body, unsent
from actionhero.transports.http_state import HttpState, Phase
from actionhero.transports.starter import Rest

_CLOSE = b"Connection: close\r\n"
_KEEP = b"Connection: keep-alive\r\n"
_NEVER = float("inf")
_LINGER = 2.0
"""Seconds for a client to read an answer that it did not wait for with its request."""
_IDLE = Phase.IDLE
_RUNNING = Phase.RUNNING
_log = logging.getLogger("actionhero.http")


class HttpConnection(asyncio.Protocol):
    """The protocol of one connection. `due` and `write_due` are times of the loop."""

    __slots__ = (
        "_drained",
        "_is_closed",
        "_is_paused",
        "_is_writable",
        "_parser",
        "_peer",
        "_phase",
        "_queue",
        "_state",
        "_unsent",
        "due",
        "task",
        "transport",
        "write_due",
    )

    def __init__(self, state: HttpState) -> None:
        self._state = state
        self._parser = RequestParser(state.limits, state.upgrades, state.hosts)
        self.transport: asyncio.Transport
        self._peer: Peer = ("", 0)
        self._queue: deque[Request] = deque()
        self.task: asyncio.Task[None] | None = None
        self._phase = Phase.OPENED
        self._is_closed = False
        self._is_paused = False
        self._is_writable = True
        self._drained: asyncio.Future[None] | None = None
        self._unsent = 0
        self.due = self.write_due = _NEVER

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            self._peer = (peer[0], peer[1])
        state = self._state
        is_full = state.is_full
        state.connections.add(self)
        self.due = state.due(state.settings.header_timeout)
        if is_full:
            self._refuse(OverloadedError("the server has as many connections as it may have"))
            self._close()

    def data_received(self, data: bytes) -> None:
        if self._is_closed:
            return
        ready = self._parser.feed(data)
        if len(ready) == 1 and self._phase is not _RUNNING and ready[0].upgrade is None:
            self._start(ready[0])
            return
        self._queue.extend(ready)
        if self._phase is not _RUNNING:
            self._advance()
        if self._queue:
            self._bound_queue()

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

    def pause_writing(self) -> None:
        self._is_writable = False
        self._unsent = unsent(self.transport)
        self.write_due = self._state.due(self._state.settings.write_timeout)

    def resume_writing(self) -> None:
        self._is_writable = True
        self.write_due = _NEVER
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # What the server calls.

    def check(self, now: float) -> None:
        """Act on what is due. A slow reader may go on as long as it reads at all."""
        if self.write_due <= now:
            left = unsent(self.transport)
            if left >= self._unsent:
                self.transport.abort()
                return
            self._unsent = left
            self.write_due = self._state.due(self._state.settings.write_timeout)
        if self.due <= now:
            self._expire()

    def drain(self) -> None:
        """Close now if nothing was asked; a running request is answered first."""
        if self._phase in {Phase.OPENED, Phase.IDLE}:
            self._close()

    def abort(self) -> None:
        """End the connection at once."""
        self.transport.abort()

    # Requests, one after the other.

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
        self._state.starter.submit(self, request)

    def begin(self, request: Request) -> Rest | None:
        """Answer a request, or return what there is to wait for until it is answered."""
        if self._is_closed:
            return None
        state = self._state
        state.requests += 1
        given = request.headers.get(b"x-request-id")
        request_id = new_id() if given is None else read_request_id(given) or new_id()
        try:
            answer = state.answers.begin(request, self._peer, request_id)
            if not isinstance(answer, Answer):
                return self._go_on(request, request_id, answer)
            keep = self._write(request, request_id, answer)
        except Exception:
            self._fail(request_id)
            return None
        if not self._is_writable:
            return self._finish_later(keep)
        self._finish(keep)
        return None

    async def _go_on(self, request: Request, request_id: str, coming: Awaitable[AnyAnswer]) -> None:
        """Answer a request that must wait. Cancelled when the client is gone."""
        try:
            answer = await coming
            if isinstance(answer, Answer):
                keep = not self._is_closed and self._write(request, request_id, answer)
            else:
                keep = await self._send(request, request_id, answer)
        except Exception:
            self._fail(request_id)
        else:
            await self._finish_later(keep)

    def _write(self, request: Request, request_id: str, answer: Answer) -> bool:
        """Write an answer; whether the connection stays open after it."""
        state = self._state
        keep = request.keep_alive and not state.is_draining
        line = (_KEEP if request.is_old else b"") if keep else _CLOSE
        if state.origins is not None:
            line += state.origins.lines(request.headers)
        reply = state.heads.write(answer, request_id, line, request.method == "HEAD")
        self.transport.write(reply)
        if state.logs_requests:
            _log_request(request, answer, request_id, self._peer)
        return keep

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

    def note_progress(self) -> None:
        """The client has taken some of a file that the kernel sends."""
        self._unsent = unsent(self.transport)
        self.write_due = self._state.due(self._state.settings.write_timeout)

    async def wait_writable(self) -> None:
        """Wait while more is to be sent than there should be."""
        while not self._is_writable:
            self._drained = self._state.loop.create_future()
            await self._drained

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
        elif self._queue or self._is_paused or not self._parser.is_idle:
            self._phase = _IDLE
            self._advance()
        else:
            self._phase = _IDLE
            self.due = self._state.idle_due

    def _await_more(self) -> None:
        """Nothing runs and nothing waits: set what must come next, and until when."""
        parser = self._parser
        settings = self._state.settings
        if parser.error is not None:
            self._refuse(parser.error)
        elif parser.is_idle:
            self._phase = _IDLE
            self.due = self._state.idle_due
        elif parser.has_head:
            if self._phase is not Phase.BODY:
                self._phase = Phase.BODY
                self.due = self._state.due(settings.body_timeout)
            if parser.awaits_continue:
                parser.awaits_continue = False
                self.transport.write(CONTINUE)
        elif self._phase is not Phase.HEAD:
            if self._phase is not Phase.OPENED:  # the time for the first head began with that
                self.due = self._state.due(settings.header_timeout)
            self._phase = Phase.HEAD
        if self._is_paused:
            self._is_paused = False
            self.transport.resume_reading()

    def _bound_queue(self) -> None:
        """Read no more while much waits: many requests, a body, or another protocol."""
        last = self._queue[-1]
        if not self._is_paused and (
            len(self._queue) >= self._state.settings.pipelined
            or last.body is not None
            or last.upgrade is not None
        ):
            self._is_paused = True
            self.transport.pause_reading()

    def _hand_over(self, request: Request, head: bytes) -> None:
        """Let another protocol have the connection."""
        state = self._state
        path, _, query = request.target.partition("?")
        on_lost = state.hand_over(self)
        try:
            if state.is_draining:
                raise DrainingError("the server is shutting down")
            if self._is_paused:
                self.transport.resume_reading()
            asked = UpgradeRequest(
                transport=self.transport,
                path=path,
                words=read_fields(query) if query else {},
                headers=Headers(request.headers),
                head=head,
                peer=self._peer,
                request_id=new_id(),
                on_lost=on_lost,
            )
            state.upgrades[path](asked)
        except Exception as exc:
            on_lost()
            state.connections.add(self)
            self._refuse(_shown(exc))
        else:
            self._leave()

    # The end.

    def _expire(self) -> None:
        if self._phase in {Phase.HEAD, Phase.BODY}:
            self._refuse(RequestTimeoutError("the request did not arrive in time"))
        elif self._phase is Phase.CLOSING:
            self.transport.abort()
        else:
            self._close()

    def _refuse(self, error: ActionHeroError) -> None:
        """Answer with an error and take no more requests."""
        request_id = new_id()
        answer = problem(error, request_id)
        self.transport.write(self._state.heads.write(answer, request_id, _CLOSE))
        self._end()
        self._phase = Phase.LINGERING
        self.due = self._state.due(_LINGER)
        if self._is_paused:
            self._is_paused = False
            self.transport.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _close(self) -> None:
        """Close once everything is written."""
        self._end()
        self._phase = Phase.CLOSING
        self.due = self._state.due(self._state.settings.write_timeout)
        self.transport.close()

    def _end(self) -> None:
        """Take nothing more in; what still runs has nobody to answer to."""
        self._is_closed = True
        self._queue.clear()
        if self.task is not None:
            self.task.cancel()
            self.task = None

    def _leave(self) -> None:
        """Hold nothing more; the connection is gone, or another's."""
        self._is_closed = True
        self._phase = Phase.GONE
        self.due = self.write_due = _NEVER
        self._parser.close()


def _log_request(request: Request, answer: Answer, request_id: str, peer: Peer) -> None:
    """One line for a request; never with its query, which may hold secrets."""
    fields = {
        "method": request.method,
        "path": request.target.partition("?")[0],
        "status": answer.status,
        "request_id": request_id,
        "remote_ip": peer[0],
    }
    _log.debug("request", extra=fields)


def _shown(exc: Exception) -> ActionHeroError:
    if not isinstance(exc, ActionHeroError):
        _log.error("an upgrade failed", exc_info=exc)
    return public_error(exc)
