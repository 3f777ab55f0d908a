"""What comes in and goes out within one turn of the event loop.

A request costs two system calls, and after each of them Python runs at half its speed: the kernel
has taken the processor's caches. So nothing is done between them. What the sockets have sent
within a turn is only put down; then all of it is read, all requests are begun, and their replies
leave together. See docs/decisions/0014.
"""

import asyncio
import logging
from collections import deque
from typing import Protocol

from actionhero.protocols.http1 import Request
from actionhero.transports.starter import Starter

_log = logging.getLogger("actionhero.http")


class Taker(Protocol):
    """What has received something. `take` raises nothing."""

    def take(self, data: bytes) -> None: ...


class Turn:
    """The turns of one event loop.

    Who receives something puts it into `received`, and calls `wake` if it is the first. Who has a
    reply puts it into `replies`, while work is begun; `flush` before anything is written, or a
    connection closed, by another way.
    """

    __slots__ = ("_is_awake", "_loop", "received", "replies", "starter")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._is_awake = False
        self.received: deque[tuple[Taker, bytes]] = deque()
        self.replies: list[tuple[asyncio.Transport, bytes]] = []
        self.starter: Starter[Request] = Starter(loop, self.wake)

    def wake(self) -> None:
        """See to it that there is a turn."""
        if not self._is_awake:
            self._is_awake = True
            self._loop.call_soon(self._run)

    def read(self) -> None:
        """Read what was received, so that the requests in it wait to begin."""
        received = self.received
        while received:
            connection, data = received.popleft()
            connection.take(data)

    def left_of(self, connection: Taker) -> bytes:
        """What else a connection has received, that is going to be another's."""
        return b"".join(data for receiver, data in self.received if receiver is connection)

    def flush(self) -> None:
        """Write the replies."""
        for transport, reply in self.replies:
            try:
                transport.write(reply)
            except Exception:
                _log.exception("a reply was not written")
                transport.abort()
        self.replies.clear()

    def _run(self) -> None:
        try:
            self.read()
        finally:
            self._is_awake = False
        try:
            self.starter.begin_batch()
        finally:
            self.flush()
