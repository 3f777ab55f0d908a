"""The classic envelope, as clients of ActionHero v4.1.0 know it."""

import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from actionhero import Connection, UploadedFile
from actionhero.actions.action import Action
from tests.transports.http_kit import Kit, Reply, request, serving

NO_ACTION = "Error: {no action} is not a known action."


async def paged(limit: int, offset: int, key: str = "") -> dict[str, object]:
    return {"limit": limit, "offset": offset, "key": key}


async def need(key: str, count: int = 0) -> None:
    return None


async def listed() -> list[int]:
    return [1, 2]


async def named(connection: Connection, photo: UploadedFile | None = None) -> dict[str, object]:
    connection.set_header("X-Own", "yes")
    connection.set_status(201)
    return {"name": None if photo is None else photo.name}


async def streamed() -> AsyncIterator[int]:
    yield 1


MORE = (paged, need, listed, named, streamed)


def more() -> list[Action]:
    return [Action(function) for function in MORE]


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    (tmp_path / "a.txt").write_text("text")
    probes = {"/healthz": lambda: (200, {"status": "ok"})}
    async with serving(tmp_path, more=more(), probes=probes, envelope="classic") as kit:
        yield kit


@pytest.fixture
async def coded(tmp_path: Path) -> AsyncIterator[Kit]:
    async with serving(tmp_path, more=more(), envelope="classic", return_error_codes=True) as kit:
        yield kit


def params(reply: Reply) -> Any:
    return reply.json()["requestorInformation"]["receivedParams"]


async def test_the_envelope(kit: Kit) -> None:
    before = time.time() * 1000
    reply = await kit.get("/api/hello?name=Ada")
    shown = reply.json()
    assert (reply.status, reply.fields["content-type"]) == (200, "application/json")
    assert list(shown) == ["greeting", "serverInformation", "requestorInformation"]
    assert shown["greeting"] == "Hello, Ada."
    server = shown["serverInformation"]
    assert list(server) == ["serverName", "apiVersion", "requestDuration", "currentTime"]
    assert (server["serverName"], server["apiVersion"]) == ("kit", "1.2.3")
    assert type(server["requestDuration"]) is int
    assert before - 1 <= server["currentTime"] <= time.time() * 1000 + 1
    requestor = shown["requestorInformation"]
    assert list(requestor) == ["id", "remoteAddress", "receivedParams"]
    assert requestor["remoteAddress"] == "127.0.0.1"
    assert requestor["receivedParams"] == {
        "limit": 100,
        "offset": 0,
        "name": "Ada",
        "action": "hello",
    }


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("/api/nothing", "Error: nothing is not a known action."),
        ("/nothing", "Error: nothing is not a known action."),
        ("/api/nothing/more", "Error: nothing is not a known action."),
        ("/api", NO_ACTION),
        ("/api/", NO_ACTION),
        ("/", NO_ACTION),
        ("/?action=", NO_ACTION),
        ("/api/hello?action=nothing", "Error: nothing is not a known action."),
        ("/api/%3Cb%3E", "Error: <b> is not a known action."),
        ("/api/need", "Error: key is a required parameter for this action"),
        ("/api/need?count=x", "Error: key is a required parameter for this action"),
        ("/api/need?key=a&count=x", "Error: count: expected `int`, got 'x'"),
        ("/api/refuse", "Error: you may not"),
        ("/api/broken", "Error: the server could not complete this; the error has been logged"),
        ("/api/hello?name=%FF", "Error: a field is not UTF-8: '%FF'"),
        ("/api/terminal_only", "Error: terminal_only is not a known action."),
    ],
)
async def test_errors_are_texts_and_come_last(kit: Kit, target: str, error: str) -> None:
    reply = await kit.get(target)
    assert reply.status == 200
    assert list(reply.json())[-1] == "error"
    assert reply.json()["error"] == error
    assert (params(reply)["limit"], params(reply)["offset"]) == (100, 0)


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/api/hello?name=Ada", 200),
        ("/api/nothing", 404),
        ("/api", 404),
        ("/api/need", 422),
        ("/api/need?key=a&count=x", 400),
        ("/api/refuse", 403),
        ("/api/refuse?status=418", 418),
        ("/api/broken", 400),
        ("/api/hurry", 400),
        ("/api/named", 201),
    ],
)
async def test_statuses_where_they_are_asked_for(coded: Kit, target: str, status: int) -> None:
    assert (await coded.get(target)).status == status


