"""Large files: sent by the kernel, by threads, and what cuts them off."""

import asyncio
import errno
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actionhero.errors import NotFoundError
from actionhero.protocols.http1 import Request
from actionhero.settings import WebSettings
from actionhero.transports.files import OpenFile, find_file
from actionhero.transports.http_connection import HttpConnection
from actionhero.transports.http_files import FileAnswer, StaticFiles
from actionhero.transports.http_sending import PIECE, WINDOW, FileBody, unsent
from tests.counting import Counts
from tests.transports.http_kit import GET, HELLO, Kit, request, serving
from tests.transports.serving import PATIENCE, eventually


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    async with serving(tmp_path) as kit:
        yield kit


@pytest.fixture
def large(tmp_path: Path) -> bytes:
    """The content of `/public/large`."""
    content = os.urandom(WINDOW * 4 + 1)
    (tmp_path / "large").write_bytes(content)
    return content


async def test_a_large_file_comes_in_pieces(kit: Kit, large: bytes) -> None:
    wire = await kit.connect()
    for _ in range(2):
        reply = await wire.ask(request("GET", "/public/large"))
        assert reply.body == large
    reply = await wire.ask(request("HEAD", "/public/large"), is_head=True)
    assert reply.fields["content-length"] == str(len(large))


async def test_a_file_of_exactly_one_piece(kit: Kit, tmp_path: Path) -> None:
    for size in (0, PIECE - 1, PIECE, PIECE + 1):
        (tmp_path / "sized").write_bytes(b"x" * size)
        assert (await kit.get("/public/sized")).body == b"x" * size


async def test_a_reader_who_stops_holds_one_piece_and_is_cut_off(tmp_path: Path) -> None:
    (tmp_path / "huge").write_bytes(b"x" * 30_000_000)
    async with serving(tmp_path, write_timeout=0.1) as kit:
        wire = await kit.connect(limit=1000)
        wire.send(request("GET", "/public/huge"))
        await eventually(lambda: is_stuck(kit))
        await eventually(
            lambda: kit.server._state is not None and not kit.server._state.connections
        )
        await eventually(lambda: not open_files(tmp_path / "huge"))


def is_stuck(kit: Kit) -> bool:
    assert kit.server._state is not None
    return any(one.write_due < float("inf") for one in kit.server._state.connections)


async def test_a_file_is_closed_when_its_reader_goes(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "huge").write_bytes(b"x" * 30_000_000)
    wire = await kit.connect(limit=1000)
    wire.send(request("GET", "/public/huge"))
    await eventually(lambda: open_files(tmp_path / "huge"))
    wire.writer.transport.abort()
    await eventually(lambda: not open_files(tmp_path / "huge"))


def open_files(path: Path) -> bool:
    """Whether this process has the file open."""
    folder = Path("/proc/self/fd")
    for link in folder.iterdir():
        try:
            if os.readlink(link) == str(path.resolve()):
                return True
        except OSError:
            continue
    return False


async def test_a_file_that_becomes_shorter_cuts_the_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "huge").write_bytes(b"x" * 30_000_000)
    async with serving(tmp_path) as kit:
        wire = await kit.connect(limit=1000)
        wire.send(request("GET", "/public/huge"))
        await eventually(lambda: is_stuck(kit))
        os.truncate(tmp_path / "huge", 1000)
        assert len(await wire.read_end()) < 30_000_000
    assert "became shorter" in caplog.text


async def test_whoever_is_cancelled_while_a_file_opens_leaves_it_closed(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * (PIECE + 1))
    files = StaticFiles(WebSettings(public=str(tmp_path)), Counts())
    asking = asyncio.ensure_future(files.answer(Request("GET", "/public/big", {}), "big"))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.get_running_loop().run_in_executor(None, int)
    await eventually(lambda: not open_files(tmp_path / "big"))


async def test_a_body_is_closed_only_after_its_reading_thread(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * (PIECE * 2))
    body = FileBody(OpenFile(find_file(tmp_path, "big")), 0, PIECE * 2)
    reading = asyncio.ensure_future(body.read())
    await asyncio.sleep(0)
    reading.cancel()
    body.close()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await eventually(lambda: not open_files(tmp_path / "big"))


async def test_a_body_that_ends_early_says_so(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 10)
    body = FileBody(OpenFile(find_file(tmp_path, "big")), 0, 11)
    assert await body.read() == b"x" * 10
    with pytest.raises(NotFoundError, match="became shorter"):
        await asyncio.wait_for(body.read(), PATIENCE)
    body.close()


