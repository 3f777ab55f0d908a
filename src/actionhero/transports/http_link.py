"""One client's link to the HTTP server: its times, how it is written to, and how it ends.

What is asked over it, and answered, is `http_connection`'s.

- Nothing waits without a limit. A link knows when it is due, and the server looks at all of them
  on one timer. Times are the timer's own, so a limit is late by up to two of its turns.
- After an error the input is thrown away until the client has read the answer: to close at once
  would make the system reset the connection and the answer with it (RFC 9112, 9.6). Over TLS the
  transport does that: it waits for the client's close_notify, for as long as we let it.
"""

import asyncio

from actionhero.connections import new_id
from actionhero.errors import ActionHeroError, RequestTimeoutError
from actionhero.protocols.http1 import Peer, Request
from actionhero.protocols.http1_forwarded import Proxies
from actionhero.protocols.http1_replies import problem
from actionhero.transports.connecting import cut
from actionhero.transports.http_sending import unsent
from actionhero.transports.http_state import HttpState, Phase

CLOSE = b"Connection: close\r\n"
_NEVER = float("inf")
_LINGER = 2.0
"""Seconds for a client to read an answer that it did not wait for with its request, and to take
leave over TLS."""


class HttpLink(asyncio.Protocol):
    """The link of one client. `due` and `write_due` are times of the loop; `task` answers the
    request that runs, if that has to wait. `address` is the one that it is counted under, and
    `proxies` are there if it leads to a trusted one."""

    __slots__ = (
        "_drained",
        "_is_closed",
        "_is_paused",
        "_is_writable",
        "_peer",
        "_phase",
        "_state",
        "_unsent",
        "address",
        "due",
        "proxies",
        "task",
        "transport",
        "write_due",
    )

    def __init__(self, state: HttpState) -> None:
        self._state = state
        self.transport: asyncio.Transport
        self._peer = Peer()
        self.address = ""
        self.proxies: Proxies | None = None
        self.task: asyncio.Task[None] | None = None
        self._phase = Phase.OPENED
        self._is_closed = False
        self._is_paused = False
        self._is_writable = True
        self._drained: asyncio.Future[None] | None = None
        self._unsent = 0
        self.due = self.write_due = _NEVER

    # What the event loop calls.

    def pause_writing(self) -> None:
        self._is_writable = False
        if self._phase is Phase.IDLE:
            self.due = _NEVER
        self._unsent = unsent(self.transport)
        self.write_due = self._state.due(self._state.settings.write_timeout)

    def resume_writing(self) -> None:
        self._is_writable = True
        self.write_due = _NEVER
        if self._phase is Phase.IDLE:
            self.due = self._state.idle_due
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    @property
    def is_writable(self) -> bool:
        """Whether the client has taken most of what it was sent."""
        return self._is_writable

    @property
    def is_gone(self) -> bool:
        """Whether nothing more is to be sent."""
        return self._is_closed

    # What the server calls.

    def check(self, now: float) -> None:
        """Act on what is due. A slow reader may go on as long as it keeps the least rate."""
        if self.write_due <= now:
            left = unsent(self.transport)
            if left > self._unsent - self._state.least_taken:
                cut(self.transport)
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
        cut(self.transport)

    # Writing more than the client takes at once.

    def note_progress(self) -> None:
        """The client has taken some of a file that the kernel sends."""
        self._unsent = unsent(self.transport)
        self.write_due = self._state.due(self._state.settings.write_timeout)

    async def wait_writable(self) -> None:
        """Wait while more is to be sent than there should be."""
        while not self._is_writable:
            self._drained = self._state.loop.create_future()
            await self._drained

    # Whom it leads to.

    def see_peer(self, request: Request) -> Peer:
        """Whom a request comes from. Raises `HttpProtocolError` for what a proxy says of it."""
        if self.proxies is None:
            return self._peer
        return self.proxies.look_behind(self._peer, request.headers)

    # Reading.

    def _pause_reading(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._is_paused:
            self._is_paused = False
            self.transport.resume_reading()

    # The end.

    def _expire(self) -> None:
        if self._phase in {Phase.HEAD, Phase.BODY}:
            self._refuse(RequestTimeoutError("the request did not arrive in time"))
        elif self._phase is Phase.CLOSING:
            cut(self.transport)
        else:
            self._close()

    def _refuse(self, error: ActionHeroError) -> None:
        """Answer with an error and take no more requests."""
        self._state.turn.flush()
        request_id = new_id()
        answer = problem(error, request_id)
        self.transport.write(self._state.heads.write(answer, request_id, CLOSE))
        self._end()
        self.due = self._state.due(_LINGER)
        self._resume_reading()
        if self.transport.can_write_eof():
            self._phase = Phase.LINGERING
            self.transport.write_eof()
        else:
            self._phase = Phase.CLOSING
            self.transport.close()

    def _close(self) -> None:
        """Close once everything is written."""
        self._state.turn.flush()
        self._end()
        self._phase = Phase.CLOSING
        self.transport.close()
        is_sent = self.transport.get_write_buffer_size() == 0
        self.due = self._state.due(_LINGER if is_sent else self._state.settings.write_timeout)

    def _end(self) -> None:
        """Take nothing more in; what still runs has nobody to answer to."""
        self._is_closed = True
        if self.task is not None:
            self.task.cancel()
            self.task = None

    def _leave(self) -> None:
        """Hold nothing more; the connection is gone, or another's."""
        self._is_closed = True
        self._phase = Phase.GONE
        self.due = self.write_due = _NEVER