async def test_an_action_may_be_named_in_several_ways(kit: Kit) -> None:
    for target in (
        "/api/hello?name=Ada",
        "/hello?name=Ada",
        "/?action=hello&name=Ada",
        "/api/?action=hello&name=Ada",
        "/api/need?action=hello&name=Ada",
        "/api/greet/Ada",
        "/greet/Ada",
    ):
        reply = await kit.get(target)
        assert reply.json()["greeting"] == "Hello, Ada."
        assert params(reply)["action"] == "hello"


async def test_limit_and_offset_are_always_there(kit: Kit) -> None:
    assert (await kit.get("/api/paged")).json()["limit"] == 100
    reply = await kit.get("/api/paged?limit=5&offset=7")
    assert (reply.json()["limit"], reply.json()["offset"]) == (5, 7)
    assert (params(reply)["limit"], params(reply)["offset"]) == (5, 7)
    reply = await kit.post("/api/paged", b'{"limit":6,"key":"k"}')
    assert (reply.json()["limit"], reply.json()["offset"], reply.json()["key"]) == (6, 0, "k")
    assert params(reply) == {"limit": 6, "offset": 0, "key": "k", "action": "paged"}
    assert params(await kit.get("/api/hello?name=a&limit=x&offset=1.5")) == {
        "limit": None,
        "offset": 1.5,
        "name": "a",
        "action": "hello",
    }


async def test_only_known_parameters_are_told_back(kit: Kit) -> None:
    assert "crazy" not in params(await kit.get("/api/hello?name=a&crazy=1"))
    assert "crazy" not in params(await kit.post("/api/hello", b'{"name":"a","crazy":1}'))
    form = "application/x-www-form-urlencoded"
    assert params(await kit.post("/api/hello?name=b", b"name=a&count=1", form)) == {
        "limit": 100,
        "offset": 0,
        "name": "a",
        "count": "1",
        "action": "hello",
    }


async def test_bodies_that_cannot_be_read(kit: Kit) -> None:
    for body in (b"{", b"[]", b'{"name":"a","name":"b"}'):
        reply = await kit.post("/api/hello", body)
        assert (reply.status, list(reply.json())[-1]) == (200, "error")


async def test_files_of_a_form(kit: Kit) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.png"\r\n\r\nabc\r\n'
        b'--x\r\nContent-Disposition: form-data; name="limit"\r\n\r\n3\r\n--x--\r\n'
    )
    for target in ("/api/named", "/named", "/?action=named"):
        reply = await kit.post(target, body, "multipart/form-data; boundary=x")
        assert (reply.status, reply.json()["name"], params(reply)["limit"]) == (201, "a.png", 3)
        assert reply.fields["x-own"] == "yes"


async def test_a_value_that_is_no_object(kit: Kit) -> None:
    assert (await kit.get("/api/listed")).json()["data"] == [1, 2]
    reply = await kit.get("/api/need?key=a")
    assert list(reply.json()) == ["serverInformation", "requestorInformation"]


async def test_a_cookie_identifies_the_client(kit: Kit) -> None:
    first = await kit.get("/api/hello?name=Ada")
    cookie = first.fields["set-cookie"]
    assert re.fullmatch(r"sessionID=[\w-]{32}; Path=/; HttpOnly; SameSite=Strict", cookie)
    second = await kit.get("/api/nothing", "Cookie: " + cookie.partition(";")[0])
    assert "set-cookie" not in second.fields
    ids = [reply.json()["requestorInformation"]["id"] for reply in (first, second)]
    assert ids[0] == ids[1] not in cookie
    third = await kit.get("/api/hello?name=Ada", "Cookie: sessionID=../../x")
    assert third.json()["requestorInformation"]["id"] != ids[0]
    assert "set-cookie" in third.fields


