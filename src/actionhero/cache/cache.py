"""The cache as an app has it: objects, locks, values that are computed once, and a near cache."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actionhero.cache.copies import dump_lines, restore_lines
from actionhero.cache.files import read_lines, write_lines
from actionhero.cache.locks import Lock
from actionhero.cache.near import Encoded, Near
from actionhero.cache.objects import Objects, encode_value
from actionhero.cache.once import Flights
from actionhero.clock import Duration, parse_duration
from actionhero.codec import decode_json

if TYPE_CHECKING:
    from actionhero.store.client import StoreClient
    from actionhero.store.keys import Keys

_COMPUTE_LEASE = 10.0
"""Seconds after which another server computes a value, if the one that does has died."""


class Cache(Objects):
    """The cluster's cache. Every method raises `StoreError` when the store is away.

    With `near_entries`, `get` and `get_or_compute` find what was read before in the process; what
    any server writes is known here at once.
    """

    def __init__(self, store: "StoreClient", keys: "Keys", near_entries: int = 0) -> None:
        super().__init__(store, keys)
        self._flights = Flights()
        self._near = Near(store, keys.cache_written, near_entries) if near_entries else None

    async def aclose(self) -> None:
        """Stop what runs for it."""
        await self._flights.aclose()
        if self._near is not None:
            await self._near.aclose()

    async def get(self, key: str, default: Any = None) -> Any:
        """The value under `key`, or `default`. Unlike `load`, it does not note the read."""
        value = await self._get(key)
        return default if value is None else decode_json(value)

    async def get_or_compute(
        self, key: str, compute: Callable[[], Awaitable[Any]], expire: Duration | None = None
    ) -> Any:
        """The value under `key`; if there is none, that of `await compute()`, which is kept for
        `expire`. Of all that ask for it at once, in the whole cluster, one computes it.

        Raises what `compute` raises, for all that wait for it in this process; nothing is kept
        then, and the next one computes.
        """
        value = await self._get(key)
        if value is not None:
            return decode_json(value)

        async def fly() -> bytes:
            async with self.lock(f"compute:{key}", lease=_COMPUTE_LEASE):
                found = await self._get(key)
                if found is None:
                    found = encode_value(key, await compute())
                    await self.save_encoded(key, found, expire)
                return found

        return decode_json(await self._flights.join(key, fly))

    def lock(self, name: str, *, lease: Duration = 10.0, wait: Duration | None = None) -> Lock:
        """The lock `name` of the whole cluster: `async with cache.lock("x"):`.

        It is renewed while it is held; a holder that dies lets go of it within `lease`. `wait` is
        how long to wait for it (for ever). See `Lock` for what it raises.
        """
        seconds = None if wait is None else parse_duration(wait)
        return Lock(self._store, self._keys.lock(name), name, parse_duration(lease), seconds)

    async def dump(self, path: str | os.PathLike[str]) -> int:
        """Write all that is kept into a file, which appears when it is whole; returns how many keys
        that were. Raises `OSError`."""
        return await write_lines(Path(path), dump_lines(self))

    async def restore(self, path: str | os.PathLike[str]) -> int:
        """Keep what a file of `dump` holds, but for what has expired; other keys stay. Returns how
        many keys that were. Raises `OSError`, `MalformedError`."""
        return await restore_lines(self, read_lines(Path(path)))

    async def save_encoded(self, key: str, encoded: bytes, expire: Duration | None) -> None:
        await super().save_encoded(key, encoded, expire)
        self._forget_near(key)

    async def destroy(self, key: str) -> bool:
        was_there = await super().destroy(key)
        self._forget_near(key)
        return was_there

    async def increment(self, key: str, by: int = 1, expire: Duration | None = None) -> int:
        number = await super().increment(key, by, expire)
        self._forget_near(key)
        return number

    def _forget_near(self, key: str) -> None:
        """What this process wrote it also reads, whenever the store tells it."""
        if self._near is not None:
            self._near.forget(key)

    async def _get(self, key: str) -> bytes | None:
        if self._near is None:
            return await self.encoded(key)
        return await self._near.read(key, lambda: self._read_with_lifetime(key))

    async def _read_with_lifetime(self, key: str) -> Encoded:
        value, lifetime = await asyncio.gather(self.encoded(key), self.lifetime(key))
        return value, lifetime
