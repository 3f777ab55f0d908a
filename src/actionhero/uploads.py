"""What an HTTP request may bring beside its inputs: files, and its body as it was sent.

An action has them by naming the type: `photo: UploadedFile`, `photos: list[UploadedFile]`,
`body: RawBody`. Small files are in memory. Larger ones are in temporary files without a name, so
that nothing is left of them when the request has ended, however it and the server end. All work on
those is done in threads.
"""

import asyncio
import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import BinaryIO, TypeVar, cast

from msgspec import Struct

T = TypeVar("T")

_CHUNK = 1024 * 1024


class RawBody(Struct, frozen=True):
    """The body of a request, not decoded in any way, and its content type as it was sent."""

    content: bytes
    content_type: str = ""


class Spool:
    """Content that comes in pieces. What has once gone to the disk goes on there.

    `size` in bytes, of which `waiting` are not yet on the disk. `on_written` is called whenever
    some have come to be there; `error` is why they could not.
    """

    __slots__ = (
        "_file",
        "_is_closed",
        "_is_writing",
        "_memory",
        "_pieces",
        "_users",
        "error",
        "is_on_disk",
        "on_written",
        "size",
        "waiting",
    )

    def __init__(self, on_written: Callable[[], None]) -> None:
        self.size = self.waiting = 0
        self.is_on_disk = False
        self.on_written = on_written
        self.error: BaseException | None = None
        self._memory = bytearray()
        self._file: BinaryIO | None = None
        self._pieces: list[bytes] = []
        self._users = 0  # threads at work on the file
        self._is_writing = self._is_closed = False

    def append(self, piece: bytes, *, in_memory: bool) -> None:
        """Add a piece, in memory if that is asked for and still so."""
        self.size += len(piece)
        if in_memory and not self.is_on_disk:
            self._memory += piece
            return
        if not self.is_on_disk:
            self.is_on_disk = True
            self._pieces.append(bytes(self._memory))
            self.waiting += len(self._memory)
            self._memory = bytearray()
        self._pieces.append(piece)
        self.waiting += len(piece)
        if not self._is_writing:
            self._write_on()

    async def read(self, start: int, size: int) -> bytes:
        """At most `size` bytes from `start` on. Raises `OSError`, `ValueError` once closed."""
        if self.is_on_disk:
            return await self._work(lambda: b"".join(_read(self._opened(), start, size)))
        self._check()
        return bytes(self._memory[start : start + size])

    async def save(self, path: str) -> None:
        """Write all of it to `path`. Raises as `read`."""
        if self.is_on_disk:
            await self._work(lambda: _write_whole(path, _read(self._opened(), 0, self.size)))
        else:
            self._check()
            await asyncio.to_thread(_write_whole, path, (bytes(self._memory),))

    def fileno(self) -> int | None:
        """The descriptor of the file, if there is one."""
        return None if self._file is None or self._is_closed else self._file.fileno()

    def close(self) -> None:
        """Drop the content: at once, or when the threads at work on it have ended."""
        self._is_closed = True
        self.on_written = _nothing
        self._memory = bytearray()
        self._pieces = []
        if self._users == 0:
            self.__del__()

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()

    def _check(self) -> None:
        if self._is_closed:
            raise ValueError("the request has been answered, and its files are gone")

    def _write_on(self) -> None:
        pieces, self._pieces = self._pieces, []
        self._is_writing = True
        future = self._start(partial(self._write, pieces))
        future.add_done_callback(self._wrote)

    def _write(self, pieces: list[bytes]) -> int:
        """Runs in a thread."""
        if self._file is None:
            self._file = cast("BinaryIO", tempfile.TemporaryFile(buffering=0))  # noqa: SIM115  it stays
        return sum(_write_all(self._file, piece) for piece in pieces)

    def _wrote(self, future: "asyncio.Future[int]") -> None:
        self._is_writing = False
        self.error = future.exception()
        if self.error is None:
            self.waiting -= future.result()
            if self._pieces:
                self._write_on()
        self.on_written()

    async def _work(self, do: Callable[[], T]) -> T:
        self._check()
        return await asyncio.shield(self._start(do))

    def _start(self, do: Callable[[], T]) -> "asyncio.Future[T]":
        """Run `do` in a thread. The file stays open until it ends, whoever waits for that."""
        self._users += 1
        future = asyncio.get_running_loop().run_in_executor(None, do)
        future.add_done_callback(self._leave)
        return future

    def _leave(self, future: "asyncio.Future[T]") -> None:
        self._users -= 1
        if self._is_closed and self._users == 0:
            self.__del__()

    def _opened(self) -> BinaryIO:
        return cast("BinaryIO", self._file)


class UploadedFile:
    """One file of a form, there until the request is answered.

    `name` and `content_type` are what the client says: the name is never more than that (no
    folder), but may be empty, or that of another file; the type is not checked.
    """

    __slots__ = ("_spool", "content_type", "name")

    def __init__(self, name: str, content_type: str, spool: Spool) -> None:
        self.name = name
        self.content_type = content_type
        self._spool = spool

    @property
    def size(self) -> int:
        """In bytes."""
        return self._spool.size

    @property
    def path(self) -> str | None:
        """Where this process, and others of the same user, can read it until the request is
        answered; None if it is in memory, or the system is not Linux."""
        number = self._spool.fileno()
        if number is None or sys.platform != "linux":
            return None
        return f"/proc/{os.getpid()}/fd/{number}"

    async def read(self, start: int = 0, size: int | None = None) -> bytes:
        """Its content, or `size` bytes of it from `start` on; fewer at its end.

        Raises `OSError`, and `ValueError` once the request has been answered.
        """
        return await self._spool.read(start, self.size if size is None else size)

    async def save(self, path: str | os.PathLike[str]) -> None:
        """Keep it as `path`; what is there is replaced, at once and as a whole.

        Raises as `read`. A `path` made of `name` lets the client choose which file is replaced.
        """
        await self._spool.save(os.fspath(path))

    def __repr__(self) -> str:
        return f"<UploadedFile {self.name!r} {self.content_type} {self.size} bytes>"


def _nothing() -> None:
    """What is called where nobody waits."""


def _read(file: BinaryIO, start: int, size: int) -> Iterator[bytes]:
    while size > 0 and (piece := os.pread(file.fileno(), min(size, _CHUNK), start)):
        yield piece
        start += len(piece)
        size -= len(piece)


def _write_all(file: BinaryIO, data: bytes) -> int:
    done = 0
    while done < len(data):
        done += file.write(memoryview(data)[done:])
    return done


def _write_whole(path: str, pieces: Iterable[bytes]) -> None:
    """Write a file that takes its name only once it is complete."""
    beside = f"{path}.{secrets.token_hex(8)}"
    try:
        with open(beside, "xb", buffering=0) as file:
            for piece in pieces:
                _write_all(file, piece)
        os.replace(beside, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(beside)
        raise
