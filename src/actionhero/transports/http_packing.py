"""Compressing bodies: which ones, by what, and those of files kept for the next client.

gzip is always there; brotli and zstd where their libraries are (`actionhero[compression]`).
Compressing takes milliseconds, so that it is always done in a thread; zlib and the others let
other threads run meanwhile.
"""

import gzip
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from importlib import import_module
from threading import Lock
from typing import TypeAlias

Compress: TypeAlias = Callable[[bytes], bytes]

LARGEST = 4 * 1024 * 1024
"""Bytes of the largest body that is compressed when it is asked for; larger ones take too long."""
_KEPT = 32 * 1024 * 1024
"""Bytes of compressed files that are kept."""
_TYPES = frozenset(
    (
        "application/javascript",
        "application/json",
        "application/manifest+json",
        "application/problem+json",
        "application/rss+xml",
        "application/wasm",
        "application/xml",
        "image/svg+xml",
        "image/x-icon",
    )
)


def is_compressible(content_type: str) -> bool:
    """Whether bodies of this media type are worth it; most others are compressed already."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind in _TYPES or kind.endswith(("+json", "+xml"))


@cache
def codings() -> dict[str, Compress]:
    """The codings there are, best first."""
    found: dict[str, Compress] = {}
    for coding, module, make in (("br", "brotli", _brotli), ("zstd", "zstandard", _zstd)):
        try:
            found[coding] = make(import_module(module))
        except ImportError:
            continue
    found["gzip"] = _gzip
    return found


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, 6, mtime=0)


def _brotli(module: object) -> Compress:
    compress: Callable[..., bytes] = getattr(module, "compress")  # noqa: B009  it has no types
    return lambda body: compress(body, quality=5)


def _zstd(module: object) -> Compress:
    make: Callable[..., object] = getattr(module, "ZstdCompressor")  # noqa: B009  as above

    def compress(body: bytes) -> bytes:
        packed: bytes = getattr(make(level=6), "compress")(body)  # noqa: B009  as above
        return packed

    return compress


class PackedFiles:
    """Compressed files, those asked for last. Called from several threads at once."""

    def __init__(self, room: int = _KEPT) -> None:
        self._room = room
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, tag: str, path: str) -> bytes | None:
        """The file in the state that `tag` names (it tells coding, size and time)."""
        with self._lock:
            packed = self._kept.get((path, tag))
            if packed is not None:
                self._kept.move_to_end((path, tag))
            return packed

    def keep(self, tag: str, path: str, packed: bytes) -> None:
        """Keep it, and let go of what was not asked for longest where there is no room."""
        with self._lock:
            previous = self._kept.pop((path, tag), b"")
            self._kept[path, tag] = packed
            self._room += len(previous) - len(packed)
            while self._room < 0 and self._kept:
                self._room += len(self._kept.popitem(last=False)[1])
