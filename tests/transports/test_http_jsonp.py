"""`callback` and `outputType` where `web.jsonp` allows them, and where it does not."""

from pathlib import Path

from tests.transports.http_kit import HELLO, serving

XML = b'<?xml version="1.0" encoding="utf-8"?>\n<XML><greeting>Hello, Ada.</greeting></XML>'


async def test_they_are_ignored_by_default(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        reply = await kit.get("/api/hello?name=Ada&callback=f&outputType=xml")
        assert (reply.json(), reply.fields["content-type"]) == (HELLO, "application/json")


async def test_a_callback(tmp_path: Path) -> None:
    async with serving(tmp_path, jsonp=True) as kit:
        reply = await kit.get("/api/hello?callback=a.f&name=Ada")
        assert reply.body == b'a.f({"greeting":"Hello, Ada."});'
        assert reply.fields["content-type"] == "application/javascript"
        assert reply.fields["x-content-type-options"] == "nosniff"
        reply = await kit.get("/api/hello?callback=f")
        assert (reply.status, reply.body[:2]) == (422, b"f(")
        reply = await kit.get("/api/hello?name=Ada&callback=alert(1)//")
        assert (reply.status, reply.fields["content-type"]) == (400, "application/problem+json")
        assert b"alert" not in reply.body
        head = await kit.get("/api/hello?name=Ada&callback=f", method="HEAD")
        assert head.fields["content-length"] == str(len('f({"greeting":"Hello, Ada."});'))


async def test_xml(tmp_path: Path) -> None:
    async with serving(tmp_path, jsonp=True) as kit:
        for target in ("/api/hello?name=Ada&outputType=XML", "/api/greet/Ada?outputType=xml"):
            reply = await kit.get(target)
            assert (reply.body, reply.fields["content-type"]) == (XML, "application/xml")
        reply = await kit.get("/api/refuse?outputType=xml")
        assert (reply.status, b"<code>forbidden</code>" in reply.body) == (403, True)


async def test_what_waits_and_what_is_no_json(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    async with serving(tmp_path, jsonp=True, compress_replies=True, compress_from=1) as kit:
        kit.gate.opened.set()
        packed = ("/api/wait?callback=f", "Accept-Encoding: gzip")
        assert (await kit.get(*packed)).body == b'f({"waited":"yes"});'
        assert (await kit.get("/api/binary?callback=f")).body == b"PNG"
        assert (await kit.get("/public/a.json?callback=f")).body == b"{}"
        assert (await kit.get("/api/hello?name=Ada")).json() == HELLO
