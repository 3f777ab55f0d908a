"""Static files over HTTP: the validators, and bodies that are read while they are sent.

A file is found, opened and its first piece read in one visit to a thread; a small file needs no
other. Of a large one a single piece is in memory at a time.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import partial
from typing import NamedTuple, TypeVar

from actionhero.actions.dispatch import Counter
from actionhero.errors import NotFoundError
from actionhero.protocols.http1 import Request
from actionhero.protocols.http1_replies import Answer, Fields, http_date
from actionhero.transports.files import FoundFile, OpenFile, find_file

PIECE = 256 * 1024
"""Bytes of a file that are held at once."""
T = TypeVar("T")


class FileBody:
    """The rest of a large file. Close it in any case; that never waits for a reading thread."""

    def __init__(self, opened: OpenFile, left: int) -> None:
        self._opened = opened
        self._left = left
        self._reading: asyncio.Future[bytes] | None = None

    async def read(self) -> bytes:
        """The next piece; empty at the end. Raises `NotFoundError` if the file was cut short."""
        if self._left == 0:
            return b""
        size = min(PIECE, self._left)
        self._reading = _in_thread(partial(self._opened.read, size))
        piece = await asyncio.shield(self._reading)
        self._left -= len(piece)
        if len(piece) < size:
            raise NotFoundError("the file became shorter while it was sent")
        return piece

    def close(self) -> None:
        if self._reading is None or self._reading.done():
            self._opened.close()
        else:
            self._reading.add_done_callback(self._close_late)

    def _close_late(self, reading: "asyncio.Future[bytes]") -> None:
        reading.exception()  # seen: nobody waits for this piece any more
        self._opened.close()


class FileAnswer(NamedTuple):
    """An answer whose body begins in `start` and goes on in `rest`."""

    start: Answer
    rest: FileBody


class StaticFiles:
    """The files below one folder."""

    def __init__(self, root: str, stats: Counter) -> None:
        self._root = root
        self._stats = stats

    async def answer(self, request: Request, name: str) -> Answer | FileAnswer:
        """Answer a GET or HEAD for the file `name`. Raises `NotFoundError`."""
        opening = _in_thread(partial(_open, self._root, name, request))
        try:
            answer = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_close_late)
            raise
        except NotFoundError:
            self._stats.increment("fileServer:failedFileRequests")
            raise
        self._stats.increment("fileServer:filesSent")
        return answer

    async def has_index(self) -> bool:
        """Whether the folder has a page to begin with."""
        try:
            await _in_thread(partial(find_file, self._root, ""))
        except NotFoundError:
            return False
        return True


def _open(root: str, name: str, request: Request) -> Answer | FileAnswer:
    found = find_file(root, name)
    if found.is_index and name and not name.endswith("/"):
        return Answer(308, fields=(("Location", _with_slash(request.target)),))
    fields = _validators(found)
    if _is_unchanged(request, fields[0][1], found.mtime):
        return Answer(304, fields=fields)
    mime = f"{found.mime}; charset=utf-8" if found.mime.startswith("text/") else found.mime
    if request.method == "HEAD":
        return Answer(200, b"", mime, fields, found.size)
    opened = OpenFile(found)
    try:
        first = opened.read(min(PIECE, found.size))
    except BaseException:
        opened.close()
        raise
    if len(first) < PIECE:
        opened.close()
        return Answer(200, first, mime, fields)
    start = Answer(200, first, mime, fields, found.size)
    return FileAnswer(start, FileBody(opened, found.size - len(first)))


def _with_slash(target: str) -> str:
    path, mark, query = target.partition("?")
    return f"{path}/{mark}{query}"


def _validators(found: FoundFile) -> Fields:
    tag = f'W/"{found.size:x}-{int(found.mtime * 1000):x}"'
    return (("ETag", tag), ("Last-Modified", http_date(found.mtime)))


def _is_unchanged(request: Request, tag: str, mtime: float) -> bool:
    """RFC 9110, 13.2.2: `If-Modified-Since` counts only without `If-None-Match`."""
    tags = request.headers.get(b"if-none-match")
    if tags is not None:
        wanted = {_opaque(part) for part in tags.decode("latin-1").split(",")}
        return "*" in wanted or _opaque(tag) in wanted
    since = request.headers.get(b"if-modified-since")
    if since is None:
        return False
    try:
        when = parsedate_to_datetime(since.decode("latin-1"))
        return int(mtime) <= when.replace(tzinfo=when.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError, IndexError, TypeError):
        return False  # no date: as if it were not there


def _opaque(tag: str) -> str:
    return tag.strip().removeprefix("W/")


def _in_thread(call: Callable[[], T]) -> asyncio.Future[T]:
    return asyncio.get_running_loop().run_in_executor(None, call)


def _close_late(opening: "asyncio.Future[Answer | FileAnswer]") -> None:
    if opening.exception() is None and isinstance(answer := opening.result(), FileAnswer):
        answer.rest.close()
