"""Enqueues of one turn of the loop go out together.

What is enqueued singly while the loop turns once is gathered, and each queue gets one script call:
100 concurrent callers cost one call and not 100. Each caller waits for its own answer.
"""

import asyncio
from collections.abc import Callable

from actionhero.store.task_scripts import Arrivals, QueueScripts

LIMIT = 1000
"""Tasks in one call: a script's arguments are bounded."""
BYTES = 4 * 1024 * 1024
"""Bytes of records in one call, about."""


class Outbox:
    """The way into one queue."""

    def __init__(self, scripts: QueueScripts) -> None:
        self._scripts = scripts
        self._loop = asyncio.get_running_loop()
        self._arrivals = Arrivals()
        self._bytes = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._sending: set[asyncio.Task[None]] = set()

    def put(self, size: int, add: Callable[[Arrivals], None]) -> "asyncio.Future[None]":
        """Have `add` add one task of about `size` bytes; await what is returned until it is stored.
        Raises `StoreError` there."""
        if not self._waiting:
            self._loop.call_soon(self._flush)
        elif self._arrivals.count >= LIMIT or self._bytes >= BYTES:
            self._flush()
            self._loop.call_soon(self._flush)
        add(self._arrivals)
        self._bytes += size
        future = self._loop.create_future()
        self._waiting.append(future)
        return future

    def _flush(self) -> None:
        if not self._waiting:
            return
        sending = self._loop.create_task(self._send(self._arrivals, self._waiting))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)
        self._arrivals, self._waiting, self._bytes = Arrivals(), [], 0

    async def _send(self, arrivals: Arrivals, waiting: list[asyncio.Future[None]]) -> None:
        try:
            await self._scripts.enqueue(arrivals)
        except Exception as exc:
            for future in waiting:
                if not future.done():
                    future.set_exception(exc)
            return
        for future in waiting:
            if not future.done():
                future.set_result(None)
