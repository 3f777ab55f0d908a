"""The cache as lines of JSON, to be kept in a file: one object or list a line."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from msgspec import Raw, Struct

from actionhero.cache.objects import Objects
from actionhero.codec import encode_json, read_json
from actionhero.errors import MalformedError, WrongKindError


class Copy(Struct, omit_defaults=True):
    """One key: a `value`, or the `items` of a list; `lifetime` in milliseconds when it was written,
    None for ever; `at`: that moment, in milliseconds since the epoch by the store's clock."""

    key: str
    at: int
    value: Raw = Raw()
    items: list[Raw] | None = None
    lifetime: int | None = None


_decode = msgspec.json.Decoder(Copy).decode


async def dump_lines(objects: Objects) -> AsyncIterator[bytes]:
    """All that is kept; of what is written meanwhile, the old or the new."""
    async for keys in objects.pages():
        for copy in await asyncio.gather(*(_copy(objects, key) for key in keys)):
            if copy is not None:
                yield encode_json(copy)


async def restore_lines(objects: Objects, lines: AsyncIterator[bytes]) -> int:
    """Keep all that has not expired; returns how many keys that were. Raises `MalformedError`."""
    count, number, now = 0, 0, await objects.now()
    async for line in lines:
        number += 1
        count += await _restore(objects, _read(line, number), now)
    return count


def _read(line: bytes, number: int) -> Copy:
    try:
        copy = read_json(_decode, line)
    except msgspec.ValidationError as exc:
        raise MalformedError(f"line {number} is no copy of a cached object: {exc}") from exc
    if not bytes(copy.value) and copy.items is None:
        raise MalformedError(f"line {number} has neither a value nor items")
    return copy


async def _copy(objects: Objects, key: str) -> Copy | None:
    """None if the key is gone meanwhile."""
    at, lifetime = await asyncio.gather(objects.now(), objects.lifetime(key))
    copy = Copy(key, at, lifetime=None if lifetime is None else round(lifetime * 1000))
    try:
        copy.value = Raw(await objects.encoded(key) or b"")
    except WrongKindError:
        copy.items = [Raw(item) for item in await objects.encoded_items(key)]
    return copy if bytes(copy.value) or copy.items else None


async def _restore(objects: Objects, copy: Copy, now: int) -> bool:
    """Whether it is kept again."""
    seconds = None
    if copy.lifetime is not None:
        seconds = (copy.at + copy.lifetime - now) / 1000
        if seconds <= 0:
            return False
    if copy.items is None:
        await objects.save(copy.key, copy.value, seconds)
        return True
    await objects.destroy(copy.key)
    for item in copy.items:
        await objects.push(copy.key, item, seconds)
    return True
