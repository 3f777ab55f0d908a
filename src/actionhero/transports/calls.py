"""The actions under way, for the transports whose connections stay.

Rules
- They run concurrently and answer as they end. The connection's `max_pending` bounds them before
  anything is made for them, so that a flood of requests costs only replies.
- Work that comes in waits for the end of the loop's turn. One task then starts it, one after the
  other, until an action has to wait for something: that task is its own from then on, and another
  one goes on with the rest. So an action that waits has a task as everywhere; those that never wait
  share one, as to make a task takes as long as to run them. What is done many times in a row, with
  no system call between, is also done faster.
- Nothing goes over from one call to the next in a shared task: if a call leaves a context variable
  changed or a cancellation behind, the task ends there.
- A turn begins only so much work, so that a flood does not hold up the rest of the loop. Who adds
  to a full queue has to `hold`; it is released when the queue is empty.
- They go on when their client has gone: what an action began, it may end. A drain waits for them.
"""

import asyncio
import logging
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Protocol, TypeAlias, TypeVar, cast

from actionhero.actions.dispatch import Dispatcher
from actionhero.connections import Connection
from actionhero.errors import InternalError, TooManyRequestsError
from actionhero.messages import Call, Reply
from actionhero.protocols.replies import encode_error, encode_reply
from actionhero.stats import Meter
from actionhero.telemetry import log_context

_log = logging.getLogger("actionhero.transports")
FULL = 1000
"""How much may wait in the queue before it is full."""
_BATCH = 200
"""How much of it is begun in one turn."""
_NOTHING: dict[str, Any] = {}
T = TypeVar("T")
Rest: TypeAlias = Coroutine[Any, Any, None] | None
"""What is left of some work when it waits; None: it is done."""

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
    """The work of all connections of one transport."""

    __slots__ = ("_held", "_is_scheduled", "loop", "queue", "tasks")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()  # asked once: it costs a system call
        self.tasks: set[asyncio.Task[None]] = set()  # those that wait; nothing else keeps them
        self.queue: deque[tuple[Callable[[Any, bytes], Rest], Any, bytes]] = deque()
        self._held: list[Callable[[], None]] = []
        self._is_scheduled = False

    def add(self, begin: Callable[[T, bytes], Rest], what: T, text: bytes) -> bool:
        """Have `begin(what, text)` called at the end of this turn of the loop; what it returns is
        awaited in the same task. Whether the queue is full now."""
        if not self._is_scheduled:
            self._is_scheduled = True
            self.loop.call_soon(self._turn)
        queue = self.queue
        queue.append((begin, what, text))
        return len(queue) > FULL

    def hold(self, release: Callable[[], None]) -> None:
        """Have `release` called when the queue is empty."""
        self._held.append(release)

    async def drain(self, seconds: float) -> None:
        """Wait for all of it; what still runs after `seconds` is cancelled."""
        while self._is_scheduled:  # noqa: ASYNC110  two turns; an event would cost all others
            await asyncio.sleep(0)
        if self.tasks:
            _, late = await asyncio.wait(list(self.tasks), timeout=max(0.0, seconds))
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, which is to be waited for by a drain, too."""
        task = cast("asyncio.Task[None]", asyncio.current_task(self.loop))
        self.tasks.add(task)
        try:
            return await work
        finally:
            self.tasks.discard(task)

    def _turn(self) -> None:
        if self.queue:
            _Task(self._work(), loop=self.loop)
            self.loop.call_soon(self._turn)  # for what is left
            return
        self._is_scheduled = False
        held, self._held = self._held, []
        for release in held:
            release()

    async def _work(self) -> None:
        """Begin what there is until something has to wait; then finish that."""
        queue = self.queue
        task = cast("asyncio.Task[None]", asyncio.current_task(self.loop))
        log_context.set(_NOTHING)
        clean = copy_context()
        for _ in range(min(len(queue), _BATCH)):
            begin, what, text = queue.popleft()
            rest = begin(what, text)
            if rest is not None:
                await rest
                return
            log_context.set(_NOTHING)
            if task.cancelling() or _is_changed(clean):
                return


class Calls:
    """The calls of one connection. `respond` gets their encoded replies, as they end."""

    __slots__ = ("_connection", "_dispatcher", "_most", "_respond", "_running", "_stats", "pending")

    def __init__(
        self,
        running: Running,
        dispatcher: Dispatcher,
        stats: Stats,
        connection: Connection,
        respond: Callable[[bytes], None],
    ) -> None:
        self._running = running
        self._dispatcher = dispatcher
        self._stats = stats
        self._connection = connection
        self._most = connection.max_pending
        self._respond = respond
        self.pending = 0

    def run(self, call: Call, trailer: bytes) -> None:
        """Have a call run. Its reply is encoded with `trailer`. Raises `TooManyRequestsError`."""
        self._admit()
        self._running.add(self._begin_admitted, call, trailer)

    def begin(self, call: Call, trailer: bytes) -> Rest:
        """Run a call now, up to where it first waits; the rest must be awaited in the same task.
        Raises as `run`."""
        if self.pending >= self._most:
            self._admit()
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

    def _admit(self) -> None:
        if self.pending >= self._most:
            self._stats.increment("actions:actionsNotProcessed")
            raise TooManyRequestsError("you have too many pending requests", retry_after=1.0)
        self.pending += 1

    def _begin_admitted(self, call: Call, trailer: bytes) -> Rest:
        self.pending -= 1
        return self.begin(call, trailer)

    async def _finish(self, work: Coroutine[Any, Any, Reply | None], trailer: bytes) -> None:
        try:
            reply = await self._running.wait_for(work)
        finally:
            self.pending -= 1
        self._respond(b"" if reply is None else _encode(reply, trailer))


def _is_changed(before: Context) -> bool:
    """Whether the context is no longer what it was."""
    try:
        return copy_context() != before
    except Exception:  # the values of users may not be comparable
        return True


def _encode(reply: Reply, trailer: bytes) -> bytes:
    try:
        return encode_reply(reply, trailer)
    except Exception as exc:
        _log.exception("a reply cannot be encoded as JSON: %s", exc)
        return encode_error(InternalError("the reply cannot be encoded as JSON"), trailer)