async def test_answers_of_large_files_have_a_rest(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * (PIECE + 1))
    files = StaticFiles(WebSettings(public=str(tmp_path)), Counts())
    answer = await files.answer(Request("GET", "/public/big", {}), "big")
    assert isinstance(answer, FileAnswer)
    assert (answer.start.body, answer.start.length) == (b"", PIECE + 1)
    pieces = [len(await answer.rest.read()) for _ in range(3)]
    assert pieces == [PIECE, 1, 0]
    answer.rest.close()


async def test_a_file_written_over_in_its_place_cuts_the_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "huge").write_bytes(b"x" * 30_000_000)
    os.utime(tmp_path / "huge", (1, 1))  # its time shows the change, however soon that comes
    async with serving(tmp_path) as kit:
        wire = await kit.connect(limit=1000)
        wire.send(request("GET", "/public/huge"))
        await eventually(lambda: is_stuck(kit))
        with (tmp_path / "huge").open("r+b") as file:
            file.write(b"y")
        assert len(await wire.read_end()) < 30_000_000
    assert "was changed" in caplog.text


async def test_a_file_that_grows_or_is_replaced_is_sent_as_it_was(tmp_path: Path) -> None:
    for change in (append, replace):
        (tmp_path / "huge").write_bytes(b"x" * 30_000_000)
        async with serving(tmp_path) as kit:
            wire = await kit.connect(limit=1000)
            wire.send(request("GET", "/public/huge"))
            await eventually(lambda kit=kit: is_stuck(kit))  # type: ignore[misc]
            change(tmp_path / "huge")
            reply = await wire.read_reply()
            assert reply.body == b"x" * 30_000_000
            assert (await wire.ask(GET)).json() == HELLO


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"y")


def replace(path: Path) -> None:
    path.with_name("other").write_bytes(b"y")
    path.with_name("other").replace(path)


async def test_a_large_file_does_not_hold_up_others(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "huge").write_bytes(b"x" * 30_000_000)
    slow = [await kit.connect(limit=1000) for _ in range(20)]
    for wire in slow:
        wire.send(request("GET", "/public/huge"))
    await eventually(lambda: is_stuck(kit))
    other = await kit.connect()
    for _ in range(100):
        assert (await other.ask(GET)).json() == HELLO


@pytest.mark.parametrize("failure", [errno.EINVAL, errno.ENOSYS])
async def test_threads_read_what_the_kernel_cannot_send(
    kit: Kit, large: bytes, failure: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(failure, "no")

    monkeypatch.setattr(os, "sendfile", refuse)
    wire = await kit.connect()
    for _ in range(2):
        assert (await wire.ask(request("GET", "/public/large"))).body == large


async def test_a_thread_reads_what_is_not_cached(
    kit: Kit, large: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FileBody, "is_cached", lambda _: False)
    assert (await kit.get("/public/large")).body == large


async def test_what_cannot_be_asked_for_counts_as_not_cached(
    kit: Kit, large: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unsupported(*_: object) -> int:
        raise OSError(errno.EOPNOTSUPP, "no")

    monkeypatch.setattr(os, "preadv", unsupported)
    assert (await kit.get("/public/large")).body == large


async def test_pipelined_files_come_in_order(kit: Kit, large: bytes) -> None:
    wire = await kit.connect()
    wire.send(request("GET", "/public/large") + GET + request("GET", "/public/large"))
    assert (await wire.read_reply()).body == large
    assert (await wire.read_reply()).json() == HELLO
    assert (await wire.read_reply()).body == large


async def test_a_client_that_is_gone_is_no_failure(
    kit: Kit, large: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(*_: object) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(os, "sendfile", gone)
    wire = await kit.connect()
    wire.send(request("GET", "/public/large"))
    assert len(await wire.read_end()) < 1000
    assert not caplog.records


async def test_a_reader_may_be_slow_as_long_as_it_reads(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "huge").write_bytes(b"x" * 30_000_000)
    wire = await kit.connect(limit=1000)
    wire.send(request("GET", "/public/huge"))
    await eventually(lambda: is_stuck(kit))
    assert kit.server._state is not None
    (connection,) = kit.server._state.connections
    await settled(connection)
    while unsent(connection.transport) >= connection._unsent:
        await asyncio.wait_for(wire.reader.read(100_000), PATIENCE)
        await asyncio.sleep(0)
    connection.check(1e12)
    assert not connection.transport.is_closing()
    await settled(connection)
    connection.check(1e12)
    await eventually(lambda: not open_files(tmp_path / "huge"))


async def settled(connection: HttpConnection) -> None:
    """Return once the client takes no more, which the connection has noticed."""
    seen, times = -1, 0
    while times < 20 or connection._unsent > seen:
        await asyncio.sleep(0.005)
        now = unsent(connection.transport)
        times = times + 1 if now == seen else 0
        seen = now
        connection._unsent = min(connection._unsent, now)
