"""What a streaming action gives: its values, one by one, as whoever sends them asks for them.

Rules
- Nothing is asked of the action before there is room for its value: that is the backpressure.
- Its generator runs in the task that asks, and is closed when it ends, whatever the reason; so its
  `finally` runs. Closing reaches the action through any number of middlewares' generators.
- Who asks may be called off (`stop`) from elsewhere: its client is gone, or the server goes.
- A generator that never waits has to let others have their turn all the same.
"""

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from typing import Any, Protocol

from actionhero.errors import ActionHeroError
from actionhero.messages import Reply

_SLICE = 0.0005
"""Seconds that a stream may take before others have their turn."""
_log = logging.getLogger("actionhero.actions")


class Account(Protocol):
    """Who wants to know what becomes of a stream."""

    def failed(self, exc: BaseException) -> Reply:
        """The action has raised `exc`. Raises it again if it is not the action's own."""
        ...

    def timed_out(self, exc: Exception) -> Reply:
        """The stream took longer than it may."""
        ...

    def ended(self) -> None:
        """It is over; called once."""
        ...


class Stream:
    """The values of one run of a streaming action.

    Iterate it, in one task at a time, and `aclose` it. It raises nothing but an `ActionHeroError`
    that a client may see, and cancellation; it is closed after either. `sources` are to be closed
    beside `values`, which may not know them. `timeout` in seconds bounds the whole.
    """

    def __init__(
        self,
        values: AsyncIterable[Any],
        sources: Sequence[object],
        account: Account,
        timeout: float | None,
    ) -> None:
        self._is_over = False
        self._account = account
        self._values = aiter(values)
        self._sources = sources
        self._loop = asyncio.get_running_loop()
        self._due = None if timeout is None else self._loop.time() + timeout
        self._since = self._loop.time()
        self._waiting: asyncio.Timeout | None = None
        self._error: ActionHeroError | None = None
        self.is_stopped = False

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        if self._is_over:
            raise StopAsyncIteration
        limit = asyncio.timeout_at(self._due)
        try:
            async with limit:
                self._waiting = limit
                await self._let_others()
                return await anext(self._values)
        except BaseException as exc:
            await self._fail(exc, limit.expired())
            raise StopAsyncIteration from None
        finally:
            self._waiting = None

    def stop(self, error: ActionHeroError | None = None) -> None:
        """Call it off: it ends where it waits, or when it is asked for its next value, with
        `error` if there is one. Call this from any task."""
        if self.is_stopped or self._is_over:
            return
        self.is_stopped = True
        self._error = error
        self._due = self._loop.time()
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(self._due)

    async def aclose(self) -> None:
        """End it, and have the generators' `finally` run. What these raise is only logged."""
        if self._is_over:
            return
        self._is_over = True
        try:
            await close_all((self._values, *self._sources))
        finally:
            self._account.ended()

    async def _let_others(self) -> None:
        """Let others have their turn, if this one has had enough, or is to end."""
        now = self._loop.time()
        if now - self._since > _SLICE or self.is_stopped:
            await asyncio.sleep(0)
            self._since = self._loop.time()

    async def _fail(self, exc: BaseException, is_due: bool) -> None:
        """End it for what asking for a value has raised. Raises what the client may know of it."""
        try:
            if isinstance(exc, StopAsyncIteration):
                return
            if is_due and isinstance(exc, TimeoutError):
                error = self._error if self.is_stopped else self._account.timed_out(exc).error
            else:
                error = self._account.failed(exc).error
        finally:
            await self.aclose()
        if error is not None:
            raise error

    def __del__(self) -> None:
        if not self._is_over:  # nobody has closed it; the loop closes the generators
            self._is_over = True
            self._account.ended()


def is_values(value: object) -> bool:
    """Whether what an action or a middleware gave is to be streamed."""
    return isinstance(value, AsyncIterable)


async def close_all(sources: Iterable[object]) -> None:
    """Close all that can be closed. What that raises is logged."""
    for source in sources:
        close = getattr(source, "aclose", None)
        if close is not None:
            try:
                await close()
            except Exception as exc:
                _log.error("a stream could not be closed: %s", exc, exc_info=exc)
