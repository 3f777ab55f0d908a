"""Files that come in pieces: in memory, on the disk, and gone again."""

import asyncio
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from actionhero import RawBody, UploadedFile, uploads
from actionhero.uploads import Spool
from tests.processes import serving
from tests.transports.serving import PATIENCE, eventually

APP = """
import asyncio
from actionhero import App, UploadedFile

app = App("uploads")

@app.action()
async def hold(photo: UploadedFile) -> int:
    await asyncio.Event().wait()
    return photo.size
"""


def nothing() -> None:
    """Called when something is on the disk."""


async def full(*pieces: bytes, in_memory: bool = False) -> Spool:
    spool = Spool(nothing)
    for piece in pieces:
        spool.append(piece, in_memory=in_memory)
    await eventually(lambda: spool.waiting == 0)
    return spool


@pytest.mark.parametrize("in_memory", [True, False])
async def test_pieces_are_read_in_their_order(in_memory: bool) -> None:
    spool = await full(b"abc", b"", b"def", in_memory=in_memory)
    assert (spool.size, spool.is_on_disk) == (6, not in_memory)
    assert await spool.read(0, 6) == b"abcdef"
    assert await spool.read(2, 2) == b"cd"
    assert await spool.read(4, 100) == b"ef"
    assert await spool.read(7, 1) == b""
    spool.close()
    with pytest.raises(ValueError, match="answered"):
        await spool.read(0, 1)


async def test_what_is_on_the_disk_goes_on_there() -> None:
    spool = Spool(nothing)
    for piece, in_memory in ((b"a", True), (b"b", False), (b"c", True), (b"d", False)):
        spool.append(piece, in_memory=in_memory)
    await eventually(lambda: spool.waiting == 0)
    assert await spool.read(0, 4) == b"abcd"
    spool.close()


async def test_a_file_has_a_path_that_others_can_read() -> None:
    spool = await full(b"abc")
    file = UploadedFile("a.txt", "text/plain", spool)
    assert file.path is not None
    process = await asyncio.create_subprocess_exec("cat", file.path, stdout=asyncio.subprocess.PIPE)
    assert (await process.communicate())[0] == b"abc"
    assert repr(file) == "<UploadedFile 'a.txt' text/plain 3 bytes>"
    spool.close()
    assert file.path is None


async def test_a_file_stays_until_a_thread_is_done_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spool = await full(b"abc")
    entered, opened = threading.Event(), threading.Event()
    read = uploads._read

    def slow(*args: Any) -> Any:
        entered.set()
        assert opened.wait(PATIENCE)
        return read(*args)

    monkeypatch.setattr(uploads, "_read", slow)
    reading = asyncio.ensure_future(spool.read(0, 3))
    await eventually(entered.is_set)
    number = spool.fileno()
    assert number is not None
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    spool.close()
    os.fstat(number)
    opened.set()
    await eventually(lambda: _is_closed(number))


def _is_closed(number: int) -> bool:
    try:
        return "deleted" not in os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        return True


async def test_a_file_that_is_closed_before_it_is_written_is_gone() -> None:
    spool = Spool(nothing)
    spool.append(b"abc", in_memory=False)
    spool.close()
    await eventually(lambda: spool._users == 0)
    assert spool._file is None or spool._file.closed


async def test_saving_replaces_as_a_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    spool = await full(b"new")
    file = UploadedFile("a", "", spool)

    def broken(*args: Any) -> Any:
        raise OSError("no")

    with monkeypatch.context() as patch:
        patch.setattr(uploads, "_write_all", broken)
        with pytest.raises(OSError, match="no"):
            await file.save(path)
    assert path.read_bytes() == b"old"
    await file.save(path)
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["file"]
    spool.close()


def test_a_raw_body_is_a_value() -> None:
    assert RawBody(b"a") == RawBody(b"a", "")


@pytest.mark.timeout(120)
async def test_nothing_is_left_after_a_kill(tmp_path: Path) -> None:
    spooled = tmp_path / "spooled"
    spooled.mkdir()
    async with serving(tmp_path, APP, TMPDIR=str(spooled)) as server:
        writers = []
        for rest in (b"", b"\r\n--x--\r\n"):  # one is still coming, of the other the action runs
            _, writer = await asyncio.open_connection("127.0.0.1", server.http_port)
            begin = b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a"\r\n\r\n'
            size = len(begin) + 300_000 + len(b"\r\n--x--\r\n")
            writer.write(
                b"POST /api/hold HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n"
                b"Content-Type: multipart/form-data; boundary=x\r\n\r\n" % size
            )
            writer.write(begin + b"x" * 300_000 + rest)
            await writer.drain()
            writers.append(writer)
        await eventually(lambda: _spooled_by(server.process.pid, spooled) == 2)
        server.send(signal.SIGKILL)
        await server.wait()
        for writer in writers:
            writer.close()
    assert os.listdir(spooled) == []


def _spooled_by(pid: int, folder: Path) -> int:
    """How many unnamed files of a folder a process has open."""
    found = 0
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            link = os.readlink(one)
            found += link.startswith(str(folder)) and link.endswith("(deleted)")
    return found
