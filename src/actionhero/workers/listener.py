"""Waits for a lane that found nothing to do: one command that blocks in the store.

An enqueue that finds nobody looking leaves one element in the queue's `wake` list, and the command
returns at once. What it takes is only a hint to look, so losing one costs a poll and no task.
"""

import asyncio
from collections.abc import Callable

from actionhero.errors import StoreError
from actionhero.store.client import StoreClient
from actionhero.store.keys import QueueKeys

_BLOCK = 10
"""Seconds that one command blocks."""
_AFTER_ERROR = 0.5


class Listener:
    """Calls `told` when somebody should look, once for each `listen`."""

    def __init__(
        self, client: StoreClient, keys: QueueKeys, server: str, told: Callable[[], None]
    ) -> None:
        self._client = client
        self._command = ("BLPOP", keys.wake, f"{keys.wakes}{server}", _BLOCK)
        self._told = told
        self._asked = asyncio.Event()

    def listen(self) -> None:
        """Begin to wait, if nobody waits yet."""
        self._asked.set()

    async def run(self) -> None:
        """Wait whenever asked, for ever."""
        while True:
            await self._asked.wait()
            try:
                hint = await self._client.execute_blocking(*self._command, timeout=_BLOCK)
            except StoreError:
                await asyncio.sleep(_AFTER_ERROR)  # the lane notices by itself, and looks then
                continue
            if hint is not None:
                self._asked.clear()
                self._told()
