"""Locks of the whole cluster: one holder at a time, whoever dies.

A lock is a key with the holder's token that lives for a lease, which the holder renews as long as
it holds it. A holder that dies lets go of it when the lease ends. One that cannot renew it in time
has lost it, and is told: what runs under it is cancelled, since somebody else may hold it now.
"""

import asyncio
import contextlib
import random
import secrets
from types import TracebackType
from typing import TYPE_CHECKING, Self

from actionhero.errors import LockLostError, LockTimeoutError, StoreError
from actionhero.store.scripts import Script

if TYPE_CHECKING:
    from actionhero.store.client import StoreClient

_FIRST_WAIT, _LONGEST_WAIT = 0.01, 0.25
"""Seconds between two tries to get a lock."""
_keep = Script("lock_keep")


class Lock:
    """`async with cache.lock("x"):` holds the lock in its body. Use one object once.

    Raises `LockTimeoutError` if it is not free in time, and `LockLostError` if it was lost while it
    was held; the body is cancelled then. `lease` and `wait` are in seconds.
    """

    def __init__(
        self, store: "StoreClient", key: str, name: str, lease: float, wait: float | None
    ) -> None:
        self.name = name
        self._store = store
        self._key = key
        self._lease = lease
        self._wait = wait
        self._token = secrets.token_hex(16)
        self._renewing: asyncio.Task[None] | None = None
        self._owner: asyncio.Task[object] | None = None
        self._is_lost = False
        self._is_cancelling = False

    async def __aenter__(self) -> Self:
        if not await self._acquire():
            raise LockTimeoutError(f"the lock {self.name!r} was not free within {self._wait:g} s")
        self._owner = asyncio.current_task()
        self._renewing = asyncio.create_task(self._renew(), name=f"lock {self.name}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._renewing is None or self._owner is None:
            return
        try:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
            if not self._is_lost:
                await self._give_back()
        except asyncio.CancelledError as exc:
            if not self._is_lost:
                raise
            error = exc
        if self._is_lost:
            if self._is_cancelling and self._owner.uncancel() > 0:
                raise asyncio.CancelledError  # somebody else cancels it, too
            raise LockLostError(
                f"the lock {self.name!r} ran out while it was held: the store was away, or the "
                f"event loop stood still, for its lease of {self._lease:g} s"
            ) from error

    async def _give_back(self) -> None:
        with contextlib.suppress(StoreError):  # then its lease ends it
            self._is_lost = not await _keep(self._store, [self._key], [self._token, 0])

    async def _acquire(self) -> bool:
        """Whether the lock was free, or became so within the time to wait."""
        loop = asyncio.get_running_loop()
        until = None if self._wait is None else loop.time() + self._wait
        pause = _FIRST_WAIT
        lease = round(self._lease * 1000)
        while True:
            if await self._store.execute("SET", self._key, self._token, "NX", "PX", lease):
                return True
            if until is not None and loop.time() >= until:
                return False
            seconds = pause * random.uniform(0.5, 1.0)  # noqa: S311  not a secret
            await asyncio.sleep(seconds if until is None else min(seconds, until - loop.time()))
            pause = min(2 * pause, _LONGEST_WAIT)

    async def _renew(self) -> None:
        """Keep it, until it is lost."""
        loop = asyncio.get_running_loop()
        lease = round(self._lease * 1000)
        until = loop.time() + self._lease
        while True:
            await asyncio.sleep(self._lease / 3)
            asked = loop.time()
            try:
                async with asyncio.timeout(max(0.0, until - asked)):
                    is_kept = await _keep(self._store, [self._key], [self._token, lease])
            except (StoreError, TimeoutError):
                is_kept = loop.time() < until  # perhaps; the next time will tell
            else:
                until = asked + self._lease
            if not is_kept:
                break
        self._is_lost = True
        if self._owner is not None:
            self._is_cancelling = True
            self._owner.cancel()
