"""Enqueues of one turn of the loop go out together.

What is enqueued singly while the loop turns once is gathered, and each queue gets one script call:
100 concurrent callers cost two calls and not 100. Each caller waits for its own answer. A task that
is alone in its turn has a shorter way.
"""

import asyncio
import functools
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from actionhero.errors import QueueFullError, StoreReplyError
from actionhero.store.keys import queue_of
from actionhero.store.link import Reply
from actionhero.store.task_scripts import Arrivals, Entered, Later, QueueScripts, Unique
from actionhero.tasks.record import FLAG, NO_FLAG

GATHERED = 50
"""Tasks enqueued singly that go out at once, for the store to work on while more are gathered: 117
and not 84 thousand a second from 100 callers."""
LIMIT = 1000
"""Tasks in one call: a script's arguments are bounded."""
BYTES = 4 * 1024 * 1024
"""Bytes of records in one call, about."""


class Waiting:
    """Who waits for tasks to be stored, and for which."""

    __slots__ = ("futures", "ids")

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.futures: list[asyncio.Future[str | None]] = []

    def fail(self, error: BaseException) -> None:
        """None of them is stored, for all we know."""
        for future in self.futures:
            if not future.done():
                future.set_exception(error)

    def tell(self, arrivals: Arrivals, entered: Entered, shard: str) -> None:
        """What became of each."""
        if entered.refused or entered.standing:
            self._tell_apart(arrivals, entered, queue_of(shard))
            return
        for future in self.futures:
            if not future.done():  # else its caller has left
                future.set_result(None)

    def _tell_apart(self, arrivals: Arrivals, entered: Entered, queue: str) -> None:
        refused = {id.decode() for id in entered.refused}
        standing = {
            one.id: id.decode() for one, id in zip(arrivals.unique, entered.standing, strict=True)
        }
        for id, future in zip(self.ids, self.futures, strict=True):
            if future.done():
                continue
            if id in refused:
                future.set_exception(queue_full(queue, (id,)))
            else:
                future.set_result(standing.get(id))


class _Lone:
    """A plain task that is alone in its turn, and hears from the link what became of it."""

    __slots__ = ("_send_again", "band", "future", "id", "record")

    def __init__(
        self,
        band: str,
        id: str,
        record: bytes,
        future: "asyncio.Future[str | None]",
        send_again: Callable[["_Lone"], None],
    ) -> None:
        self.band = band
        self.id = id
        self.record = record
        self.future = future
        self._send_again = send_again

    def done(self) -> bool:
        """Whether its caller has left."""
        return self.future.done()

    def set_result(self, _: Reply, /) -> None:
        """It is stored."""
        self.future.set_result(None)

    def set_exception(self, error: BaseException, /) -> None:
        """It is not stored, for all we know."""
        if isinstance(error, StoreReplyError) and error.kind == "NOSCRIPT":
            self._send_again(self)
        else:
            self.future.set_exception(error)


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
        self._waiting = Waiting()
        self._lone: _Lone | None = None
        """What this turn has put in, if that is a single plain task."""
        self._sending: set[asyncio.Task[None]] = set()

    def put_ready(self, band: str, id: str, record: bytes) -> "asyncio.Future[str | None]":
        """A task that may start at once."""
        if self._lone is None and not self._waiting.ids and self._may_be_lone(record):
            future: asyncio.Future[str | None] = self._loop.create_future()
            self._lone = _Lone(band, id, record, future, self._send_again)
            self._loop.call_soon(self._flush)
            return future
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

    def _may_be_lone(self, record: bytes) -> bool:
        return not self._most and record[FLAG] == NO_FLAG

    def _gather(self, lone: _Lone) -> None:
        """It is not alone any more."""
        self._arrivals.add_ready(lone.band, lone.id, lone.record)
        self._bytes += len(lone.record)
        self._waiting.ids.append(lone.id)
        self._waiting.futures.append(lone.future)

    def _make_room(self) -> None:
        lone, self._lone = self._lone, None
        if lone is not None:
            self._gather(lone)
        elif not self._waiting.ids:
            self._loop.call_soon(self._flush)
        if self._arrivals.cost >= GATHERED or self._bytes >= BYTES:
            self._flush()
            self._loop.call_soon(self._flush)

    def _wait(self, id: str, size: int) -> "asyncio.Future[str | None]":
        self._bytes += size
        future = self._loop.create_future()
        self._waiting.ids.append(id)
        self._waiting.futures.append(future)
        return future

    def _flush(self) -> None:
        lone, self._lone = self._lone, None
        if lone is None:
            self._flush_gathered()
            return
        try:
            self._scripts.enqueue_one_nowait(lone.band, lone.id, lone.record, lone)
        except Exception as exc:  # nobody else would tell its caller
            if not lone.done():
                lone.set_exception(exc)

    def _flush_gathered(self) -> None:
        if not self._waiting.ids:
            return
        arrivals, waiting = self._arrivals, self._waiting
        self._arrivals, self._waiting, self._bytes = Arrivals(self._most), Waiting(), 0
        try:
            sent = self._scripts.enqueue_nowait(arrivals)
        except Exception as exc:  # nobody else would tell those who wait
            waiting.fail(exc)
        else:
            sent.add_done_callback(functools.partial(self._answered, arrivals, waiting))

    def _answered(
        self, arrivals: Arrivals, waiting: Waiting, sent: "asyncio.Future[Reply]"
    ) -> None:
        error = sent.exception()
        if error is None:
            try:
                waiting.tell(arrivals, Entered(*sent.result()), self._scripts.keys.name)
            except Exception as exc:
                waiting.fail(exc)
        elif isinstance(error, StoreReplyError) and error.kind == "NOSCRIPT":
            self._begin(self._send(arrivals, waiting))
        else:
            waiting.fail(error)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        sending = self._loop.create_task(work)
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)

    def _send_again(self, lone: _Lone) -> None:
        """The store does not know the script."""
        self._begin(self._send_lone(lone))

    async def _send_lone(self, lone: _Lone) -> None:
        try:
            await self._scripts.enqueue_one(lone.band, lone.id, lone.record)
        except Exception as exc:
            if not lone.done():
                lone.set_exception(exc)
        else:
            if not lone.done():
                lone.set_result(None)

    async def _send(self, arrivals: Arrivals, waiting: Waiting) -> None:
        try:
            entered = await self._scripts.enqueue(arrivals)
        except Exception as exc:
            waiting.fail(exc)
        else:
            waiting.tell(arrivals, entered, self._scripts.keys.name)


def queue_full(queue: str, ids: Sequence[str]) -> QueueFullError:
    """What is raised for tasks that did not fit."""
    what = "the task does" if len(ids) == 1 else f"{len(ids)} of the tasks do"
    return QueueFullError(
        f"queue {queue!r} is full: {what} not fit; enqueue again once workers have caught up, or "
        "give the queue a greater max_length",
        tuple(ids),
    )
