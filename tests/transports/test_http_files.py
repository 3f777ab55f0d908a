"""Static files over a real server."""

import gzip
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actionhero.transports.http_files import PIECE, write_disposition
from tests.transports.http_kit import Kit, request, serving

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
    assert reply.fields["etag"].startswith('"')
    assert reply.fields["cache-control"] == "no-cache"
    assert reply.fields["accept-ranges"] == "bytes"
    assert "vary" not in reply.fields
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


# Ranges. `a b.html` holds "<p>".


@pytest.mark.parametrize(
    ("asked", "status", "body", "range_"),
    [
        ("bytes=0-0", 206, b"<", "bytes 0-0/3"),
        ("bytes=1-", 206, b"p>", "bytes 1-2/3"),
        ("bytes=-1", 206, b">", "bytes 2-2/3"),
        ("bytes=0-99", 206, b"<p>", "bytes 0-2/3"),
        ("bytes=3-", 416, None, "bytes */3"),
        ("bytes=-0", 416, None, "bytes */3"),
        ("bytes=0-0,2-2", 200, b"<p>", None),
        ("bytes=2-1", 200, b"<p>", None),
        ("lines=0-0", 200, b"<p>", None),
    ],
)
async def test_ranges(
    kit: Kit, asked: str, status: int, body: bytes | None, range_: str | None
) -> None:
    reply = await kit.get("/public/a%20b.html", f"Range: {asked}")
    assert (reply.status, reply.fields.get("content-range")) == (status, range_)
    if body is not None:
        assert (reply.body, reply.fields["content-length"]) == (body, str(len(body)))
    else:
        assert reply.json()["code"] == "http_protocol"
    head = await kit.get("/public/a%20b.html", f"Range: {asked}", method="HEAD")
    assert (head.status, head.fields["content-length"]) == (200, "3")


async def test_a_range_of_what_has_changed_since_is_all_of_it(kit: Kit) -> None:
    tag = (await kit.get("/public/a%20b.html")).fields["etag"]
    for condition, status in ((tag, 206), (DATE, 206), ('"other"', 200), (f"W/{tag}", 200)):
        reply = await kit.get("/public/a%20b.html", "Range: bytes=0-0", f"If-Range: {condition}")
        assert reply.status == status


async def test_who_wants_another_state_is_told(kit: Kit) -> None:
    for line in ('If-Match: "other"', "If-Unmodified-Since: Sun, 06 Nov 1994 08:49:36 GMT"):
        reply = await kit.get("/public/a%20b.html", line)
        assert (reply.status, reply.json()["code"]) == (412, "http_protocol")


async def test_the_tag_of_a_file_just_written_is_weak(kit: Kit, tmp_path: Path) -> None:
    (tmp_path / "public" / "new.txt").write_text("now")
    reply = await kit.get("/public/new.txt")
    assert reply.fields["etag"].startswith("W/")
    reply = await kit.get(
        "/public/new.txt", "Range: bytes=0-0", f"If-Range: {reply.fields['etag']}"
    )
    assert reply.status == 200


# Downloads and caching.


async def test_a_file_is_a_download_when_asked_so(kit: Kit) -> None:
    assert "content-disposition" not in (await kit.get("/public/a%20b.html?x=download")).fields
    reply = await kit.get("/public/a%20b.html?v=1&download")
    assert reply.fields["content-disposition"] == 'attachment; filename="a b.html"'


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("a.pdf", 'attachment; filename="a.pdf"'),
        ("Grüße.pdf", "attachment; filename=\"Gr__e.pdf\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe.pdf"),
        ('a"b\r\nX: y', "attachment; filename=\"a_b__X: y\"; filename*=UTF-8''a%22b%0D%0AX%3A%20y"),
        ("../../etc/passwd", 'attachment; filename="passwd"'),
        ("..\\boot.ini", 'attachment; filename="boot.ini"'),
        ("\ud800", "attachment; filename=\"_\"; filename*=UTF-8''%3F"),
    ],
)
def test_the_name_of_a_download(name: str, written: str) -> None:
    assert write_disposition(name) == written


