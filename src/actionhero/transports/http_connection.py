"""One HTTP connection: bytes in, requests answered one after the other, bytes out.

- Pipelined requests wait in a queue and are run in order, one at a time, each in a task of its
  own; past `web.pipelined` of them nothing more is read.
- A client that goes away, or ends its side, has its running action cancelled (as Go's net/http
  does): nobody is left to read the answer.
- Nothing waits without a limit. A connection knows when it is due, and the server looks at all of
  them on one timer. Times are the timer's own, so a limit is late by up to two of its turns.
- After an error the input is thrown away until the client has read the answer: to close at once
  would make the system reset the connection and the answer with it (RFC 9112, 9.6).
"""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable
from functools import partial
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
from actionhero.transports.http_answers import AnyAnswer, Peer
from actionhero.transports.http_files import FileAnswer
from actionhero.transports.http_state import HttpState, Phase

_CLOSE = b"Connection: close\r\n"
_KEEP = b"Connection: keep-alive\r\n"
_NEVER = float("inf")
_LINGER = 2.0
"""Seconds for a client to read an answer that it did not wait for with its request."""
_IDLE = Phase.IDLE
_RUNNING = Phase.RUNNING
_log = logging.getLogger("actionhero.http")

_Task: Callable[..., asyncio.Task[None]]
"""Makes a task, on newer Pythons run at once to where it must wait. To make up a name is slow."""
if sys.version_info >= (3, 12):
    _Task = partial(asyncio.Task, name="http", eager_start=True)
