"""One connection to the store: bytes out, replies in, nothing else.

Rules
- What is asked in one turn of the loop goes out in one write; replies come back in the order of
  the commands, so one queue of waiting futures is all the bookkeeping there is.
- A future that was cancelled keeps its place in the queue: its reply is read and thrown away.
- No timer per command. One timer per link notes how many commands had been sent at each tick; if
  those of `stall_timeout` ago are still not answered, the peer is gone and the link is lost. An
  idle link sends a PING at each tick, so a silent death is noticed as well.
- Bounded: over `MAX_IN_FLIGHT` unanswered commands, or `MAX_HELD` bytes that the peer does not
  take, `send` fails at once instead of queueing. (What one turn of the loop asks for is not cut.)
- A link is lost once and for ever; `on_lost` hears it once, before any caller does.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, cast

from hiredis import PushNotification, Reader, pack_command

from actionhero.errors import (
    StoreError,
    StoreFullError,
    StoreReplyError,
    StoreUnavailableError,
)

Arg = bytes | str | int | float
Command: TypeAlias = tuple[Arg, ...]
Reply: TypeAlias = Any
"""What the store answers: None, int, float, bool, bytes, and lists and dicts of them. What it is
depends on the command, so the typed function around the command is where it becomes a type."""

MAX_IN_FLIGHT = 100_000
MAX_HELD = 64 * 1024 * 1024
_WRITE_HIGH = 1024 * 1024
_TICKS_PER_STALL = 8
_NOTHING = object()
pack = cast("Callable[[Command], bytes]", pack_command)
_PING = pack(("PING",))
_NO_NAME = "a command needs at least a name"


def pack_beginning(command: Command, missing: int) -> bytes:
    """A command but for its last `missing` arguments, which `pack_ending` adds: most of the work of
    packing is done once for all."""
    _, rest = pack(command).split(b"\r\n", 1)
    return b"*%d\r\n%b" % (len(command) + missing, rest)


def pack_ending(beginning: bytes, first: bytes, second: bytes) -> bytes:
    """A command that two arguments were missing of."""
    return b"%b$%d\r\n%b\r\n$%d\r\n%b\r\n" % (
        beginning,
        len(first),
        first,
        len(second),
        second,
    )


def reply_error(message: str) -> StoreError:
    """The error of an error reply. None of them leaves the command half done."""
    kind = message.partition(" ")[0]
    if kind == "OOM":
        return StoreFullError(message)
    if kind == "MISCONF":
        return StoreFullError(
            f"{message} (the store cannot write to its disk: free space or mend its permissions)"
        )
    if kind in {"LOADING", "BUSY", "READONLY", "MASTERDOWN", "TRYAGAIN"}:
        return StoreUnavailableError(f"the store cannot serve this now: {message}")
    return StoreReplyError(message)


_UNUSUAL = frozenset({PushNotification, StoreReplyError, StoreFullError, StoreUnavailableError})


class _Batch:
    """Stands in the queue once for each of its commands; resolves one future with all replies."""

    __slots__ = ("_future", "_missing", "_replies")

    def __init__(self, future: asyncio.Future[list[Reply]], size: int) -> None:
        self._future = future
        self._missing = size
        self._replies: list[Reply] = []

    def done(self) -> bool:
        """Never: each of its commands has a reply to take."""
        return False

    def set_result(self, reply: Reply) -> None:
        self._replies.append(reply)
        self._missing -= 1
        if not self._missing and not self._future.done():
            self._future.set_result(self._replies)

    def set_exception(self, error: BaseException) -> None:
        self.set_result(error)

    def abandon(self, error: BaseException) -> None:
        if not self._future.done():
            self._future.set_exception(error)


class _Nobody:
    """Stands in the queue for a reply that nobody waits for."""

    def done(self) -> bool:
        return True

    def set_result(self, reply: Reply) -> None:
        """Not called: it is always done."""

    def set_exception(self, error: BaseException) -> None:
        """Not called: it is always done."""


class Waiter(Protocol):
    """What a reply is told to: a future, or what behaves like one."""

    def done(self) -> bool: ...
    def set_result(self, reply: Reply, /) -> None: ...
    def set_exception(self, error: BaseException, /) -> None: ...


_Waiting: TypeAlias = "asyncio.Future[Reply] | _Batch | Waiter"
_NOBODY = _Nobody()


class Link(asyncio.Protocol):
    """A connection. Made by `store.dial.dial`, which also introduces it (AUTH, SELECT, …)."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        stall_timeout: float,
        on_lost: Callable[["Link", str], None] | None = None,
        on_push: Callable[[list[Any]], None] | None = None,
    ) -> None:
        self._loop = loop
        self._create_future = loop.create_future
        self._stall_timeout = stall_timeout
        self.on_lost = on_lost
        self.on_push = on_push
        self._transport: asyncio.Transport | None = None
        self._reader = Reader(
            protocolError=ConnectionError, replyError=reply_error, notEnoughData=_NOTHING
        )
        self._out: list[bytes] = []
        self._waiting: deque[_Waiting] = deque()
        self.lost: str | None = None
        self.answered = 0
        self._paused = False
        self._gated = False
        self._held = 0
        self._marks: deque[tuple[float, int]] = deque()
        self._at_last_tick = (-1, 0, 0)
        self._heard = 0
        self._tick_handle: asyncio.TimerHandle | None = None

    # asking

    def send(self, command: Command) -> "asyncio.Future[Reply]":
        """Ask; the future gets the reply. Fails at once if the link is lost or over its bounds."""
        if not command:
            raise ValueError(_NO_NAME)
        packed = pack(command)
        if self._gated:
            self._pass_gate(len(packed))
        future = self._create_future()
        if not self._out:
            self._loop.call_soon(self.flush)
        self._out.append(packed)
        self._waiting.append(future)
        return future

    def send_packed(self, packed: bytes, waiter: Waiter) -> None:
        """Ask at once, not at the end of the turn, by a packed command. Fails as `send`."""
        if self._gated:
            self._pass_gate(len(packed))
        self._out.append(packed)
        self._waiting.append(waiter)
        self.flush()

    def send_many(self, commands: Sequence[Command]) -> "asyncio.Future[list[Reply]]":
        """Ask all in one write; the future gets all replies. An error reply is one of them."""
        if not all(commands):
            raise ValueError(_NO_NAME)
        packed = [pack(command) for command in commands]
        if self._gated:
            self._pass_gate(sum(map(len, packed)))
        future: asyncio.Future[list[Reply]] = self._loop.create_future()
        if not packed:
            future.set_result([])
            return future
        if not self._out:
            self._loop.call_soon(self.flush)
        self._out += packed
        self._waiting.extend([_Batch(future, len(packed))] * len(packed))
        return future

    def send_unanswered(self, command: Command) -> None:
        """Ask for a command that the store answers by pushes only (SUBSCRIBE)."""
        if self._gated:
            self._pass_gate(0)
        if self._transport is not None:
            self.flush()
            self._transport.write(pack(command))

    def _pass_gate(self, size: int) -> None:
        if self.lost is not None:
            raise StoreUnavailableError(f"no connection to the store: {self.lost}")
        if len(self._waiting) > MAX_IN_FLIGHT:
            raise StoreUnavailableError(
                f"the store is too slow: {len(self._waiting)} commands wait for its answer"
            )
        if self._paused:
            if self._held + size > MAX_HELD:
                raise StoreUnavailableError(
                    f"the store does not read what it is sent: {self._held} bytes wait"
                )
            self._held += size

    def flush(self) -> None:
        """Send what has been gathered: at the end of the turn, or at once."""
        out = self._out
        if self._paused or not out or self._transport is None:
            return
        self._transport.write(out[0] if len(out) == 1 else b"".join(out))
        out.clear()
        if len(self._waiting) > MAX_IN_FLIGHT:
            self._gated = True

    # answers

    def data_received(self, data: bytes) -> None:
        waiting = self._waiting
        before = len(waiting)
        self._heard += len(data)
        self._reader.feed(data)
        gets = self._reader.gets
        try:
            while (reply := gets()) is not _NOTHING:
                if type(reply) in _UNUSUAL:
                    self._take_unusual(reply)
                elif not (entry := waiting.popleft()).done():
                    entry.set_result(reply)
        except (ConnectionError, IndexError) as error:
            self.lose(f"the peer broke the store's protocol: {error}")
            return
        self.answered += before - len(waiting)
        if self._gated:
            self._set_gate()

    def _take_unusual(self, reply: Reply) -> None:
        if type(reply) is PushNotification:
            if self.on_push is not None:
                self.on_push(reply)
        elif not self._waiting:
            raise ConnectionError(f"unasked, it said {reply}")
        elif not (entry := self._waiting.popleft()).done():
            entry.set_exception(reply)

    # the connection itself

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_WRITE_HIGH)
        self._tick_handle = self._loop.call_later(self._interval, self._tick, self._loop.time())

    def pause_writing(self) -> None:
        self._paused = True
        self._held = 0
        self._gated = True

    def resume_writing(self) -> None:
        self._paused = False
        self._held = 0
        self._set_gate()
        self.flush()

    def _set_gate(self) -> None:
        self._gated = (
            self._paused or self.lost is not None or len(self._waiting) > MAX_IN_FLIGHT // 2
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self.lose(f"the connection broke ({exc})" if exc else "the store closed the connection")

    def lose(self, reason: str) -> None:
        """Drop the connection and fail everything that waits."""
        if self.lost is not None:
            return
        self.lost = reason
        self._gated = True
        if self._tick_handle is not None:
            self._tick_handle.cancel()
        if self._transport is not None:
            self._transport.abort()
        if self.on_lost is not None:
            self.on_lost(self, reason)
        self._fail_waiting(reason)

    def _fail_waiting(self, reason: str) -> None:
        sent = len(self._waiting) - len(self._out)
        for place, entry in enumerate(self._waiting):
            maybe_done = place < sent
            note = "; the command may have been carried out" if maybe_done else ""
            error = StoreUnavailableError(f"{reason}{note}", maybe_done=maybe_done)
            if isinstance(entry, _Batch):
                entry.abandon(error)
            elif not entry.done():
                entry.set_exception(error)
        self._waiting.clear()
        self._out.clear()

    # noticing a peer that is gone

    @property
    def _interval(self) -> float:
        return self._stall_timeout / _TICKS_PER_STALL

    def set_stall_timeout(self, seconds: float) -> None:
        """How long the oldest command may wait before the peer counts as gone."""
        self._stall_timeout = seconds
        self._marks.clear()
        if self._tick_handle is not None:
            self._tick_handle.cancel()
            self._tick_handle = self._loop.call_later(self._interval, self._tick, self._loop.time())

    def _tick(self, began: float) -> None:
        now = self._loop.time()
        self._tick_handle = self._loop.call_later(self._interval, self._tick, now)
        before, self._at_last_tick = self._at_last_tick, self._progress()
        if now - began > 2 * self._interval or self._is_amid_a_value(before):
            # Our own loop stood still, and what the peer answered meanwhile is not read yet; or a
            # big value is on its way.
            self._marks.clear()
        elif self._is_stalled(now):
            self.lose(f"the store did not answer for {self._stall_timeout:g} s")
            return
        if not self._waiting and self.answered == before[0]:
            self._ping()
        if self._waiting:
            self._marks.append((now, self.answered + len(self._waiting)))

    def _progress(self) -> tuple[int, int, int]:
        """Replies read, bytes read, and bytes that the peer has not taken yet."""
        unsent = 0 if self._transport is None else self._transport.get_write_buffer_size()
        return self.answered, self._heard, unsent

    def _is_amid_a_value(self, before: tuple[int, int, int]) -> bool:
        """Whether bytes went to and fro since then, but no whole reply came."""
        return self.answered == before[0] and self._at_last_tick != before

    def _ping(self) -> None:
        if not self._out:
            self._loop.call_soon(self.flush)
        self._out.append(_PING)
        self._waiting.append(_NOBODY)

    def _is_stalled(self, now: float) -> bool:
        marks = self._marks
        while marks and marks[0][1] <= self.answered:
            marks.popleft()
        return bool(marks) and now - marks[0][0] >= self._stall_timeout * 0.99
