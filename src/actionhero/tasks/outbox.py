"""Enqueues of one turn of the loop go out together.

What is enqueued singly while the loop turns once is gathered, and each queue gets one script call:
100 concurrent callers cost one call and not 100. Each caller waits for its own answer.
"""

import asyncio
import functools
from collections.abc import Sequence
from typing import NamedTuple

from actionhero.errors import QueueFullError, StoreError, StoreReplyError
from actionhero.store.keys import queue_of
from actionhero.store.link import Reply
from actionhero.store.task_scripts import Arrivals, Entered, Later, QueueScripts, Unique

LIMIT = 1000
"""Tasks in one call: a script's arguments are bounded."""
BYTES = 4 * 1024 * 1024
"""Bytes of records in one call, about."""


class Waiting(NamedTuple):
    """Who waits for a task to be stored."""

    id: str
    future: "asyncio.Future[str | None]"


class Outbox:
    """The way into one queue. What is put in is on its way; await the future until it is stored:
    of a unique task it tells the id that stands for its key. There it raises `StoreError`, and
    `QueueFullError` if the queue has its `most` tasks (0: any number)."""

    def __init__(self, scripts: QueueScripts, most: int = 0) -> None:
        self._scripts = scripts
        self._most = most
        self._loop = asyncio.get_running_loop()
        self._arrivals = Arrivals(most)
        self._bytes = 0
        self._waiting: list[Waiting] = []
        self._sending: set[asyncio.Task[None]] = set()

    def put_ready(self, band: str, id: str, record: bytes) -> "asyncio.Future[str | None]":
        """A task that may start at once."""
        self._make_room()
        self._arrivals.add_ready(band, id, record)
        return self._wait(id, len(record))

    def put_later(self, later: Later) -> "asyncio.Future[str | None]":
        """A task that comes due."""
        self._make_room()
        self._arrivals.add_later(later)
        return self._wait(later.id, len(later.record))

    def put_unique(self, unique: Unique) -> "asyncio.Future[str | None]":
        """A task that may not be the only one of its key."""
        self._make_room()
        self._arrivals.add_unique(unique)
        return self._wait(unique.id, len(unique.record))

    def _make_room(self) -> None:
        if not self._waiting:
            self._loop.call_soon(self._flush)
        elif self._arrivals.cost >= LIMIT or self._bytes >= BYTES:
            self._flush()
            self._loop.call_soon(self._flush)

    def _wait(self, id: str, size: int) -> "asyncio.Future[str | None]":
        self._bytes += size
        future = self._loop.create_future()
        self._waiting.append(Waiting(id, future))
        return future

    def _flush(self) -> None:
        if not self._waiting:
            return
        arrivals, waiting = self._arrivals, self._waiting
        self._arrivals, self._waiting, self._bytes = Arrivals(self._most), [], 0
        try:
            sent = self._scripts.enqueue_nowait(arrivals)
        except StoreError as exc:
            _fail(waiting, exc)
        else:
            sent.add_done_callback(functools.partial(self._answered, arrivals, waiting))

    def _answered(
        self, arrivals: Arrivals, waiting: Sequence[Waiting], sent: "asyncio.Future[Reply]"
    ) -> None:
        error = sent.exception()
        if error is None:
            _tell(waiting, arrivals, Entered(*sent.result()), queue_of(self._scripts.keys.name))
        elif isinstance(error, StoreReplyError) and error.kind == "NOSCRIPT":
            sending = self._loop.create_task(self._send(arrivals, waiting))
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)
        else:
            _fail(waiting, error)

    async def _send(self, arrivals: Arrivals, waiting: Sequence[Waiting]) -> None:
        try:
            entered = await self._scripts.enqueue(arrivals)
        except Exception as exc:
            _fail(waiting, exc)
        else:
            _tell(waiting, arrivals, entered, queue_of(self._scripts.keys.name))


def queue_full(queue: str, ids: Sequence[str]) -> QueueFullError:
    """What is raised for tasks that did not fit."""
    what = "the task does" if len(ids) == 1 else f"{len(ids)} of the tasks do"
    return QueueFullError(
        f"queue {queue!r} is full: {what} not fit; enqueue again once workers have caught up, or "
        "give the queue a greater max_length",
        tuple(ids),
    )


def _tell(waiting: Sequence[Waiting], arrivals: Arrivals, entered: Entered, queue: str) -> None:
    refused = {id.decode() for id in entered.refused}
    standing = {
        one.id: id.decode() for one, id in zip(arrivals.unique, entered.standing, strict=True)
    }
    for id, future in waiting:
        if future.done():
            continue  # its caller has left
        if id in refused:
            future.set_exception(queue_full(queue, (id,)))
        else:
            future.set_result(standing.get(id))


def _fail(waiting: Sequence[Waiting], error: BaseException) -> None:
    for _, future in waiting:
        if not future.done():
            future.set_exception(error)
