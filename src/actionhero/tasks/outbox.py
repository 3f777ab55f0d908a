"""Enqueues of one turn of the loop go out together.

What is enqueued singly while the loop turns once is gathered, and each queue gets one script call:
100 concurrent callers cost one call and not 100. Each caller waits for its own answer.
"""

import asyncio
import functools

from actionhero.errors import StoreError, StoreReplyError
from actionhero.store.link import Reply
from actionhero.store.task_scripts import Arrivals, Later, QueueScripts

LIMIT = 1000
"""Tasks in one call: a script's arguments are bounded."""
BYTES = 4 * 1024 * 1024
"""Bytes of records in one call, about."""

Waiting = list["asyncio.Future[None]"]


class Outbox:
    """The way into one queue. What is put in is on its way; await the future until it is stored.
    There it raises `StoreError`."""

    def __init__(self, scripts: QueueScripts) -> None:
        self._scripts = scripts
        self._loop = asyncio.get_running_loop()
        self._arrivals = Arrivals()
        self._bytes = 0
        self._waiting: Waiting = []
        self._sending: set[asyncio.Task[None]] = set()

    def put_ready(self, band: str, id: str, record: bytes) -> "asyncio.Future[None]":
        """A task that may start at once."""
        self._make_room()
        self._arrivals.add_ready(band, id, record)
        return self._wait(len(record))

    def put_later(self, later: Later) -> "asyncio.Future[None]":
        """A task that comes due."""
        self._make_room()
        self._arrivals.add_later(later)
        return self._wait(len(later.record))

    def _make_room(self) -> None:
        if not self._waiting:
            self._loop.call_soon(self._flush)
        elif self._arrivals.count >= LIMIT or self._bytes >= BYTES:
            self._flush()
            self._loop.call_soon(self._flush)

    def _wait(self, size: int) -> "asyncio.Future[None]":
        self._bytes += size
        future = self._loop.create_future()
        self._waiting.append(future)
        return future

    def _flush(self) -> None:
        if not self._waiting:
            return
        arrivals, waiting = self._arrivals, self._waiting
        self._arrivals, self._waiting, self._bytes = Arrivals(), [], 0
        try:
            sent = self._scripts.enqueue_nowait(arrivals)
        except StoreError as exc:
            _tell(waiting, exc)
        else:
            sent.add_done_callback(functools.partial(self._answered, arrivals, waiting))

    def _answered(
        self, arrivals: Arrivals, waiting: Waiting, sent: "asyncio.Future[Reply]"
    ) -> None:
        error = sent.exception()
        if isinstance(error, StoreReplyError) and error.kind == "NOSCRIPT":
            sending = self._loop.create_task(self._send(arrivals, waiting))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
        else:
            _tell(waiting, error)

    async def _send(self, arrivals: Arrivals, waiting: Waiting) -> None:
        try:
            await self._scripts.enqueue(arrivals)
        except Exception as exc:
            _tell(waiting, exc)
        else:
            _tell(waiting, None)


def _tell(waiting: Waiting, error: BaseException | None) -> None:
    for future in waiting:
        if future.done():
            continue  # its caller has left
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
