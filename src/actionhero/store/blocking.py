"""Links for commands that block in the store.

Each is used by one command at a time. A free one is used again, an abandoned one is dropped: what
it would still answer belongs to nobody. At most `MAX_LINKS` at once; who comes later waits.
"""

import asyncio
from collections.abc import Awaitable, Callable

from actionhero.errors import StoreUnavailableError
from actionhero.store.link import Command, Link, Reply

MAX_LINKS = 32


class BlockingLinks:
    """A small pool of links, made when they are needed."""

    def __init__(self, dial: Callable[[], Awaitable[Link]], command_timeout: float) -> None:
        self._dial = dial
        self._command_timeout = command_timeout
        self._places = asyncio.Semaphore(MAX_LINKS)
        self._free: list[Link] = []
        self._used: set[Link] = set()
        self._is_closed = False

    async def execute(self, command: Command, timeout: float) -> Reply:
        """The reply of `command`, which may block for `timeout` seconds in the store."""
        async with self._places:
            link = await self._take()
            link.set_stall_timeout(timeout + self._command_timeout)
            try:
                reply = await link.send(command)
            except asyncio.CancelledError:
                link.lose("the caller left")
                raise
            finally:
                self._used.discard(link)
                if link.lost is None:
                    link.set_stall_timeout(self._command_timeout)
                    self._free.append(link)
            return reply

    async def _take(self) -> Link:
        while self._free:
            link = self._free.pop()
            if link.lost is None:
                break
        else:
            link = await self._dial()
        if self._is_closed:
            link.lose("the client was closed")
            raise StoreUnavailableError("the client was closed")
        self._used.add(link)
        return link

    def close(self) -> None:
        """Drop every link; commands under way fail."""
        self._is_closed = True
        for link in [*self._free, *self._used]:
            link.lose("the client was closed")
        self._free.clear()
