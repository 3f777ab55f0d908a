"""From requests to answers, over a real server."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actionhero.connections import Connection
from actionhero.protocols.http1 import Peer, Request
from actionhero.transports.http_replies import RequestConnection
from tests.transports.http_kit import GET, HELLO, Kit, request, serving
from tests.transports.serving import eventually

METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    probes = {"/healthz": lambda: (200, {"status": "ok"}), "/readyz": lambda: (503, ["no"])}
    async with serving(tmp_path, probes=probes, upgrades={"/ws": print}) as kit:
        yield kit


async def test_an_action_is_answered_as_json(kit: Kit) -> None:
    reply = await kit.ask(GET)
    assert reply.status == 200
    assert reply.json() == HELLO
    assert reply.fields["content-type"] == "application/json"
    assert reply.fields["x-content-type-options"] == "nosniff"
    assert "connection" not in reply.fields
    assert reply.fields["x-request-id"]
    assert reply.fields["date"].endswith(" GMT")


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
async def test_an_action_is_there_for_every_method(kit: Kit, method: str) -> None:
    assert (await kit.get("/api/hello?name=Ada", method=method)).json() == HELLO


async def test_inputs_come_from_query_path_form_and_json(kit: Kit) -> None:
    assert (await kit.get("/api/hello?name=J%C3%BCrgen+B&excited=true")).json() == {
        "greeting": "Hello, Jürgen B!"
    }
    assert (await kit.get("/api/greet/J%C3%BCrgen%2FB")).json() == {"greeting": "Hello, Jürgen/B."}
    form = "application/x-www-form-urlencoded"
    assert (await kit.post("/api/hello", b"name=Ada", form)).json() == HELLO
    assert (await kit.post("/api/hello", b'{"name":"Ada"}')).json() == HELLO
    assert (await kit.get("/api/echo?numbers=1&numbers=2")).json()["numbers"] == [1, 2]
    reply = await kit.ask(
        request("PUT", "/api/users/7?name=Q", "Content-Type: application/json", body=b"{}")
    )
    assert reply.json() == {"user": 7, "name": "Q"}


async def test_the_path_wins_over_the_form_and_the_form_over_the_query(kit: Kit) -> None:
    form = "application/x-www-form-urlencoded"
    assert (await kit.post("/api/echo?value=query", b"value=form", form)).json()["value"] == "form"
    reply = await kit.ask(
        request("PUT", "/api/users/7?user=8", f"Content-Type: {form}", body=b"user=9&name=N")
    )
    assert reply.json() == {"user": 7, "name": "N"}


async def test_a_get_may_have_a_json_body(kit: Kit) -> None:
    reply = await kit.ask(
        request("GET", "/api/hello", "Content-Type: application/json", body=b'{"name":"Ada"}')
    )
    assert reply.json() == HELLO


async def test_versions(kit: Kit) -> None:
    form = "application/x-www-form-urlencoded"
    assert (await kit.get("/api/second")).json() == {"version": 2}
    assert (await kit.get("/api/second?apiVersion=1")).json() == {"version": 1}
    assert (await kit.get("/api/second?apiVersion=2&apiVersion=1")).json() == {"version": 1}
    assert (await kit.post("/api/second", b"apiVersion=1", form)).json() == {"version": 1}
    assert (await kit.post("/api/second", b'{"apiVersion":1}')).json() == {"version": 1}
    reply = await kit.get("/api/second?apiVersion=3")
    assert (reply.status, reply.json()["code"]) == (404, "unknown_version")


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/api/nothing", 404, "unknown_action"),
        ("/api/", 404, "unknown_action"),
        ("/api", 404, "unknown_action"),
        ("/api/terminal_only", 404, "unknown_action"),
        ("/api/users/7/posts", 404, "not_found"),
        ("/api/users/7?name=a", 405, "method_not_allowed"),
        ("/api/hello", 422, "invalid_input"),
        ("/api/hello?name=%ff", 400, "malformed"),
        ("/api/greet/%ff", 400, "malformed"),
        ("/api/hello?" + "&" * 1000, 400, "malformed"),
        ("/api/refuse?status=418", 418, "forbidden"),
        ("/api/broken", 500, "internal_error"),
        ("/api/unencodable", 500, "internal_error"),
        ("/api/abandoned", 500, "internal_error"),
        ("/api/quick", 503, "action_timeout"),
        ("/nothing", 404, "not_found"),
        ("/apihello", 404, "not_found"),
        ("//api/hello", 404, "not_found"),
        ("/api/../api/hello", 404, "not_found"),
        ("/public/nothing", 404, "not_found"),
        ("/public/%ff", 400, "malformed"),
        ("/ws", 426, "http_protocol"),
    ],
)
async def test_errors_are_problems(
    kit: Kit, target: str, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL + 1)
    reply = await kit.get(target)
    shown = reply.json()
    assert (reply.status, shown["status"], shown["code"]) == (status, status, code)
    assert reply.fields["content-type"] == "application/problem+json"
    assert set(shown) == {"type", "title", "status", "code", "detail", "errors", "requestId"}
    assert shown["requestId"] == reply.fields["x-request-id"]
    assert "secret" not in reply.body.decode()


async def test_who_comes_without_an_upgrade_is_told_which(kit: Kit) -> None:
    fields = (await kit.get("/ws")).fields
    assert (fields["upgrade"], fields["sec-websocket-version"]) == ("websocket", "13")


async def test_all_problems_with_the_inputs_are_told(kit: Kit) -> None:
    reply = await kit.post("/api/update", b'{"user":"x"}')
    assert [(one["path"], one["code"]) for one in reply.json()["errors"]] == [
        ("user", "wrong_type"),
        ("name", "missing"),
    ]


async def test_malformed_json_tells_where(kit: Kit) -> None:
    reply = await kit.post("/api/hello", b'{"name" "Ada"}')
    assert (reply.status, reply.json()["code"]) == (400, "malformed")
    assert "byte 8" in reply.json()["detail"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/form-data", "application/json;charset=x"]
)
async def test_other_bodies_are_not_taken(kit: Kit, kind: str) -> None:
    reply = await kit.post("/api/hello", b"x", kind)
    assert (reply.status, reply.json()["code"]) == (415, "unsupported_media_type")
    assert (await kit.ask(request("POST", "/api/hello", body=b"x"))).status == 415


async def test_an_empty_body_needs_no_type(kit: Kit) -> None:
    assert (await kit.ask(request("POST", "/api/hello?name=Ada", body=b""))).json() == HELLO
    assert (await kit.post("/api/hello?name=Ada", b"", "text/plain")).json() == HELLO


async def test_a_wrong_method_tells_the_right_ones(kit: Kit) -> None:
    reply = await kit.get("/api/users/7", method="DELETE")
    assert (reply.status, reply.fields["allow"]) == (405, "PUT, PATCH, OPTIONS")
    reply = await kit.get("/public/a", method="POST")
    assert (reply.status, reply.fields["allow"]) == (405, "GET, HEAD, OPTIONS")


@pytest.mark.parametrize(
    ("target", "allowed"),
    [
        ("/api/hello", METHODS),
        ("/api/greet/Ada", "GET, HEAD, OPTIONS"),
        ("/api/users/7", "PUT, PATCH, OPTIONS"),
        ("/public/a", "GET, HEAD, OPTIONS"),
        ("/healthz", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
        ("*", METHODS),
    ],
)
async def test_options_tell_the_methods(kit: Kit, target: str, allowed: str) -> None:
    reply = await kit.get(target, method="OPTIONS")
    assert (reply.status, reply.fields["allow"], reply.body) == (204, allowed, b"")


async def test_options_of_nothing_is_not_found(kit: Kit) -> None:
    assert (await kit.get("/api/nothing", method="OPTIONS")).status == 404


async def test_head_is_a_get_without_its_body(kit: Kit) -> None:
    wire = await kit.connect()
    for target in ("/api/hello?name=Ada", "/api/greet/Ada", "/healthz", "/", "/api/nothing"):
        got = await wire.ask(request("GET", target))
        reply = await wire.ask(request("HEAD", target), is_head=True)
        assert (reply.status, reply.body) == (got.status, b"")
        assert reply.fields["content-type"] == got.fields["content-type"]
        assert abs(int(reply.fields["content-length"]) - len(got.body)) <= 1  # its id may be longer


async def test_a_request_has_the_id_that_the_client_gave_it(kit: Kit) -> None:
    reply = await kit.get("/api/hello", "X-Request-Id: mine-1")
    assert reply.fields["x-request-id"] == reply.json()["requestId"] == "mine-1"
    reply = await kit.get("/api/hello", "X-Request-Id: not mine")
    assert reply.fields["x-request-id"] != "not mine"


async def test_actions_shape_their_replies(kit: Kit) -> None:
    reply = await kit.get("/api/shaped")
    assert (reply.status, reply.fields["x-shape"]) == (201, "round")
    assert (reply.fields["content-type"], reply.body) == (
        "text/plain; charset=utf-8",
        b"made",
    )
    for status in (204, 205):
        reply = await kit.get(f"/api/shaped?status={status}")
        assert (reply.status, reply.body) == (status, b"")
    reply = await kit.get("/api/shaped?fail=true")
    assert (reply.status, reply.fields["x-shape"]) == (409, "round")
    assert reply.fields["content-type"] == "application/problem+json"


async def test_bytes_are_sent_as_they_are(kit: Kit) -> None:
    reply = await kit.get("/api/large?size=3")
    assert (reply.body, reply.fields["content-type"]) == (b"xxx", "application/octet-stream")


async def test_who_asks_too_often_is_told_when_to_come_back(kit: Kit) -> None:
    reply = await kit.get("/api/hurry")
    assert (reply.status, reply.fields["retry-after"]) == (429, "3")


async def test_actions_see_the_request(kit: Kit) -> None:
    assert (await kit.get("/api/seen", "User-Agent: test/1", method="PUT")).json() == {
        "method": "PUT",
        "agent": "test/1",
        "ip": "127.0.0.1",
        "transport": "http",
        "has_id": True,
    }


async def test_requests_do_not_count_against_each_other(kit: Kit) -> None:
    wires = [await kit.connect() for _ in range(20)]
    for wire in wires:
        wire.send(request("GET", "/api/wait"))
    await eventually(lambda: kit.gate.entered == 20)
    kit.gate.opened.set()
    assert [(await wire.read_reply()).status for wire in wires] == [200] * 20


def test_a_connection_of_a_request_is_a_whole_one() -> None:
    peer = Peer("1.2.3.4", 5, "https", "example.org")
    made = RequestConnection(Request("PUT", "/", {b"host": b"a"}), peer)
    plain = Connection(
        "http",
        "1.2.3.4",
        5,
        method="PUT",
        headers={"host": "a"},
        scheme="https",
        forwarded_host="example.org",
    )
    for name in Connection.__slots__:
        if name not in {"_id", "_headers", "_hearer", "connected_at"}:
            assert getattr(made, name) == getattr(plain, name), name
    assert dict(made.headers) == plain.headers
    assert abs(made.connected_at - plain.connected_at) < 10
    assert made.id != plain.id
    made.set_status(201)
    assert made.status == 201


async def test_probes(kit: Kit) -> None:
    reply = await kit.get("/healthz?x=y")
    assert (reply.status, reply.json()) == (200, {"status": "ok"})
    reply = await kit.get("/readyz")
    assert (reply.status, reply.json()) == (503, ["no"])
    assert (await kit.get("/healthz", method="POST")).status == 405


async def test_a_probe_that_fails_is_logged(kit: Kit, caplog: pytest.LogCaptureFixture) -> None:
    kit.server._answers._probes["/bad"] = lambda: (200, object())  # type: ignore[index]
    assert (await kit.get("/bad?token=secret")).status == 500
    assert "request failed" in caplog.text
    assert "token" not in caplog.text


async def test_the_root_shows_the_way(kit: Kit, tmp_path: Path) -> None:
    reply = await kit.get("/")
    assert reply.status == 200
    assert "/api/" in reply.json()["message"]
    (tmp_path / "index.html").write_text("<h1>Hello</h1>")
    reply = await kit.get("/")
    assert (reply.status, reply.fields["location"]) == (302, "/public/")
    assert (await kit.get("/public/")).body == b"<h1>Hello</h1>"
    assert (await kit.get("/public")).fields["location"] == "/public/"


async def test_requests_and_actions_are_counted(kit: Kit) -> None:
    await kit.get("/api/hello?name=Ada")
    await kit.get("/api/nothing")
    await kit.server.drain(5.0)
    assert kit.stats.tally["webServer:numberOfWebRequests"] == 2
    assert kit.stats.tally["actions:processedActions:hello"] == 1
