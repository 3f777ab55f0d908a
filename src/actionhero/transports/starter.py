"""Starts requests in batches, most of them without a task of their own.

To make, schedule and drop an asyncio task costs more than all else that a short action needs, and
most actions end without ever waiting. So what arrives in one turn of the event loop is begun in
the next, one after the other (which also keeps the processor's caches warm), inside a *spare*
task: code that asks for the current task finds that one. Work that ends at once leaves the spare
to the next; work that must wait gets it for good, and a new one is made. So whoever waits has an
ordinary task of his own, and time limits, task groups and cancellation are what they always are.
Context variables are each work's own from the beginning.

A turn begins only so much, so that a flood does not hold up the rest of the loop. Who submits when
much waits already has to `hold`, and is released when nothing waits any more.

`_enter_task` and `_leave_task` are asyncio's documented way to run code as a task
(docs.python.org, "Extending asyncio").
"""

import asyncio
import types
from asyncio.tasks import _enter_task, _leave_task
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

_BATCH = 200
"""How much is begun in one turn."""
T_contra = TypeVar("T_contra", contravariant=True)
Rest = Coroutine[Any, Any, None]


class Work(Protocol[T_contra]):
    """What is started: it does what it can at once, and returns the rest if it must wait.

    `begin` raises nothing but what ends the process. `task` is set to the task of the rest.
    """

    task: asyncio.Task[None] | None

    def begin(self, argument: T_contra) -> Rest | None: ...


class Starter(Generic[T_contra]):
    """Starts work on one event loop. `wake` sees to it that `begin_batch` is called soon."""

    __slots__ = ("_held", "_is_closed", "_loop", "_spare", "_submitted", "_wake")

    def __init__(
        self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None] | None = None
    ) -> None:
        self._loop = loop
        self._wake = wake or partial(loop.call_soon, self.begin_batch)
        self._submitted: deque[tuple[Work[T_contra], T_contra]] = deque()
        self._held: list[Callable[[], None]] = []
        self._spare: _Spare | None = None
        self._is_closed = False

    @property
    def waiting(self) -> int:
        """How much waits to begin."""
        return len(self._submitted)

    def submit(self, work: Work[T_contra], argument: T_contra) -> int:
        """Begin `work` in the next turn of the loop. Returns how much waits now."""
        submitted = self._submitted
        if not submitted:
            self._wake()
        submitted.append((work, argument))
        return len(submitted)

    def hold(self, release: Callable[[], None]) -> None:
        """Have `release` called when nothing waits to begin."""
        self._held.append(release)

    def close(self) -> None:
        """Begin nothing more. What has been given a task goes on."""
        self._is_closed = True
        if self._spare is not None:
            self._spare.task.cancel()
            self._spare = None

    def begin_batch(self) -> None:
        """Begin what waits, or as much of it as one turn may."""
        submitted = self._submitted
        if self._is_closed:
            submitted.clear()
        left = min(len(submitted), _BATCH)
        try:
            while left:
                left -= self._begin_some(left)
        finally:  # a fault of one does not keep the others from beginning
            if submitted:
                self._wake()
            elif self._held:
                self._release()

    def _begin_some(self, most: int) -> int:
        """Begin work, until some has to wait; how much was begun."""
        submitted, spare = self._submitted, self._spare
        if spare is None or spare.task.cancelling():  # by work that ended nevertheless
            spare = self._spare = _Spare(self._loop)
        task, begun, rest = spare.task, 0, None
        _enter_task(self._loop, task)
        try:
            while begun < most and rest is None and not task.cancelling():
                work, argument = submitted[0]
                begun += 1
                context = copy_context()
                try:
                    rest = context.run(work.begin, argument)
                finally:
                    submitted.popleft()  # not before: what this submits waits for the next turn
        finally:
            _leave_task(self._loop, task)
        if rest is not None:
            self._spare = None
            spare.take(rest, context)
            work.task = task
        return begun

    def _release(self) -> None:
        held, self._held = self._held, []
        for release in held:
            release()


class _Spare:
    """A task that waits for something to do."""

    __slots__ = ("_context", "_rest", "go", "task")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._rest: Rest | None = None
        self._context: Context
        self.go: asyncio.Future[None] = loop.create_future()
        running = self._run()
        running.send(None)  # else a cancellation before its first step would not enter it at all
        self.task = asyncio.Task(running, loop=loop, name="request")

    def take(self, rest: Rest, context: Context) -> None:
        """Go on with this."""
        self._rest = rest
        self._context = context
        if not self.go.done():
            self.go.set_result(None)

    async def _run(self) -> None:
        try:
            await _begun()
            await self.go
        except asyncio.CancelledError:
            if self._rest is None:
                raise
            self.task.uncancel()  # it was meant for the work, so that gets it where it waits
            self.task.cancel()
        if self._rest is not None:
            await _within(self._context, self._rest)


@types.coroutine
def _begun() -> Generator[None, None, None]:
    """Where a coroutine stands when it has begun and nothing else."""
    yield


@types.coroutine
def _within(context: Context, rest: Rest) -> Generator[Any, Any, None]:
    """Await a coroutine with each of its steps in a context."""
    step: Callable[[Any], Any] = rest.send
    value: Any = None
    while True:
        try:
            waits_for = context.run(step, value)
        except StopIteration:
            return
        try:
            value = yield waits_for
            step = rest.send
        except BaseException as exc:
            value = exc
            step = rest.throw
