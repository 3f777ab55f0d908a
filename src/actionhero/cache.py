"""A cache that the whole cluster shares: values by key, with an expiry.

A value is anything that becomes JSON, and comes back as JSON does (a tuple as a list).
"""

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from actionhero.clock import Duration, parse_duration
from actionhero.codec import decode_json, encode_json
from actionhero.errors import TooLargeError
from actionhero.store.scripts import Script

if TYPE_CHECKING:
    from actionhero.store.client import StoreClient
    from actionhero.store.keys import Keys

VALUE_BYTES = 16 * 1024 * 1024
"""The largest value, encoded."""

_load = Script("cache_load")
_save = Script("cache_save")


class Cached(Struct, frozen=True):
    """A value with its times, in milliseconds since the epoch by the store's clock.

    `read_at` is the time of the read before this one; `expires_at` None means never.
    """

    value: Any
    created_at: int
    read_at: int | None
    expires_at: int | None


class Cache:
    """The cluster's cache. Every method raises `StoreError` when the store is away."""

    def __init__(self, store: "StoreClient", keys: "Keys") -> None:
        self._store = store
        self._keys = keys

    async def save(self, key: str, value: Any, expire: Duration | None = None) -> None:
        """Keep `value` under `key`, for `expire` or for ever.

        Raises `TooLargeError`, and `TypeError` for what does not become JSON.
        """
        encoded = encode_json(value)
        if len(encoded) > VALUE_BYTES:
            raise TooLargeError(
                f"the value for {key!r} has {len(encoded):,} bytes; "
                f"the cache takes {VALUE_BYTES:,} at most"
            )
        lifetime = 0 if expire is None else max(1, round(parse_duration(expire) * 1000))
        await _save(self._store, [self._keys.cached(key)], [encoded, lifetime])

    async def load(self, key: str) -> Cached | None:
        """What is kept under `key`, None if nothing is (any more)."""
        value, created, read, expires = await _load(self._store, [self._keys.cached(key)], [])
        if value is None:
            return None
        return Cached(decode_json(value), int(created), _time(read), _time(expires))

    async def destroy(self, key: str) -> bool:
        """Forget `key`; whether there was anything."""
        return bool(await self._store.execute("DEL", self._keys.cached(key)))

    async def size(self) -> int:
        """How many objects there are. Looks at every key of the store, so not for hot paths."""
        count, cursor = 0, b"0"
        pattern = self._keys.cached("*")
        while True:
            cursor, found = await self._store.execute(
                "SCAN", cursor, "MATCH", pattern, "COUNT", 1000
            )
            count += len(found)
            if cursor == b"0":
                return count


def _time(text: bytes | None) -> int | None:
    return None if text is None else int(text)
