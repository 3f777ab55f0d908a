"""The actions under way, for the transports whose connections stay.

Rules
- They run concurrently and answer as they end. The connection's `max_pending` bounds them before
  anything is made for them, so that a flood of requests costs only replies.
- What comes in is begun in batches (see `starter`); what is done many times in a row, with no
  system call between, is also done faster.
- They go on when their client has gone: what an action began, it may end. A drain waits for them.
  Streams have nothing to end; `streaming` says when they are closed.
"""

import asyncio
import logging
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, NoReturn, Protocol, TypeVar, cast
from weakref import WeakSet

from actionhero.actions.dispatch import Dispatcher
from actionhero.actions.streams import Stream
from actionhero.connections import Connection
from actionhero.errors import DrainingError, InternalError, TooManyRequestsError
from actionhero.messages import Call, Reply
from actionhero.protocols.replies import encode_error, encode_reply
from actionhero.stats import Meter
from actionhero.transports.starter import Rest, Starter
from actionhero.transports.streaming import Outlet, Streams

_log = logging.getLogger("actionhero.transports")
ASIDE = 100
"""What of one client may run beside its calls."""
FULL = 1000
"""How much may wait to begin before no more is read."""
T = TypeVar("T")

_Task: Callable[..., asyncio.Task[None]]
"""Makes a task, on newer Pythons run at once to where it must wait. To make up a name is slow."""
if sys.version_info >= (3, 12):
    _Task = partial(asyncio.Task, name="call", eager_start=True)
else:
    _Task = partial(asyncio.Task, name="call")


class Stats(Protocol):
    """Where a transport counts, and sets its gauges."""

    def increment(self, key: str, n: int = 1) -> None: ...

    def meter(self, key: str) -> Meter: ...

    def set(self, key: str, value: int | float) -> None: ...