else:
    _Task = partial(asyncio.Task, name="http")


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
        "_task",
        "_transport",
        "_unsent",
        "due",
        "write_due",
    )

    def __init__(self, state: HttpState) -> None:
        self._state = state
        self._parser = RequestParser(state.limits, state.upgrades)
        self._transport: asyncio.Transport
        self._peer: Peer = ("", 0)
        self._queue: deque[Request] = deque()
        self._task: asyncio.Task[None] | None = None
        self._phase = Phase.OPENED
        self._is_closed = False
        self._is_paused = False
        self._is_writable = True
        self._drained: asyncio.Future[None] | None = None
        self._unsent = 0
        self.due = self.write_due = _NEVER

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
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
        if len(ready) == 1 and self._task is None and ready[0].upgrade is None:
            self._start(ready[0])
            if self._parser.is_idle:
                return
        else:
            self._queue.extend(ready)
        if self._task is None:
            self._advance()
        if self._queue:
            self._bound_queue()

    def eof_received(self) -> None:
        """The client sends no more; the loop closes the connection after this."""
        if self._is_closed:
            return
        if self._task is None and not self._parser.is_idle:
            self._refuse(HttpProtocolError("the request ended before it was complete"))
        self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        if self._phase is not Phase.GONE:
            self._leave()
            self._state.forget(self)

    def pause_writing(self) -> None:
        self._is_writable = False
        self._unsent = self._transport.get_write_buffer_size()
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
            unsent = self._transport.get_write_buffer_size()
            if unsent >= self._unsent:
                self._transport.abort()
                return
            self._unsent = unsent
            self.write_due = self._state.due(self._state.settings.write_timeout)
        if self.due <= now:
            self._expire()

    def drain(self) -> None:
        """Close now if nothing was asked; a running request is answered first."""
        if self._phase in {Phase.OPENED, Phase.IDLE}:
            self._close()

    def abort(self) -> None:
        """End the connection at once."""
        self._transport.abort()

    # Requests, one after the other.

    def _advance(self) -> None:
        """Start what waits, one after the other; when nothing does, wait for what must come.

        A loop and no recursion: a task that starts eagerly may be done when it is made.
        """
        while self._task is None and not self._is_closed:
            if not self._queue:
                self._await_more()
                return
            request = self._queue.popleft()
            if request.upgrade is None:
                self._start(request)
            else:
                self._hand_over(request, request.upgrade)

    def _start(self, request: Request) -> None:
        """Start the answer to a request. If no task is left then, it is answered already."""
        self._phase = _RUNNING
        self.due = _NEVER
        task = _Task(self._run(request), loop=self._state.loop)
        if not task.done():
            self._task = task

    async def _run(self, request: Request) -> None:
        """Answer one request. Cancelled when the client is gone."""
        state = self._state
        state.requests += 1
        request_id = _id_of(request)
        keep = False
        try:
            begun = state.answers.begin(request, self._peer, request_id)
            answer = begun if isinstance(begun, Answer) else await begun
            keep = request.keep_alive and not state.is_draining
            line = (_KEEP if request.is_old else b"") if keep else _CLOSE
            if isinstance(answer, Answer):
                is_head = request.method == "HEAD"
                self._transport.write(state.heads.write(answer, request_id, line, is_head))
            else:
                await self._send(answer, request_id, line)
            if state.logs_requests:
                _log_request(request, answer, request_id, self._peer)
            if not self._is_writable:
                await self._wait_writable()
        except Exception:
            _log.exception("an answer was not sent", extra={"request_id": request_id})
            keep = False
            self._transport.abort()
        self._finish(keep)

    def _finish(self, keep: bool) -> None:
        """A request is answered."""
        was_eager = self._task is None  # whoever started it goes on
        self._task = None
        if self._is_closed:
            return
        if not keep:
            self._close()
        elif not self._queue and self._parser.is_idle and not self._is_paused:
            self._phase = _IDLE
            self.due = self._state.idle_due
        elif not was_eager:
            self._advance()

    async def _send(self, answer: FileAnswer, request_id: str, line: bytes) -> None:
        """Send a file piece by piece, as fast as the client takes it."""
        transport = self._transport
        try:
            transport.write(self._state.heads.write(answer.start, request_id, line))
            while not self._is_closed:
                await self._wait_writable()
                piece = await answer.rest.read()
                if not piece:
                    return
                transport.write(piece)
        finally:
            answer.rest.close()

    async def _wait_writable(self) -> None:
        while not self._is_writable:
            self._drained = self._state.loop.create_future()
            await self._drained

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
                self._transport.write(CONTINUE)
        elif self._phase is not Phase.HEAD:
            if self._phase is not Phase.OPENED:  # the time for the first head began with that
                self.due = self._state.due(settings.header_timeout)
            self._phase = Phase.HEAD
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()

    def _bound_queue(self) -> None:
        """Read no more while much waits: many requests, a body, or another protocol."""
        last = self._queue[-1]
        if not self._is_paused and (
            len(self._queue) >= self._state.settings.pipelined
            or last.body is not None
            or last.upgrade is not None
        ):
            self._is_paused = True
            self._transport.pause_reading()

    def _hand_over(self, request: Request, head: bytes) -> None:
        """Let another protocol have the connection."""
        state = self._state
        path, _, query = request.target.partition("?")
        on_lost = state.hand_over(self)
        try:
            if state.is_draining:
                raise DrainingError("the server is shutting down")
            if self._is_paused:
                self._transport.resume_reading()
            asked = UpgradeRequest(
                transport=self._transport,
                path=path,
                words=read_fields(query) if query else {},
                headers=Headers(request.headers),
                head=head,
                peer=self._peer,
                request_id=_id_of(request),
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
            self._transport.abort()
        else:
            self._close()

    def _refuse(self, error: ActionHeroError) -> None:
        """Answer with an error and take no more requests."""
        request_id = new_id()
        answer = problem(error, request_id)
        self._transport.write(self._state.heads.write(answer, request_id, _CLOSE))
        self._end()
        self._phase = Phase.LINGERING
        self.due = self._state.due(_LINGER)
        if self._is_paused:
            self._is_paused = False
            self._transport.resume_reading()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _close(self) -> None:
        """Close once everything is written."""
        self._end()
        self._phase = Phase.CLOSING
        self.due = self._state.due(self._state.settings.write_timeout)
        self._transport.close()

    def _end(self) -> None:
        """Take nothing more in; what still runs has nobody to answer to."""
        self._is_closed = True
        self._queue.clear()
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _leave(self) -> None:
        """Hold nothing more; the connection is gone, or another's."""
        self._is_closed = True
        self._phase = Phase.GONE
        self.due = self.write_due = _NEVER
        self._parser.close()


def _id_of(request: Request) -> str:
    """The request's own id, or a new one."""
    given = request.headers.get(b"x-request-id")
    return new_id() if given is None else read_request_id(given) or new_id()


def _log_request(request: Request, answer: AnyAnswer, request_id: str, peer: Peer) -> None:
    """One line for a request; never with its query, which may hold secrets."""
    fields = {
        "method": request.method,
        "path": request.target.partition("?")[0],
        "status": answer.status if isinstance(answer, Answer) else answer.start.status,
        "request_id": request_id,
        "remote_ip": peer[0],
    }
    _log.debug("request", extra=fields)


def _shown(exc: Exception) -> ActionHeroError:
    if not isinstance(exc, ActionHeroError):
        _log.error("an upgrade failed", exc_info=exc)
    return public_error(exc)
