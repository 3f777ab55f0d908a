"""A cache in the process before the one in the store, kept honest by what every write publishes.

Rules
- What is here was read since the subscription stands, and nothing was published for its key after
  the read began. Who reads while a write goes on does not keep what it read.
- While the subscription is broken nothing is kept and nothing is found; after it, all is
  forgotten.
- An entry lives no longer than the object in the store, and no longer than `LONGEST`.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from actionhero.background import end_task
from actionhero.errors import StoreError

if TYPE_CHECKING:
    from actionhero.store.client import StoreClient
    from actionhero.store.subscription import Subscription

LONGEST = 60.0
"""Seconds that an entry lives at most: should a message ever be lost, it is not wrong for long."""
_AFTER_ERROR = 1.0

Encoded = tuple[bytes | None, float | None]
"""A value in JSON, and the seconds that it lives; None: for ever."""


class Near:
    """The entries of one process, at most `entries`; who was not used longest makes room."""

    def __init__(self, store: "StoreClient", channel: str, entries: int) -> None:
        self._store = store
        self._channel = channel
        self._most = entries
        self._loop = asyncio.get_running_loop()
        self._entries: OrderedDict[str, tuple[bytes | None, float]] = OrderedDict()
        self._reading: dict[str, int] = {}
        self._written: set[str] = set()
        self._subscription: Subscription | None = None
        self._listening = asyncio.create_task(self._listen(), name="near cache")
        self._ready = asyncio.Event()

    async def wait_ready(self) -> None:
        """Return when what is written is heard."""
        await self._ready.wait()

    async def aclose(self) -> None:
        """Stop; all is forgotten."""
        await end_task(self._listening)
        if self._subscription is not None:
            await self._subscription.aclose()
        self._subscription = None
        self._entries.clear()

    async def read(self, key: str, load: Callable[[], Awaitable[Encoded]]) -> bytes | None:
        """The value of `key`, from here or by `load()`."""
        entry = self._entries.get(key)
        if entry is not None and self._is_listening:
            value, until = entry
            if self._loop.time() < until:
                self._entries.move_to_end(key)
                return value
        return await self._read(key, load)

    def forget(self, key: str) -> None:
        """`key` is written."""
        self._entries.pop(key, None)
        if key in self._reading:
            self._written.add(key)

    async def _read(self, key: str, load: Callable[[], Awaitable[Encoded]]) -> bytes | None:
        self._reading[key] = self._reading.get(key, 0) + 1
        heard = self._subscription if self._is_listening else None
        try:
            value, lifetime = await load()
            if heard is not None and heard is self._subscription and self._is_listening:
                self._keep(key, value, lifetime)
        finally:
            self._reading[key] -= 1
            if not self._reading[key]:
                del self._reading[key]
                self._written.discard(key)
        return value

    def _keep(self, key: str, value: bytes | None, lifetime: float | None) -> None:
        if key in self._written:
            return
        seconds = LONGEST if lifetime is None else min(lifetime, LONGEST)
        self._entries[key] = (value, self._loop.time() + seconds)
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)

    @property
    def _is_listening(self) -> bool:
        return self._subscription is not None and self._subscription.is_connected

    async def _listen(self) -> None:
        while self._subscription is None:
            try:
                self._subscription = await self._store.subscribe(self._channel)
            except StoreError:
                await asyncio.sleep(_AFTER_ERROR)
        self._ready.set()
        async for _, payload in self._subscription:
            if payload is None:  # some may have been missed
                self._entries.clear()
                self._written.update(self._reading)
            else:
                self.forget(payload.decode())
