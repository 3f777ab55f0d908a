"""The frames of all WebSocket connections on their way out: they leave together, at the end of a
turn of the loop.

A transport makes a system call of each write at once, and Python between two system calls finds the
processor's caches cold: sent one by one, a round trip took a third more. See docs/decisions/0014.
"""

import asyncio
from collections.abc import Callable

_MOST = 500
"""Frames that wait for the end of the turn; one flood of messages may cause any number."""
_LARGE = 64 * 1024
"""Bytes of a frame that does not wait: whether its client reads is to be seen before the next."""


class Outbox:
    """The frames that wait for the end of the turn."""

    __slots__ = ("_is_gathering", "_loop", "frames")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._is_gathering = False
        self.frames: list[tuple[asyncio.Transport, bytes]] = []

    def add(self, transport: asyncio.Transport, frame: bytes) -> None:
        """Send `frame` by the end of this turn, in the order of all that are added."""
        frames = self.frames
        if not frames and not self._is_gathering:
            self._loop.call_soon(self.flush)
        frames.append((transport, frame))
        if len(frames) > _MOST or len(frame) > _LARGE:
            self.flush()

    def gather(self, work: Callable[[], None]) -> None:
        """Do some work, and send what it adds at its end."""
        self._is_gathering = True
        try:
            work()
        finally:
            self._is_gathering = False
            self.flush()

    def flush(self) -> None:
        """Send all of them now."""
        frames, self.frames = self.frames, []
        for transport, frame in frames:
            try:
                transport.write(frame)
            except RuntimeError:  # it was closed in the meantime
                continue
