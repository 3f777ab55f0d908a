"""What a server and its store hold: memory, descriptors, keys and how much is in each; and whether
that is as it was."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, cast

from msgspec import Struct

from actionhero.store.client import StoreClient

_SIZES = {b"hash": "HLEN", b"list": "LLEN", b"zset": "ZCARD", b"set": "SCARD", b"stream": "XLEN"}
_BUCKET = re.compile(r"\{stats\}.*:[\d.]+$")
"""Of the durations of one thing there are a dozen; which of them come up is chance."""
_SHOWN = 1000
"""Fields of a hash up to which each counts as a thing of its own."""
_FLAT = 0.05, 8e6
"""How much memory may grow and still be flat: a part, or so many bytes."""


class Held(Struct, frozen=True):
    """What there is at one time: bytes, descriptors, and the keys with how much is in each."""

    memory: int
    descriptors: int
    keys: dict[str, int]


def memory_of(pid: int) -> int:
    """The bytes that a process has in memory."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors_of(pid: int) -> int:
    """How many descriptors it has."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def keys_of(store: StoreClient) -> dict[str, int]:
    """All keys of a store, with the number of things in each; of small hashes each field."""
    found: dict[str, int] = {}
    cursor = b"0"
    while True:
        cursor, names = cast("list[Any]", await store.execute("SCAN", cursor, "COUNT", 1000))
        for name in names:
            kind = cast("Any", await store.execute("TYPE", name))
            command = _SIZES.get(kind if isinstance(kind, bytes) else str(kind).encode())
            size = cast("int", await store.execute(command, name)) if command else 1
            if command == "HLEN" and size <= _SHOWN:
                fields = cast("list[bytes]", await store.execute("HKEYS", name))
                found |= {f"{name.decode()} {field.decode()}": 1 for field in fields}
            elif size:
                found[name.decode()] = size
        if int(cursor) == 0:
            return found


async def look(pid: int, store: StoreClient) -> Held:
    """What is held now."""
    return Held(memory_of(pid), descriptors_of(pid), await keys_of(store))


def left_over(before: Held, after: Held) -> list[str]:
    """What there is more than before, but for memory."""
    found = []
    if after.descriptors > before.descriptors:
        found.append(f"{after.descriptors - before.descriptors} descriptors are left")
    for name, size in sorted(after.keys.items()):
        if _BUCKET.search(name):
            continue
        known = before.keys.get(name, 0)
        if size > known:
            found.append(f"the key {name} has {size - known} more" if known else f"key {name}")
    return found


def growth(samples: Sequence[int]) -> str | None:
    """How memory grew from the second quarter of a time to its last; None if it stayed flat."""
    quarter = len(samples) // 4
    if not quarter:
        return None
    early, late = median(samples[quarter : 2 * quarter]), median(samples[-quarter:])
    if late - early <= max(early * _FLAT[0], _FLAT[1]):
        return None
    return f"memory grew from {early / 1e6:.1f} to {late / 1e6:.1f} MB"
