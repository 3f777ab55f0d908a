"""Files of the public folder, found and read. Everything here blocks: call it in a thread.

A name is taken literally, already decoded, and split at `/`. What could lead out of the folder or
to something hidden does not exist: `..`, a segment that is empty or begins with a dot, a
backslash, a NUL, an absolute path, and a link whose target is any of these or outside. All of
them get the same answer as a file that is missing, so that nothing can be learned from it.
"""

import mimetypes
import os
import stat
from pathlib import Path

from msgspec import Struct

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
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml",
}
"""The types of the web, so that they do not depend on the machine's own table."""
_UNKNOWN = "application/octet-stream"


class FoundFile(Struct, frozen=True):
    """A file that may be read: its real path, its size in bytes, its media type and when it was
    last changed (seconds since the epoch). `is_index`: a folder was asked for."""

    path: str
    size: int
    mime: str
    mtime: float
    is_index: bool = False


def find_file(root: str | Path, name: str) -> FoundFile:
    """The file `name` below the folder `root`; for a folder its index.

    Raises `NotFoundError`, also where it exists but must not be read.
    """
    try:
        return _find(os.path.realpath(root), name)
    except (OSError, ValueError):
        raise NotFoundError("there is no such file") from None


def read_file(found: FoundFile) -> bytes:
    """All of a file. Raises `NotFoundError` if it is gone or has become shorter."""
    with OpenFile(found) as opened:
        content = opened.read(found.size)
    if len(content) < found.size:
        raise NotFoundError("there is no such file")
    return content


class OpenFile:
    """A found file, open for reading in pieces. Raises `NotFoundError` if it is gone."""

    __slots__ = ("_file", "found")

    def __init__(self, found: FoundFile) -> None:
        self.found = found
        try:
            self._file = open(found.path, "rb", buffering=0)  # noqa: SIM115  closed by its owner
        except OSError:
            raise NotFoundError("there is no such file") from None

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
    return FoundFile(path, status.st_size, media_type(path), status.st_mtime, is_index)


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
