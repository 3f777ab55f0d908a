"""What came of a task, for those who wait for it.

Rules
- Only types with `keep_result` leave anything behind: one JSON text with a time to live, which the
  store's scripts write in the same call that ends the task.
- Who waits is woken by a message over one subscription for each process and queue; the slow look
  beside it is for a message that got lost. A store that restarts meanwhile is waited for.
- A task that completed has completed: a result that is no JSON, or larger than `MOST`, takes that
  back from nobody. The task counts as completed, and `result()` says what was wrong with it.
"""

import asyncio
import contextlib
import logging
import typing
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Raw, Struct

from actionhero.clock import Duration, format_duration, parse_duration
from actionhero.codec import encode_json, place_of
from actionhero.errors import (
    DefinitionError,
    NoResultError,
    ResultTimeoutError,
    StoreError,
    StoreUnavailableError,
    TaskCancelledError,
    TaskFailedError,
    UnknownTaskError,
)
from actionhero.store.task_scripts import QueueScripts
from actionhero.tasks.outcomes import Done, describe_error
from actionhero.tasks.record import read_error

if TYPE_CHECKING:
    from actionhero.store.client import StoreClient

_log = logging.getLogger("actionhero.tasks")
MOST: Final = 1024 * 1024
"""Bytes of JSON that a result may have."""
_LOOK: Final = 5.0
"""Seconds between two looks at what should be told by a message."""
_LOOK_AGAIN: Final = 0.2
"""Seconds until the next look after the store was away."""

_NULL: Final = Raw(b"null")

Decode = Callable[[bytes], Any]


class Kept(Struct):
    """What the store keeps of a task that ended. `finished_at` is in ms, by the store's clock."""

    state: str
    name: str
    finished_at: int
    result: Raw = _NULL
    error: dict[str, Any] | None = None


class Progress(Struct, frozen=True):
    """How far a running task said it has come: 0 to 1, in words, and when (ms)."""

    fraction: float
    note: str
    at: int


read_kept: Callable[[bytes], Kept] = msgspec.json.Decoder(Kept).decode
read_progress: Callable[[bytes], Progress] = msgspec.json.Decoder(Progress).decode


def done_with(value: Any) -> Done:
    """The outcome of a task that returned `value`, which is to be kept."""
    try:
        text = encode_json(value)
    except (TypeError, ValueError, RecursionError) as exc:
        return _unkept(f"it is no JSON: {exc}")
    if len(text) > MOST:
        return _unkept(f"it has {len(text):,} bytes as JSON; {MOST:,} are kept at most")
    return Done(b'"result":' + text)


def compile_result(function: Callable[..., Any]) -> Decode:
    """Reads a kept result as the function's return annotation says. Raises `DefinitionError`."""
    kind = typing.get_type_hints(function, include_extras=True).get("return", Any)
    try:
        if not isinstance(msgspec.inspect.type_info(kind), msgspec.inspect.CustomType):
            return msgspec.json.Decoder(kind).decode
    except TypeError:
        pass
    raise DefinitionError(
        f"{place_of(function)}: a result of the type {kind!r} cannot be kept, for it cannot be "
        "read from JSON; return a msgspec.Struct, a dataclass or plain values"
    )


def read_result(kept: Kept, decode: Decode, task: str) -> Any:
    """The result that is kept. Raises what `Task.result` raises."""
    error = kept.error or {}
    said = ": ".join(filter(None, (error.get("type"), error.get("message"))))
    if kept.state == "failed":
        raise TaskFailedError(f"{task} failed" + (said and f": {said}"), error)
    if kept.state == "cancelled":
        raise TaskCancelledError(f"{task} {_ways_to_end(error)}")
    if error:
        raise NoResultError(f"{task} completed, but its result is not kept: {error['message']}")
    try:
        return decode(bytes(kept.result))
    except msgspec.MsgspecError as exc:
        raise NoResultError(
            f"{task} completed, but its result is not what its function promises: {exc}"
        ) from exc