async def test_caching_is_a_setting(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    for setting, sent in (("public, max-age=60", "public, max-age=60"), ("", None)):
        async with serving(tmp_path, cache_control=setting) as kit:
            assert (await kit.get("/public/a.txt")).fields.get("cache-control") == sent


# Compressed ones. `app.js` has both beside it, `style.css` none.

SCRIPT = b"let a = 1;" * 1000
STYLE = b"p { color: red }" * 1000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.js").write_bytes(SCRIPT)
    (tmp_path / "app.js.br").write_bytes(b"a script in brotli")
    (tmp_path / "app.js.gz").write_bytes(gzip.compress(SCRIPT))
    (tmp_path / "style.css").write_bytes(STYLE)
    (tmp_path / "photo.jpg").write_bytes(b"x" * 5000)
    (tmp_path / "tiny.css").write_bytes(b"p {}")
    for path in tmp_path.iterdir():
        os.utime(path, (WHEN, WHEN))
    return tmp_path


@pytest.fixture
async def packed(folder: Path) -> AsyncIterator[Kit]:
    async with serving(folder) as kit:
        yield kit


@pytest.mark.parametrize(
    ("field", "coding"),
    [
        ("gzip, br", "br"),
        ("gzip;q=0.9, br;q=0.8", "gzip"),
        ("GZIP", "gzip"),
        ("*", "br"),
        ("br;q=0, *", "gzip"),
        ("identity;q=0.5, gzip;q=0.1", None),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("br;q=0", None),
        ("", None),
        ("deflate", None),
    ],
)
async def test_the_file_beside_it_is_sent(packed: Kit, field: str, coding: str | None) -> None:
    bodies = {"br": b"a script in brotli", "gzip": gzip.compress(SCRIPT), None: SCRIPT}
    plain = await packed.get("/public/app.js")
    reply = await packed.get("/public/app.js", f"Accept-Encoding: {field}")
    assert reply.fields.get("content-encoding") == coding
    assert gunzipped(reply.body) == gunzipped(bodies[coding])
    assert reply.fields["content-type"] == "text/javascript; charset=utf-8"
    assert reply.fields["vary"] == plain.fields["vary"] == "Accept-Encoding"
    assert (reply.fields["etag"] == plain.fields["etag"]) == (coding is None)
    tag = reply.fields["etag"]
    assert tag.startswith('"')
    lines = (f"Accept-Encoding: {field}", f"If-None-Match: {tag}")
    reply = await packed.get("/public/app.js", *lines)
    assert (reply.status, reply.fields["vary"], reply.fields["etag"]) == (
        304,
        "Accept-Encoding",
        tag,
    )


def gunzipped(body: bytes) -> bytes:
    return gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body


async def test_a_range_of_the_file_beside_it(packed: Kit) -> None:
    reply = await packed.get("/public/app.js", "Accept-Encoding: br", "Range: bytes=2-7")
    assert (reply.status, reply.body, reply.fields["content-encoding"]) == (206, b"script", "br")


async def test_an_older_file_beside_it_is_of_an_earlier_state(packed: Kit, tmp_path: Path) -> None:
    os.utime(tmp_path / "app.js", (WHEN + 60, WHEN + 60))
    reply = await packed.get("/public/app.js", "Accept-Encoding: gzip")
    assert reply.fields["etag"].startswith("W/")
    assert gunzipped(reply.body) == SCRIPT


async def test_a_link_beside_it_is_not_followed(packed: Kit, tmp_path: Path) -> None:
    (tmp_path / "style.css.gz").symlink_to("/etc/passwd")
    reply = await packed.get("/public/style.css", "Accept-Encoding: gzip")
    assert gunzipped(reply.body) == STYLE


async def test_a_text_is_compressed_on_the_way(packed: Kit) -> None:
    for _ in range(2):  # the second time it is kept
        reply = await packed.get("/public/style.css", "Accept-Encoding: gzip")
        assert (reply.fields["content-encoding"], reply.fields["vary"]) == (
            "gzip",
            "Accept-Encoding",
        )
        assert gzip.decompress(reply.body) == STYLE
        assert reply.fields["etag"].startswith("W/")
        assert "accept-ranges" not in reply.fields
    head = await packed.get("/public/style.css", "Accept-Encoding: gzip", method="HEAD")
    assert head.fields["content-length"] == reply.fields["content-length"]
    tag = f"If-None-Match: {reply.fields['etag']}"
    assert (await packed.get("/public/style.css", "Accept-Encoding: gzip", tag)).status == 304
    assert (await packed.get("/public/style.css", tag)).status == 200


async def test_a_range_is_one_of_the_file_as_it_is(packed: Kit) -> None:
    reply = await packed.get("/public/style.css", "Accept-Encoding: gzip", "Range: bytes=0-0")
    assert (reply.status, reply.body) == (206, b"p")
    assert "content-encoding" not in reply.fields


async def test_what_is_not_worth_it_is_not_compressed(packed: Kit) -> None:
    for name in ("photo.jpg", "tiny.css"):
        reply = await packed.get(f"/public/{name}", "Accept-Encoding: gzip")
        assert reply.fields.keys().isdisjoint(("content-encoding", "vary"))


async def test_who_takes_nothing_that_is_there_is_told(packed: Kit) -> None:
    reply = await packed.get("/public/photo.jpg", "Accept-Encoding: gzip, identity;q=0")
    assert (reply.status, reply.json()["code"]) == (406, "http_protocol")


async def test_compressing_is_a_setting(tmp_path: Path) -> None:
    (tmp_path / "style.css").write_bytes(STYLE)
    async with serving(tmp_path, compress=False) as kit:
        reply = await kit.get("/public/style.css", "Accept-Encoding: gzip")
        assert (reply.body, reply.fields.get("vary")) == (STYLE, None)


async def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    async with serving(tmp_path) as kit:
        reply = await kit.get("/public/empty", "Range: bytes=-5")
        assert (reply.status, reply.body) == (200, b"")
        assert (await kit.get("/public/empty", "Range: bytes=0-")).status == 416


async def test_a_range_of_a_large_file(tmp_path: Path) -> None:
    content = os.urandom(PIECE * 3)
    (tmp_path / "large").write_bytes(content)
    async with serving(tmp_path) as kit:
        reply = await kit.get("/public/large", f"Range: bytes=5-{PIECE * 2}")
        assert (reply.status, reply.body) == (206, content[5 : PIECE * 2 + 1])
