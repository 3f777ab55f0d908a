"""A form with files, taken in while it comes.

Its fields become words, as those of an urlencoded form. Its files go to where `uploads` says, so
that however large they are, they take little memory, and the event loop never waits for a disk:
where that is slower than the client, the client is not read any further.
"""

import asyncio
import logging
from collections.abc import Callable
from weakref import WeakMethod

from msgspec import Struct

from actionhero.errors import (
    MalformedError,
    OverloadedError,
    TooLargeError,
    UnsupportedMediaError,
)
from actionhero.messages import Words
from actionhero.protocols.http1_multipart import Part, PartReader
from actionhero.transports.http_bodies import Space
from actionhero.uploads import Spool, UploadedFile

MOST_FILES = 100
"""How many files a form may have: each may take a descriptor."""
_MOST_WAITING = 1024 * 1024
"""Bytes that may wait for the disk before no more is read."""
_log = logging.getLogger("actionhero.http")


class Bounds(Struct, frozen=True):
    """Of one form, in bytes: all of it; its fields, and those of its files that stay in memory;
    one file that does."""

    total: int
    memory: int
    file: int


class Upload:
    """One form; a `BodySink`. `files` are those of the `wanted` names; others are skipped."""

    __slots__ = (
        "__weakref__",
        "_bounds",
        "_count",
        "_fields",
        "_in_memory",
        "_on_disk",
        "_part",
        "_reader",
        "_space",
        "_spool",
        "_spools",
        "_text",
        "_text_size",
        "_waiter",
        "_wanted",
        "files",
        "limit",
        "on_ready",
        "received",
    )

    def __init__(
        self, content_type: bytes, bounds: Bounds, space: Space, wanted: frozenset[str]
    ) -> None:
        self._reader = PartReader(content_type)
        self._bounds = bounds
        self._space = space
        self._wanted = wanted
        self.limit = bounds.total
        self.received = 0
        self.files: dict[str, list[UploadedFile]] = {}
        self.on_ready: Callable[[], None] | None = None
        self._fields: dict[str, list[str]] = {}
        self._part: Part | None = None  # the one that is being read
        self._text = bytearray()  # and what it holds, if it is a field
        self._spool: Spool | None = None  # and if it is a file
        self._spools: list[Spool] = []
        self._count = self._text_size = self._in_memory = self._on_disk = 0
        self._waiter: asyncio.Future[None] | None = None

    @property
    def is_full(self) -> bool:
        return sum(spool.waiting for spool in self._spools) > _MOST_WAITING

    @property
    def fields(self) -> Words:
        """The texts of the form."""
        return {n: values if len(values) > 1 else values[0] for n, values in self._fields.items()}

    def feed(self, part: bytes) -> None:
        self.received += len(part)
        self._check_disk()
        for event in self._reader.feed(part):
            if isinstance(event, Part):
                self._begin(event)
            elif event is None:
                self._finish()
            else:
                self._take(event)

    def end(self) -> None:
        self._reader.close()

    def close(self) -> None:
        for spool in self._spools:
            spool.close()
        self._space.left += self._on_disk
        self._on_disk = 0

    async def wait_stored(self) -> None:
        """Wait until its files can be read. Raises `OverloadedError` if there is no room."""
        while any(spool.waiting and spool.error is None for spool in self._spools):
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        self._check_disk()

    # The parts.

    def _begin(self, part: Part) -> None:
        self._part = part
        if part.filename is None:
            return
        self._count += 1
        if self._count > MOST_FILES:
            raise TooLargeError(f"the form has more than {MOST_FILES} files")
        if part.name in self._wanted:
            self._spool = Spool(_weakly(self._wrote))
            self._spools.append(self._spool)
        elif part.filename and not self._wanted:
            raise UnsupportedMediaError(f"no files are taken here, as {part.name!r} is one")

    def _take(self, content: bytes) -> None:
        if self._spool is not None:
            self._store(self._spool, content)
        elif self._part is not None and self._part.filename is None:
            self._text_size += len(content)
            if self._text_size > self._bounds.memory:
                raise TooLargeError(
                    f"the fields of the form are larger than {self._bounds.memory} bytes"
                )
            self._text += content

    def _store(self, spool: Spool, content: bytes) -> None:
        size = len(content)
        fits = (
            not spool.is_on_disk
            and spool.size + size <= self._bounds.file
            and self._in_memory + size <= self._bounds.memory
        )
        if fits:
            self._in_memory += size
        else:
            if not spool.is_on_disk:
                self._in_memory -= spool.size
                size += spool.size
            self._on_disk += size
            self._space.left -= size
            if self._space.left < 0:
                raise OverloadedError("there is no room for more uploads now; try again later")
        spool.append(content, in_memory=fits)

    def _finish(self) -> None:
        part, spool = self._part, self._spool
        self._part = self._spool = None
        if part is None:
            return
        if part.filename is None:
            self._fields.setdefault(part.name, []).append(_decode(part.name, self._text))
            self._text.clear()
        elif spool is not None and (part.filename or spool.size):  # else no file was chosen
            file = UploadedFile(part.filename, part.content_type, spool)
            self.files.setdefault(part.name, []).append(file)

    # The disk.

    def _wrote(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self.on_ready is not None and not self.is_full:
            on_ready, self.on_ready = self.on_ready, None
            on_ready()

    def _check_disk(self) -> None:
        for spool in self._spools:
            if spool.error is not None:
                _log.error("an upload could not be stored: %s", spool.error)
                raise OverloadedError("the upload cannot be stored now; try again later")


def _weakly(method: Callable[[], None]) -> Callable[[], None]:
    """A call of `method` that does not keep its object: a form that nobody has any more goes at
    once, and its files with it."""
    reference = WeakMethod(method)

    def call() -> None:
        found = reference()
        if found is not None:
            found()

    return call


def _decode(name: str, text: bytearray) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as exc:
        raise MalformedError(f"the field {name!r} of the form is not UTF-8") from exc
