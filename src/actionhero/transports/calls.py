"""The actions under way, for the transports whose connections stay.

Rules
- They run concurrently, each as a task of its own, and answer as they end. The connection's
  `max_pending` bounds them before a task is made, so that a flood of requests costs only replies.
- They go on when their client has gone: what an action began, it may end. A drain waits for them.
"""

import asyncio
import itertools
import logging
import sys
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from actionhero.actions.dispatch import Dispatcher
from actionhero.connections import Connection
from actionhero.errors import InternalError, TooManyRequestsError
from actionhero.messages import Call, Reply
from actionhero.protocols.replies import encode_error, encode_reply

_log = logging.getLogger("actionhero.transports")


class Stats(Protocol):
    """Where a transport counts, and sets its gauges."""

    def increment(self, key: str, n: int = 1) -> None: ...

    def set(self, key: str, value: int | float) -> None: ...


class Running:
    """The tasks of all connections of one transport."""

    __slots__ = ("next_number", "tasks")

    def __init__(self) -> None:
        self.tasks: dict[int, asyncio.Task[None]] = {}  # the loop itself keeps none of them alive
        self.next_number = itertools.count(1).__next__

    async def drain(self, seconds: float) -> None:
        """Wait for all of them; what still runs after `seconds` is cancelled."""
        if self.tasks:
            _, late = await asyncio.wait(list(self.tasks.values()), timeout=max(0.0, seconds))
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


class Calls:
    """The calls of one connection. `respond` gets their encoded replies, as they end."""

    __slots__ = ("_connection", "_dispatch", "_respond", "_running", "_stats", "pending")

    def __init__(
        self,
        running: Running,
        dispatcher: Dispatcher,
        stats: Stats,
        connection: Connection,
        respond: Callable[[bytes], None],
    ) -> None:
        self._running = running
        self._dispatch = dispatcher.dispatch
        self._stats = stats
        self._connection = connection
        self._respond = respond
        self.pending = 0

    def run(self, call: Call, trailer: bytes) -> None:
        """Start a call. Its reply is encoded with `trailer`. Raises `TooManyRequestsError`."""
        self.start(trailer, self._dispatch, call, self._connection)

    def start(
        self, trailer: bytes, work: Callable[..., Coroutine[Any, Any, Reply | None]], *args: Any
    ) -> None:
        """Start other work of the connection, that counts as a call. Raises as `run`.

        With None for a reply it has sent all there is to send; `respond` gets nothing, `b""`.
        """
        if self.pending >= self._connection.max_pending:
            self._stats.increment("actions:actionsNotProcessed")
            raise TooManyRequestsError("you have too many pending requests", retry_after=1.0)
        self.pending += 1
        running = self._running
        number = running.next_number()
        task = _start_task(self._answer(number, trailer, work(*args)))
        if not task.done():
            running.tasks[number] = task

    async def _answer(
        self, number: int, trailer: bytes, work: Coroutine[Any, Any, Reply | None]
    ) -> None:
        try:
            reply = await work
        finally:
            self.pending -= 1
            self._running.tasks.pop(number, None)  # not there if it never had to wait
        self._respond(b"" if reply is None else _encode(reply, trailer))


def _encode(reply: Reply, trailer: bytes) -> bytes:
    try:
        return encode_reply(reply, trailer)
    except Exception as exc:
        _log.exception("a reply cannot be encoded as JSON: %s", exc)
        return encode_error(InternalError("the reply cannot be encoded as JSON"), trailer)


if sys.version_info >= (3, 12):

    def _start_task(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Run up to the first wait at once: most actions end there."""
        return asyncio.Task(work, loop=asyncio.get_running_loop(), name="call", eager_start=True)

else:

    def _start_task(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """A task; its name is given because making one up costs time."""
        return asyncio.Task(work, loop=asyncio.get_running_loop(), name="call")
