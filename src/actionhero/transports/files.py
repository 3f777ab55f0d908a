"""Files of the public folder, found and read. Everything here blocks: call it in a thread.

A name is taken literally, already decoded, and split at `/`. What could lead out of the folder or
to something hidden does not exist: `..`, a segment that is empty or begins with a dot, a
backslash, a NUL, an absolute path, and a link whose target is any of these or outside. All of
them get the same answer as a file that is missing, so that nothing can be learned from it.
"""

import mimetypes
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct, structs

from actionhero.errors import NotFoundError

INDEX = "index.html"
_TYPES = {
    ".avif": "image/avif",
    ".css": "text/css",
    ".htm": "text/html",
    ".html": "text/html",
    ".ico": "image/x-icon",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".ts": "text/typescript",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}
"""The types of the web, so that they do not depend on the machine's own table."""
_SUFFIXES = {"br": ".br", "zstd": ".zst", "gzip": ".gz"}
_SLACK = 10_000_000_000
"""Nanoseconds: files that are copied together may be written in any order."""
_UNKNOWN = "application/octet-stream"
_OWN = Path(__file__).parent.parent / "public"
"""The browser's client."""


class FoundFile(Struct, frozen=True):
    """A file that may be read: its real path, its size in bytes, its media type and when it was
    last changed (nanoseconds since the epoch). `is_index`: a folder was asked for."""

    path: str
    size: int
    mime: str
    mtime_ns: int
    is_index: bool = False

    @property
    def mtime(self) -> float:
        """When it was last changed, in seconds since the epoch."""
        return self.mtime_ns / 1e9


def find_file(root: str | Path, name: str) -> FoundFile:
    """The file `name` below the folder `root`; for a folder its index.

    Raises `NotFoundError`, also where it exists but must not be read.
    """
    try:
        return _find(os.path.realpath(root), name)
    except (OSError, ValueError):
        raise NotFoundError("there is no such file") from None


def find_public(root: str | Path, name: str) -> FoundFile:
    """The file `name` of a public folder; also what the framework brings for browsers, where the
    folder has nothing of that name. Raises `NotFoundError`."""
    try:
        return find_file(root, name)
    except NotFoundError:
        return find_file(_OWN, name)


def find_in_roots(roots: Sequence[str], path: str) -> FoundFile:
    """The file at a path below one of the folders `roots`; a relative path is below the first.

    Raises `NotFoundError`, also where it exists but must not be read.
    """
    if not os.path.isabs(path):
        return find_file(roots[0], path)
    for root in roots:
        folder = os.path.abspath(root)
        for start in {folder, os.path.realpath(folder)}:
            if path.startswith(start + os.sep):
                return find_file(root, path[len(start) + 1 :])
    raise NotFoundError("there is no such file")


def find_packed(found: FoundFile) -> dict[str, FoundFile]:
    """The files beside it that hold it compressed, by coding, best first. One that is older than
    the file itself is of an earlier state, and not meant."""
    packed = {}
    for coding, suffix in _SUFFIXES.items():
        path = found.path + suffix
        try:
            status = os.lstat(path)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_mtime_ns >= found.mtime_ns - _SLACK:
            packed[coding] = FoundFile(path, status.st_size, found.mime, status.st_mtime_ns)
    return packed


def read_file(found: FoundFile) -> bytes:
    """All of a file. Raises `NotFoundError` if it is gone or has become shorter."""
    with OpenFile(found) as opened:
        content = opened.read(found.size)
    if len(content) < found.size:
        raise NotFoundError("there is no such file")
    return content


class OpenFile:
    """A found file, open for reading in pieces; `found` is as it was when it was opened.

    Raises `NotFoundError` if it is gone, or something else has taken its place.
    """

    __slots__ = ("_file", "found")

    def __init__(self, found: FoundFile) -> None:
        try:
            self._file = open(found.path, "rb", buffering=0, opener=_open)  # noqa: SIM115
        except OSError:
            raise NotFoundError("there is no such file") from None
        status = os.fstat(self._file.fileno())
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise NotFoundError("there is no such file")
        self.found = structs.replace(found, size=status.st_size, mtime_ns=status.st_mtime_ns)

    def __enter__(self) -> "OpenFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, size: int) -> bytes:
        """The next bytes, as many as `size` unless the file ends before."""
        parts = []
        while size > 0 and (part := self._file.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def read_at(self, start: int, size: int) -> bytes:
        """The bytes from `start` on, as `read`."""
        self._file.seek(start)
        return self.read(size)

    def fileno(self) -> int:
        """Its descriptor, which is this object's to close."""
        return self._file.fileno()

    def is_intact(self, end: int) -> bool:
        """Whether the bytes before `end` can still be those that were opened: the file may have
        grown since, but neither shrunk nor been written over."""
        status = os.fstat(self._file.fileno())
        known = self.found
        same = status.st_mtime_ns == known.mtime_ns and status.st_size == known.size
        return same or status.st_size > max(known.size, end - 1)

    def close(self) -> None:
        self._file.close()


def media_type(name: str) -> str:
    """The media type that a file's name promises."""
    known = _TYPES.get(os.path.splitext(name)[1].lower())
    if known is not None:
        return known
    kind, encoding = mimetypes.guess_type(name)
    if encoding is not None:
        return "application/gzip" if encoding == "gzip" else _UNKNOWN
    return kind or _UNKNOWN


def _open(path: str, flags: int) -> int:
    """Opens nothing by a link that was not there when the file was found, and waits for no pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _find(root: str, name: str) -> FoundFile:
    segments = name.split("/")
    is_folder = segments[-1] == ""
    if is_folder:
        segments.pop()
    if "\\" in name or not _are_open(segments):
        raise ValueError(name)
    path = _resolve(root, os.path.join(root, *segments))
    is_index = stat.S_ISDIR(os.stat(path).st_mode)
    if is_index:
        path = _resolve(root, os.path.join(path, INDEX))
    elif is_folder:
        raise ValueError(name)
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(name)
    return FoundFile(path, status.st_size, media_type(path), status.st_mtime_ns, is_index)


def _are_open(segments: list[str]) -> bool:
    return all(segment and not segment.startswith(".") for segment in segments)


def _resolve(root: str, path: str) -> str:
    """The real path, if it is below the real root or the root itself, with nothing hidden on the
    way. Raises `ValueError`."""
    path = os.path.realpath(path)
    inside = root if root.endswith(os.sep) else root + os.sep
    if path != root and not (
        path.startswith(inside) and _are_open(path[len(inside) :].split(os.sep))
    ):
        raise ValueError(path)
    return path
