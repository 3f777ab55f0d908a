"""What is kept in the cache: values by key, counters and lists, each with an expiry.

A value is anything that becomes JSON, and comes back as JSON does (a tuple as a list). A counter is
a value that is a whole number. A list is kept item by item, under a key of the same kind: what
reads or writes a value raises `WrongKindError` for it, what forgets or counts keys does not care.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import Struct

from actionhero.clock import Duration, parse_duration
from actionhero.codec import decode_json, encode_json
from actionhero.errors import StoreReplyError, TooLargeError, WrongKindError
from actionhero.store.scripts import Script

if TYPE_CHECKING:
    from actionhero.store import keys as store_keys
    from actionhero.store.client import StoreClient
    from actionhero.store.link import Arg, Reply

VALUE_BYTES = 16 * 1024 * 1024
"""The largest value or item, encoded."""
_PAGE = 1000
"""Keys that are looked at in one command, and forgotten in one turn."""

_load = Script("cache_load")
_save = Script("cache_save")
_count = Script("cache_count")
_forget = Script("cache_forget")
_push = Script("cache_push")


class Cached(Struct, frozen=True):
    """A value with its times, in milliseconds since the epoch by the store's clock.

    `read_at` is the time of the read before this one; `expires_at` None means never.
    """

    value: Any
    created_at: int
    read_at: int | None
    expires_at: int | None


class Keys(NamedTuple):
    """Some keys, and the cursor of the next ones; None at the end."""

    keys: list[str]
    next: str | None


class Objects:
    """The objects of the cache. Every method raises `StoreError` when the store is away."""

    def __init__(self, store: "StoreClient", keys: "store_keys.Keys") -> None:
        self._store = store
        self._keys = keys

    # values

    async def save(self, key: str, value: Any, expire: Duration | None = None) -> None:
        """Keep `value` under `key`, for `expire` or for ever.

        Raises `TooLargeError`, and `TypeError` for what does not become JSON.
        """
        await self.save_encoded(key, encode_value(key, value), expire)

    async def load(self, key: str, *, touch: Duration | None = None) -> Cached | None:
        """What is kept under `key`, None if nothing is (any more). With `touch`, it is kept that
        long from now on."""
        found = await self._ask(_load, key, [_milliseconds(touch)])
        value, created, read, expires = found
        if value is None:
            return None
        return Cached(decode_json(value), int(created), _time(read), _time(expires))

    async def destroy(self, key: str) -> bool:
        """Forget `key`; whether there was anything."""
        return bool(await self._ask(_forget, key, [self._keys.cache_written, key]))

    async def exists(self, key: str) -> bool:
        """Whether anything is kept under `key`."""
        return bool(await self._store.execute("EXISTS", self._keys.cached(key)))

    async def increment(self, key: str, by: int = 1, expire: Duration | None = None) -> int:
        """Add to the whole number under `key`, and return it. One that is not there is 0, and lives
        for `expire`. Raises `WrongKindError` if it is no whole number."""
        return int(
            await self._ask(_count, key, [by, _milliseconds(expire), self._keys.cache_written, key])
        )

    # lists

    async def push(self, key: str, item: Any, expire: Duration | None = None) -> int:
        """Add `item` to the end of the list under `key`; the list lives for `expire` from now on.
        Returns its length. Raises as `save`."""
        return int(await self._ask(_push, key, [encode_value(key, item), _milliseconds(expire)]))

    async def pop(self, key: str) -> Any:
        """Take the first item of the list under `key`; None if it is empty."""
        item = await self._tell_kind(key, "LPOP", self._keys.cached(key))
        return None if item is None else decode_json(item)

    async def length(self, key: str) -> int:
        """How many items the list under `key` has."""
        return int(await self._tell_kind(key, "LLEN", self._keys.cached(key)))

    # as they are in the store

    async def save_encoded(self, key: str, encoded: bytes, expire: Duration | None) -> None:
        """Keep a value in JSON (`encode_value`)."""
        await self._ask(_save, key, [encoded, _milliseconds(expire), self._keys.cache_written, key])

    async def encoded(self, key: str) -> bytes | None:
        """The value under `key` in JSON, without noting the read."""
        value: bytes | None = await self._tell_kind(key, "HGET", self._keys.cached(key), "value")
        return value

    async def encoded_items(self, key: str) -> list[bytes]:
        """The items of the list under `key` in JSON."""
        return list(await self._tell_kind(key, "LRANGE", self._keys.cached(key), 0, -1))

    async def lifetime(self, key: str) -> float | None:
        """Seconds until `key` expires; None if it does not, or is not there."""
        left = int(await self._store.execute("PTTL", self._keys.cached(key)))
        return None if left < 0 else left / 1000

    async def now(self) -> int:
        """The store's time, in milliseconds since the epoch."""
        return await self._store.now()

    # all of them

    async def keys(self, cursor: str | None = None, *, prefix: str = "") -> Keys:
        """Some of the keys that begin with `prefix`, from a cursor on. There may be none on a page
        that is not the last; one that is written meanwhile may come twice or not at all."""
        pattern = _escape(self._keys.cached(prefix)) + "*"
        following, found = await self._store.execute(
            "SCAN", cursor or "0", "MATCH", pattern, "COUNT", _PAGE
        )
        skip = len(self._keys.cached(""))
        names = [one.decode()[skip:] for one in found]
        return Keys(names, None if following == b"0" else following.decode())

    async def pages(self, prefix: str = "") -> AsyncIterator[list[str]]:
        """All keys that begin with `prefix`, page by page."""
        page = Keys([], "0")
        while page.next is not None:
            page = await self.keys(page.next, prefix=prefix)
            yield page.keys

    async def size(self, prefix: str = "") -> int:
        """How many keys begin with `prefix`. Looks at every key of the store: not for hot paths."""
        return sum([len(keys) async for keys in self.pages(prefix)])

    async def clear(self, prefix: str = "") -> int:
        """Forget all keys that begin with `prefix`; returns how many there were."""
        count = 0
        async for keys in self.pages(prefix):
            count += sum(await asyncio.gather(*(self.destroy(key) for key in keys)))
        return count

    async def _ask(self, script: Script, key: str, args: "list[Arg]") -> "Reply":
        try:
            return await script(self._store, [self._keys.cached(key)], args)
        except StoreReplyError as exc:
            raise _told(exc, key) from exc

    async def _tell_kind(self, key: str, *command: "Arg") -> "Reply":
        try:
            return await self._store.execute(*command)
        except StoreReplyError as exc:
            raise _told(exc, key) from exc


def _told(error: StoreReplyError, key: str) -> Exception:
    """What the store's words mean for the caller."""
    if "WRONGTYPE" in str(error):
        return WrongKindError(f"{key!r} holds something else: a list is no value, nor a value one")
    if "not an integer" in str(error) or "would overflow" in str(error):
        return WrongKindError(f"{key!r} holds no whole number that can be added to")
    return error


def encode_value(key: str, value: Any) -> bytes:
    """A value as it is kept. Raises as `Objects.save`."""
    encoded = encode_json(value)
    if len(encoded) > VALUE_BYTES:
        raise TooLargeError(
            f"the value for {key!r} has {len(encoded):,} bytes; "
            f"the cache takes {VALUE_BYTES:,} at most"
        )
    return encoded


def _milliseconds(expire: Duration | None) -> int:
    return 0 if expire is None else max(1, round(parse_duration(expire) * 1000))


def _time(text: bytes | None) -> int | None:
    return None if text is None else int(text)


def _escape(text: str) -> str:
    """`text` as a pattern that means just it."""
    return "".join(f"\\{char}" if char in "*?[]^\\" else char for char in text)
