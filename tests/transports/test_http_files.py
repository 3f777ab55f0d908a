"""Static files over a real server."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actionhero.errors import NotFoundError
from actionhero.protocols.http1 import Request
from actionhero.transports.files import OpenFile, find_file
from actionhero.transports.http_files import PIECE, FileAnswer, FileBody, StaticFiles
from tests.counting import Counts
from tests.transports.http_kit import Kit, request, serving
from tests.transports.serving import PATIENCE, eventually

WHEN = 784111777
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    (tmp_path / "secret.txt").write_text("a secret")
    public = tmp_path / "public"
    (public / "docs").mkdir(parents=True)
    (public / "a b.html").write_text("<p>")
    os.utime(public / "a b.html", (WHEN, WHEN))
    (public / "docs" / "index.html").write_text("docs")
    (public / ".env").write_text("a secret")
    (public / "link").symlink_to(tmp_path / "secret.txt")
    async with serving(public) as kit:
        yield kit


async def test_a_file(kit: Kit) -> None:
    reply = await kit.get("/public/a%20b.html?v=1")
    assert (reply.status, reply.body) == (200, b"<p>")
    assert reply.fields["content-type"] == "text/html; charset=utf-8"
    assert reply.fields["last-modified"] == DATE
    assert reply.fields["etag"].startswith('W/"')
    assert reply.fields["x-content-type-options"] == "nosniff"
    assert kit.stats.tally["fileServer:filesSent"] == 1


async def test_the_head_of_a_file(kit: Kit) -> None:
    reply = await kit.get("/public/a%20b.html", method="HEAD")
    assert (reply.status, reply.body, reply.fields["content-length"]) == (200, b"", "3")


async def test_a_folder(kit: Kit) -> None:
    assert (await kit.get("/public/docs/")).body == b"docs"
    reply = await kit.get("/public/docs?a=b")
    assert (reply.status, reply.fields["location"]) == (308, "/public/docs/?a=b")


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("If-Modified-Since: " + DATE, 304),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:38 GMT", 304),
        ("If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT", 200),
        ("If-Modified-Since: yesterday", 200),
        ("If-Modified-Since: Sun, 99 Nov 99999 08:49:36 GMT", 200),
        ("If-None-Match: *", 304),
        ('If-None-Match: "x", {tag}', 304),
        ("If-None-Match: {strong}", 304),
        ('If-None-Match: "x"', 200),
    ],
)
async def test_what_the_client_has_is_not_sent_again(kit: Kit, line: str, status: int) -> None:
    tag = (await kit.get("/public/a%20b.html")).fields["etag"]
    line = line.format(tag=tag, strong=tag.removeprefix("W/"))
    wire = await kit.connect()
    reply = await wire.ask(request("GET", "/public/a%20b.html", line))
    assert reply.status == status
    assert reply.fields["etag"] == tag
    assert reply.body == (b"" if status == 304 else b"<p>")
    assert (await wire.ask(request("GET", "/public/docs/"))).body == b"docs"


async def test_a_tag_counts_more_than_a_date(kit: Kit) -> None:
    reply = await kit.get("/public/a%20b.html", 'If-None-Match: "x"', f"If-Modified-Since: {DATE}")
    assert reply.status == 200


@pytest.mark.parametrize(
    "name",
    [
        "nothing",
        "../secret.txt",
        "%2e%2e/secret.txt",
        "%2e%2e%2fsecret.txt",
        "..%2fsecret.txt",
        "docs/../../secret.txt",
        "docs/%2e%2e/%2e%2e/secret.txt",
        "%252e%252e/secret.txt",
        "%252e%252e%252fsecret.txt",
        "..\\secret.txt",
        "..%5csecret.txt",
        "%5c..%5csecret.txt",
        "..;/secret.txt",
        "....//secret.txt",
        "%00",
        "a%20b.html%00",
        "%00../secret.txt",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "//etc/passwd",
        "file:///etc/passwd",
        ".env",
        "%2eenv",
        "docs/../.env",
        "link",
        "a%20b.html/",
        "a%20b.html/..",
        "~root",
        "%EF%BC%8E%EF%BC%8E/secret.txt",
        "a" * 5000,
    ],
)
async def test_nothing_outside_is_read(kit: Kit, name: str) -> None:
    reply = await kit.get(f"/public/{name}")
    assert (reply.status, reply.json()["code"]) == (404, "not_found")
    assert b"secret" not in reply.body
    assert kit.stats.tally["fileServer:failedFileRequests"] == 1


@pytest.mark.parametrize("name", ["%c0%ae%c0%ae/secret.txt", "%c0%ae%c0%ae%c0%afsecret.txt", "%ff"])
async def test_overlong_and_broken_utf8_is_malformed(kit: Kit, name: str) -> None:
    reply = await kit.get(f"/public/{name}")
    assert (reply.status, reply.json()["code"]) == (400, "malformed")


async def test_the_public_folder_may_be_missing(tmp_path: Path) -> None:
    async with serving(tmp_path / "nothing") as kit:
        assert (await kit.get("/public/")).status == 404
        assert (await kit.get("/public/a.html")).status == 404
        assert (await kit.get("/")).status == 200


# Large files.


@pytest.fixture
def large(kit: Kit, tmp_path: Path) -> bytes:
    """The content of `/public/large`."""
    content = os.urandom(PIECE * 4 + 1)
    (tmp_path / "public" / "large").write_bytes(content)
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
        (tmp_path / "public" / "sized").write_bytes(b"x" * size)
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
    return any(
        not one._is_writable and one._transport.get_write_buffer_size() <= PIECE + 1000
        for one in kit.server._state.connections
    )


async def test_a_file_is_closed_when_its_reader_goes(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "public" / "huge").write_bytes(b"x" * 30_000_000)
    wire = await kit.connect(limit=1000)
    wire.send(request("GET", "/public/huge"))
    await eventually(lambda: open_files(tmp_path / "public" / "huge"))
    wire.writer.transport.abort()
    await eventually(lambda: not open_files(tmp_path / "public" / "huge"))


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
    files = StaticFiles(str(tmp_path), Counts())
    asking = asyncio.ensure_future(files.answer(Request("GET", "/public/big", {}), "big"))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.get_running_loop().run_in_executor(None, int)
    await eventually(lambda: not open_files(tmp_path / "big"))


async def test_a_body_is_closed_only_after_its_reading_thread(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * (PIECE * 2))
    body = FileBody(OpenFile(find_file(tmp_path, "big")), PIECE * 2)
    reading = asyncio.ensure_future(body.read())
    await asyncio.sleep(0)
    reading.cancel()
    body.close()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await eventually(lambda: not open_files(tmp_path / "big"))


async def test_a_body_that_ends_early_says_so(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 10)
    body = FileBody(OpenFile(find_file(tmp_path, "big")), 11)
    with pytest.raises(NotFoundError, match="became shorter"):
        await asyncio.wait_for(body.read(), PATIENCE)
    body.close()


async def test_answers_of_large_files_have_a_rest(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * (PIECE + 1))
    files = StaticFiles(str(tmp_path), Counts())
    answer = await files.answer(Request("GET", "/public/big", {}), "big")
    assert isinstance(answer, FileAnswer)
    assert (len(answer.start.body), answer.start.length) == (PIECE, PIECE + 1)
    assert [await answer.rest.read(), await answer.rest.read()] == [b"x", b""]
    answer.rest.close()