class Results:
    """Waits for the ends of tasks, in one process."""

    def __init__(self, client: "StoreClient") -> None:
        self._client = client
        self._ears: dict[str, _Ear] = {}
        self._is_closed = False

    async def wait(
        self, scripts: QueueScripts, id: str, task: str, timeout: Duration | None
    ) -> Kept:
        """What came of a task, as soon as it has ended.

        Raises `UnknownTaskError` if there is no such task (any more), `ResultTimeoutError` after
        `timeout`, and `StoreError` if the store is away when this begins.
        """
        seconds = None if timeout is None else parse_duration(timeout)
        try:
            async with asyncio.timeout(seconds) as limit:
                return await self._look(scripts, id, task) or await self._hear(scripts, id, task)
        except TimeoutError as exc:
            if not limit.expired():
                raise
            raise ResultTimeoutError(
                f"{task} has not ended within {format_duration(seconds or 0.0)}; it is not stopped"
            ) from exc

    def close(self) -> None:
        """Hear nothing more. Who still waits is told that the store is away."""
        self._is_closed = True
        for ear in self._ears.values():
            ear.close()
        self._ears.clear()

    async def _look(self, scripts: QueueScripts, id: str, task: str) -> Kept | None:
        what, text = await scripts.outcome(id)
        match what:
            case "kept":
                return read_kept(text)
            case "failed":
                return Kept("failed", "", 0, error=read_error(text))
            case "unknown":
                raise UnknownTaskError(
                    f"{task} is not there: it was not enqueued, or it ended longer ago than its "
                    "result is kept"
                )
        return None

    async def _hear(self, scripts: QueueScripts, id: str, task: str) -> Kept:
        ear = self._ears.get(scripts.keys.ended)
        if ear is None:
            ear = self._ears[scripts.keys.ended] = _Ear(self._client, scripts.keys.ended)
        with ear.listening(id) as told:
            pause = 0.0
            while True:
                await ear.open()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(told.wait(), pause)
                told.clear()
                pause = _LOOK
                try:
                    kept = await self._look(scripts, id, task)
                except StoreUnavailableError:
                    if self._is_closed:
                        raise
                    pause = _LOOK_AGAIN
                else:
                    if kept is not None:
                        return kept


class _Ear:
    """The subscription of one queue, opened with the first who waits."""

    def __init__(self, client: "StoreClient", channel: str) -> None:
        self._client = client
        self._channel = channel
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._reading: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()

    async def open(self) -> None:
        """Subscribe, or wait until another has. Without a store it does nothing."""
        if self._reading is None or self._reading.done():
            self._opened.clear()
            self._reading = asyncio.create_task(self._read(), name=f"listen {self._channel}")
        await self._opened.wait()

    @contextlib.contextmanager
    def listening(self, id: str) -> Iterator[asyncio.Event]:
        """An event that is set when this task has ended, or may have."""
        told = asyncio.Event()
        self._waiting.setdefault(id, set()).add(told)
        try:
            yield told
        finally:
            events = self._waiting[id]
            events.discard(told)
            if not events:
                del self._waiting[id]

    def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
        self._wake(event for some in self._waiting.values() for event in some)

    async def _read(self) -> None:
        try:
            subscription = await self._client.subscribe(self._channel)
            self._opened.set()
            async for _, payload in subscription:
                if payload is None:  # a gap: anything may have ended
                    self._wake(event for some in self._waiting.values() for event in some)
                else:
                    self._wake(self._waiting.get(payload.decode(), ()))
        except StoreError as exc:
            _log.debug("no subscription to %s: %s", self._channel, exc)
        finally:
            self._opened.set()

    def _wake(self, events: Iterable[asyncio.Event]) -> None:
        for event in events:
            event.set()


def _unkept(why: str) -> Done:
    _log.error("a task completed, but its result is not kept: %s", why)
    return Done(b'"error":' + describe_error(NoResultError(why)))


def _ways_to_end(error: dict[str, Any]) -> str:
    match error.get("type"):
        case "Discard":
            return f"was discarded: {error.get('message')}"
        case "Absent":
            return "was given up: its server is gone"
    return "was cancelled"