class Running:
    """The work of all connections of one transport. `wake`: see `Starter`."""

    __slots__ = ("is_stopping", "loop", "starter", "streams", "tasks")

    def __init__(self, wake: Callable[[], None] | None = None) -> None:
        self.loop = asyncio.get_running_loop()  # asked once: it costs a system call
        self.starter: Starter[Any] = Starter(self.loop, wake)
        self.tasks: set[asyncio.Task[None]] = set()  # those that wait; nothing else keeps them
        self.streams: WeakSet[Streams] = WeakSet()
        self.is_stopping = False

    def stop_streams(self) -> None:
        """End all streams, and each that begins from now on: they might go on for ever."""
        self.is_stopping = True
        for streams in self.streams:
            streams.stop(_stopping())

    async def drain(self, seconds: float) -> None:
        """Wait for all of it; what still runs after `seconds` is cancelled."""
        end = self.loop.time() + seconds
        while self.starter.waiting:
            await asyncio.sleep(0)
            if self.loop.time() > end:
                break
        await asyncio.sleep(0)  # what was begun last has its task now
        if self.tasks:
            _, late = await asyncio.wait(list(self.tasks), timeout=max(0.0, seconds))
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def close(self) -> None:
        """Begin nothing more."""
        self.starter.close()

    async def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, which is to be waited for by a drain, too."""
        task = cast("asyncio.Task[None]", asyncio.current_task(self.loop))
        self.tasks.add(task)
        try:
            return await work
        finally:
            self.tasks.discard(task)


class Calls:
    """The calls of one connection. `respond` gets their encoded replies, as they end; `outlet`
    what streams give before that."""

    __slots__ = (
        "_connection",
        "_dispatcher",
        "_is_gone",
        "_most",
        "_outlet",
        "_respond",
        "_running",
        "_stats",
        "_streams",
        "aside",
        "pending",
        "task",
    )

    def __init__(
        self,
        running: Running,
        dispatcher: Dispatcher,
        stats: Stats,
        connection: Connection,
        respond: Callable[[bytes], None],
        outlet: Outlet,
    ) -> None:
        self._running = running
        self._dispatcher = dispatcher
        self._stats = stats
        self._connection = connection
        self._most = connection.max_pending
        self._respond = respond
        self._outlet = outlet
        self._streams: Streams | None = None
        self._is_gone = False
        self.aside = 0
        self.pending = 0
        self.task: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something runs that will answer."""
        return self.pending > 0 or self.aside > 0

    def run(self, call: Call, trailer: bytes) -> None:
        """Have a call run. Its reply is encoded with `trailer`. Raises `TooManyRequestsError`."""
        self._admit()
        self._running.starter.submit(self, (call, trailer))

    def begin(self, admitted: tuple[Call, bytes]) -> Rest | None:
        """Begin a call that `run` has let in."""
        self.pending -= 1
        return self.begin_now(*admitted)

    def begin_now(self, call: Call, trailer: bytes) -> Rest | None:
        """Run a call now, up to where it first waits; the rest must be awaited in the same task.
        Raises as `run`."""
        if self.pending >= self._most:
            self._refuse()
        reply = self._dispatcher.begin(call, self._connection)
        if isinstance(reply, Reply):
            self._respond(_encode(reply, trailer))
            return None
        self.pending += 1
        return self._finish(reply, trailer)

    def start(
        self, trailer: bytes, work: Callable[..., Coroutine[Any, Any, Reply | None]], *args: Any
    ) -> None:
        """Start other work of the connection, that counts as a call. Raises as `run`.

        With None for a reply it has sent all there is to send; `respond` gets nothing, `b""`.
        """
        self._admit()
        _Task(self._finish(work(*args), trailer), loop=self._running.loop)

    def start_aside(self, trailer: bytes, work: Coroutine[Any, Any, Reply]) -> None:
        """Start work that is no call, and done in the order in which it is started. Raises
        `TooManyRequestsError` if `ASIDE` such are under way."""
        if self.aside >= ASIDE:
            work.close()
            self._refuse()
        self.aside += 1
        _Task(self._finish_aside(work, trailer), loop=self._running.loop)

    async def _finish_aside(self, work: Coroutine[Any, Any, Reply], trailer: bytes) -> None:
        try:
            reply = await self._running.wait_for(work)
        finally:
            self.aside -= 1
        self._respond(_encode(reply, trailer))

    def flow(self) -> None:
        """The outlet may flow again."""
        if self._streams is not None:
            self._streams.flow()

    def cancel(self, trailer: bytes) -> bool:
        """End the streams whose replies have this trailer; whether there are any."""
        return self._streams is not None and self._streams.cancel(trailer)

    def leave(self) -> None:
        """The client is gone: end its streams, and those that are about to begin."""
        self._is_gone = True
        if self._streams is not None:
            self._streams.stop()

    def _admit(self) -> None:
        if self.pending >= self._most:
            self._refuse()
        self.pending += 1

    def _refuse(self) -> NoReturn:
        self._stats.increment("actions:actionsNotProcessed")
        raise TooManyRequestsError("you have too many pending requests", retry_after=1.0)

    async def _finish(self, work: Coroutine[Any, Any, Reply | None], trailer: bytes) -> None:
        try:
            reply = await self._running.wait_for(work)
            if reply is not None and isinstance(reply.value, Stream):
                reply = await self._running.wait_for(self._stream(reply.value, trailer))
        finally:
            self.pending -= 1
        self._respond(b"" if reply is None else _encode(reply, trailer))

    async def _stream(self, stream: Stream, trailer: bytes) -> Reply:
        """Send what an action yields; the reply that ends it."""
        if self._streams is None:
            self._streams = Streams(self._outlet)
            self._running.streams.add(self._streams)
        if self._is_gone:
            stream.stop()
        elif self._running.is_stopping:
            stream.stop(_stopping())
        try:
            return await self._streams.send(stream, trailer)
        except asyncio.CancelledError:
            if self._is_gone or self._running.is_stopping:
                raise
            _log.exception("a stream was cancelled by what it holds over its values")
            return Reply(error=InternalError("the stream was cancelled"))


def _stopping() -> DrainingError:
    return DrainingError("the server is shutting down")


def _encode(reply: Reply, trailer: bytes) -> bytes:
    try:
        return encode_reply(reply, trailer)
    except Exception as exc:
        _log.exception("a reply cannot be encoded as JSON: %s", exc)
        return encode_error(InternalError("the reply cannot be encoded as JSON"), trailer)