async def test_a_callback(kit: Kit) -> None:
    reply = await kit.get("/api/hello?name=Ada&callback=f")
    assert reply.fields["content-type"] == "application/javascript"
    assert reply.body.startswith(b'f({"greeting"')
    assert reply.body.endswith(b"});")
    assert json.loads(reply.body[2:-2])["requestorInformation"]["receivedParams"]["callback"] == "f"
    assert (await kit.get("/api/nothing?callback=f")).body.startswith(b"f({")
    reply = await kit.get("/api/hello?name=Ada&callback=<script>")
    assert reply.fields["content-type"] == "application/json"
    assert reply.json()["error"] == "Error: callback is not the name of a JavaScript function"


async def test_xml(kit: Kit) -> None:
    reply = await kit.get("/api?outputType=xml")
    assert reply.fields["content-type"] == "application/xml"
    text = reply.body.decode()
    assert text.startswith('<?xml version="1.0" encoding="utf-8"?>')
    assert "<XML>" in text
    assert f"<error>{NO_ACTION}</error></XML>" in text
    assert "<apiVersion>1.2.3</apiVersion>" in text
    reply = await kit.post("/api/hello", b'{"name":"A&B","outputType":"xml"}')
    assert b"<greeting>Hello, A&amp;B.</greeting>" in reply.body


async def test_what_has_no_envelope(kit: Kit) -> None:
    assert (await kit.get("/api/binary")).body == b"PNG"
    assert (await kit.get("/api/text?kind=text/plain")).body == "Grüße".encode()
    assert (await kit.get("/healthz")).json() == {"status": "ok"}
    moved = await kit.get("/api/moved?url=/x")
    assert (moved.status, moved.fields["location"], moved.body) == (302, "/x", b"")
    assert (await kit.get("/api/send?path=a.txt")).body == b"text"
    stream = await kit.get("/api/streamed")
    assert stream.fields["content-type"].startswith("text/event-stream")


async def test_files(kit: Kit) -> None:
    assert (await kit.get("/public/a.txt")).body == b"text"
    for target in ("/public/b.txt", "/public/", "/public/../x", "/public/%2e%2e/a"):
        reply = await kit.get(target)
        assert (reply.status, reply.body) == (404, b"Sorry, that file is not found :(")
    assert (await kit.get("/public")).status == 308


async def test_an_index_is_shown_at_the_root(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("hello")
    async with serving(tmp_path, envelope="classic") as kit:
        assert (await kit.get("/")).fields["location"] == "/public/"


async def test_too_much_at_once_and_a_stop(kit: Kit) -> None:
    kit.dispatcher.is_draining = True
    reply = await kit.get("/api/hello?name=Ada")
    assert reply.json()["error"] == "Error: the server is shutting down"
    kit.dispatcher.is_draining = False


async def test_large_replies_are_packed(tmp_path: Path) -> None:
    async with serving(
        tmp_path, envelope="classic", compress_replies=True, compress_from=100
    ) as kit:
        reply = await kit.get("/api/words?size=1000", "Accept-Encoding: gzip")
        assert reply.fields["content-encoding"] == "gzip"


async def test_other_methods(kit: Kit) -> None:
    for method in ("PUT", "DELETE", "PATCH"):
        reply = await kit.ask(request(method, "/api/hello?name=Ada"))
        assert reply.json()["greeting"] == "Hello, Ada."
    assert (await kit.get("/api/hello?name=Ada", method="HEAD")).status == 200
    assert (await kit.get("/api/hello", method="OPTIONS")).status == 204
