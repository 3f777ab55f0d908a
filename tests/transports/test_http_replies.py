"""What actions answer over HTTP besides JSON: texts, bytes, redirects, cookies, files."""

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from actionhero.transports.http_files import PIECE
from tests.transports.http_kit import Kit, Reply, request, serving


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    for name in ("public", "reports"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.txt").write_text(f"in {name}")
        (tmp_path / name / ".hidden").write_text("a secret")
        (tmp_path / name / "out").symlink_to(tmp_path / "secret.txt")
    (tmp_path / "secret.txt").write_text("a secret")
    (tmp_path / "reports-too").mkdir()
    (tmp_path / "reports-too" / "a.txt").write_text("a secret")
    (tmp_path / "public" / "large").write_bytes(b"x" * (PIECE * 2))
    roots = (str(tmp_path / "reports"),)
    async with serving(tmp_path / "public", file_roots=roots) as kit:
        yield kit


@pytest.mark.parametrize(
    ("kind", "sent", "body"),
    [
        ("text/html", "text/html; charset=utf-8", "Grüße"),
        ("text/csv; charset=UTF-8", "text/csv; charset=UTF-8", "Grüße"),
        ('text/plain; charset="utf-8"', 'text/plain; charset="utf-8"', "Grüße"),
        ("application/xml", "application/xml", "Grüße"),
        ("application/json", "application/json", '"Grüße"'),
        ("application/ld+json", "application/ld+json", '"Grüße"'),
    ],
)
async def test_a_text_of_another_type_is_sent_as_it_is(
    kit: Kit, kind: str, sent: str, body: str
) -> None:
    reply = await kit.get(f"/api/text?kind={quote(kind, safe='')}")
    assert (reply.fields["content-type"], reply.body.decode()) == (sent, body)


async def test_a_text_is_sent_in_the_charset_that_the_action_says(kit: Kit) -> None:
    reply = await kit.get("/api/text?kind=text/plain;%20charset=latin-1")
    assert reply.body.decode("latin-1") == "Grüße"
    assert (await kit.get("/api/text?kind=text/plain;%20charset=ascii")).status == 500


async def test_bytes_have_the_type_that_the_action_says(kit: Kit) -> None:
    reply = await kit.get("/api/binary")
    assert (reply.fields["content-type"], reply.body) == ("image/png", b"PNG")


async def test_a_redirect_has_no_body(kit: Kit) -> None:
    wire = await kit.connect()
    for status in (301, 302, 303, 307, 308):
        target = f"/api/moved?url=https://a.org/&status={status}"
        reply = await wire.ask(request("GET", target))
        assert (reply.status, reply.fields["location"]) == (status, "https://a.org/")
        assert (reply.body, reply.fields["content-length"]) == (b"", "0")
        assert "content-type" not in reply.fields


@pytest.mark.parametrize("url", ["/a%0d%0aSet-Cookie:%20a=b", "/a%0a", "/a%00", "/a%20b"])
async def test_a_redirect_cannot_be_split(kit: Kit, url: str) -> None:
    reply = await kit.get(f"/api/moved?url={url}")
    assert reply.status == 500
    assert "set-cookie" not in reply.fields


async def test_cookies_come_and_go(kit: Kit) -> None:
    wire = await kit.connect()
    wire.send(request("GET", "/api/log_in?value=s3cret", "Cookie: old=1; theme=light"))
    head = (await wire.reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    assert [line for line in head if line.startswith("Set-Cookie")] == [
        "Set-Cookie: session=s3cret; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Lax",
        "Set-Cookie: theme=dark; Path=/; SameSite=Strict",
        "Set-Cookie: old=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
    ]
    body = await wire.reader.readexactly(len(b'{"old":"1","theme":"light"}'))
    assert json.loads(body) == {"old": "1", "theme": "light"}
    reply = await kit.get("/api/log_in?value=a%0d%0aX-Evil:%20yes")
    assert reply.status == 500
    assert "x-evil" not in reply.fields


async def send(kit: Kit, path: str, *lines: str, more: str = "", method: str = "GET") -> Reply:
    return await kit.get(f"/api/send?path={quote(path)}{more}", *lines, method=method)


async def test_an_action_sends_a_file(kit: Kit, tmp_path: Path) -> None:
    reply = await send(kit, "a.txt")
    assert (reply.status, reply.body) == (200, b"in public")
    assert reply.fields["content-type"] == "text/plain; charset=utf-8"
    assert (reply.fields["x-sent"], reply.fields["cache-control"]) == ("yes", "private")
    assert "content-disposition" not in reply.fields
    for root in ("public", "reports"):
        assert (await send(kit, str(tmp_path / root / "a.txt"))).body == f"in {root}".encode()
    reply = await send(kit, "a.txt", more=f"&name={quote('Grüße.txt')}")
    assert reply.fields["content-disposition"].startswith("attachment; filename=")
    reply = await send(kit, "large")
    assert (len(reply.body), reply.fields["x-sent"]) == (PIECE * 2, "yes")
    assert (await send(kit, "a.txt", more="&fail=true")).status == 409
    assert (await send(kit, "a.txt", more="&slow=true")).body == b"in public"
    assert (await send(kit, "nothing", more="&slow=true")).status == 404


async def test_what_an_action_sends_has_ranges_and_conditions(kit: Kit) -> None:
    reply = await send(kit, "a.txt", "Range: bytes=3-")
    assert (reply.status, reply.body) == (206, b"public")
    assert (await send(kit, "a.txt", "If-None-Match: *")).status == 304
    assert (await send(kit, "a.txt", "Range: bytes=99-")).status == 416
    reply = await send(kit, "a.txt", "If-None-Match: *", "Range: bytes=3-", method="POST")
    assert (reply.status, reply.body) == (200, b"in public")
    head = await send(kit, "large", method="HEAD")
    assert head.fields["content-length"] == str(PIECE * 2)


@pytest.mark.parametrize(
    "path",
    [
        "nothing",
        "../secret.txt",
        "../reports/a.txt",
        "x/../../secret.txt",
        "..\\secret.txt",
        "a.txt\0",
        ".hidden",
        "out",
        "%2e%2e/secret.txt",
        "/etc/passwd",
        "//etc/passwd",
        "{tmp}/secret.txt",
        "{tmp}/reports/../secret.txt",
        "{tmp}/reports/./a.txt",
        "{tmp}/reports//a.txt",
        "{tmp}/reports/.hidden",
        "{tmp}/reports/out",
        "{tmp}/reports-too/a.txt",
        "{tmp}/reports",
        "{tmp}/reports/",
        "{tmp}",
        "/",
        "",
    ],
)
async def test_an_action_sends_nothing_from_elsewhere(kit: Kit, tmp_path: Path, path: str) -> None:
    reply = await send(kit, path.replace("{tmp}", str(tmp_path)))
    assert (reply.status, reply.json()["code"]) == (404, "not_found")
    assert b"secret" not in reply.body


# Compression of replies, a setting.


@pytest.fixture
async def packing(tmp_path: Path) -> AsyncIterator[Kit]:
    async with serving(tmp_path, compress_replies=True) as kit:
        yield kit


async def test_replies_are_compressed_where_that_is_set(kit: Kit, packing: Kit) -> None:
    field = "Accept-Encoding: gzip"
    plain = await kit.get("/api/words?size=500", field)
    assert plain.fields.keys().isdisjoint(("vary", "content-encoding"))
    reply = await packing.get("/api/words?size=500", field)
    assert (reply.fields["content-encoding"], reply.fields["vary"]) == ("gzip", "Accept-Encoding")
    assert gzip.decompress(reply.body) == plain.body
    assert (await packing.get("/api/words?size=500&slow=true", field)).body == reply.body
    too_long = await packing.get("/api/words?size=700000", field)
    assert too_long.fields.keys().isdisjoint(("vary", "content-encoding"))
    reply = await packing.get("/api/words?size=500")
    assert (reply.body, reply.fields["vary"]) == (plain.body, "Accept-Encoding")
    assert (await packing.get("/api/words?size=5", field)).json() == ["word"] * 5
    assert (await packing.get("/api/large?size=5000", field)).body == b"x" * 5000


async def test_what_the_action_says_of_its_reply_holds(packing: Kit) -> None:
    field = "Accept-Encoding: gzip"
    reply = await packing.get("/api/words?size=500&tag=%22a%22", field)
    assert reply.fields["etag"] == 'W/"a"'
    reply = await packing.get("/api/words?size=500&coding=own", field)
    assert (reply.fields["content-encoding"], len(reply.json())) == ("own", 500)
