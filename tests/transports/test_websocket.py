"""What is said over a WebSocket, and who may connect."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from actionhero.actions.action import Action
from actionhero.actions.routes import Routes
from actionhero.settings import WebSettings, WebSocketSettings
from actionhero.transports.http import HttpServer
from actionhero.transports.websocket import WebSocketEndpoint
from tests.transports.serving import Served, eventually, hello
from tests.transports.ws_kit import Answer, Start, ask, frame, hear, talk


@pytest.fixture
def start(start_ws: Start) -> Start:
    return start_ws


async def test_an_action(start: Start) -> None:
    kit = await start()
    async with talk(kit) as client:
        params = {"action": "hello", "name": "Ada", "excited": True}
        assert await ask(client, event="action", params=params, messageId=2) == {
            "greeting": "Hello, Ada!",
            "context": "response",
            "messageId": 2,
        }
        assert kit.stats.tally["webSockets:numberOfRequests"] == 1
        assert kit.active == 1
    await eventually(lambda: kit.active == 0)
    assert kit.lost == 1


@pytest.mark.parametrize("message_id", [0, 7, "seven", 'q"uote', 1.5, -3])
async def test_ids_come_back_as_they_were(start: Start, message_id: object) -> None:
    async with talk(await start()) as client:
        params = {"action": "number"}
        answer = await ask(client, event="action", params=params, messageId=message_id)
        assert answer == {"data": 42, "context": "response", "messageId": message_id}


async def test_a_message_without_an_id_gets_one(start: Start) -> None:
    async with talk(await start()) as client:
        ids = [
            (await ask(client, event="action", params={"action": "number"}))["messageId"]
            for _ in range(2)
        ]
        assert all(re.fullmatch(r"\w+-\w+", one) for one in ids)
        assert ids[0] != ids[1]


@pytest.mark.parametrize(
    ("params", "fields"),
    [
        ({"action": "nothing"}, {"data": None}),
        ({"action": "empty"}, {}),
        ({"action": "numbers", "tags": [1, 2]}, {"data": [1, 2]}),
        ({"action": "hello", "name": "Zoë €𝄞"}, {"greeting": "Hello, Zoë €𝄞."}),
        ({"action": "second"}, {"version": 2}),
        ({"action": "second", "apiVersion": 1}, {"data": 42}),
        ({"action": "second", "apiVersion": "2", "value": 5}, {"version": 5}),
    ],
)
async def test_values(start: Start, params: Answer, fields: Answer) -> None:
    async with talk(await start()) as client:
        answer = await ask(client, event="action", params=params, messageId=1)
        assert answer == {**fields, "context": "response", "messageId": 1}


@pytest.mark.parametrize(
    ("message", "code", "said"),
    [
        ('{"event": "action", "params": {"action": "nope"}}', "unknown_action", "'nope'"),
        ('{"event": "action", "params": {}}', "unknown_action", "no action was named"),
        ('{"event": "action"}', "unknown_action", "no action was named"),
        ('{"event": "action", "params": []}', "malformed", "`params`"),
        ('{"event": "action", "params": {"action": 5}}', "malformed", "`params`"),
        ('{"event": "action", "params": {"action": "hello"}}', "invalid_input", "name: is req"),
        (
            '{"event": "action", "params": {"action": "hello", "name": 5}}',
            "invalid_input",
            "name: expected `str`",
        ),
        ('{"event": "action", "params": {"action": "refuse"}}', "forbidden", "you may not"),
        (
            '{"event": "action", "params": {"action": "second", "apiVersion": 9}}',
            "unknown_version",
            "no version '9'",
        ),
        ('{"event": "dance"}', "bad_request", "'dance' is not an event; use action, details"),
        ("{}", "bad_request", "'' is not an event"),
        ('{"event": 5}', "malformed", "$.event"),
        ("[]", "malformed", "Expected `object`"),
        ("hello", "malformed", "byte 0"),
        ("", "malformed", "ends too early"),
        ('{"event": "action", "params": {"x": NaN}}', "malformed", "byte 36"),
        ('{"event": "action", "params": ' + "[" * 50_000, "malformed", "nested too deeply"),
        ('{"event": "file"}', "malformed", "name the file"),
        ('{"event": "roomAdd", "room": 5}', "malformed", "$.room"),
        ('{"event": "roomView"}', "membership", "this connection is in none"),
    ],
)
async def test_errors_are_answered_and_the_connection_stays(
    start: Start, message: str, code: str, said: str
) -> None:
    async with talk(await start()) as client:
        await client.send(message)
        answer = await hear(client)
        assert answer["error"]["code"] == code
        assert said in answer["error"]["message"]
        assert answer["context"] == "response"
        answer = await ask(client, event="action", params={"action": "number"})
        assert answer["data"] == 42


async def test_the_error_of_an_unreadable_message_has_its_id(start: Start) -> None:
    async with talk(await start()) as client:
        assert (await ask(client, event=5, messageId=7))["messageId"] == 7


@pytest.mark.parametrize("action", ["broken", "unencodable", "surrogate"])
async def test_faults_of_ours_tell_nothing(start: Start, action: str) -> None:
    async with talk(await start()) as client:
        answer = await ask(client, event="action", params={"action": action}, messageId=1)
        assert (answer["error"]["code"], answer["messageId"]) == ("internal_error", 1)
        assert "secret" not in str(answer)


async def test_details_and_documentation(start: Start) -> None:
    async with talk(await start()) as client:
        answer = await ask(client, event="detailsView", messageId=1)
        who = await ask(client, event="action", params={"action": "whoami"})
        assert (who["transport"], who["ip"]) == ("websocket", "127.0.0.1")
        assert answer["data"]["id"] == who["id"]
        assert answer["data"]["remotePort"] == client.local_address[1]
        assert (answer["status"], answer["messageId"]) == ("OK", 1)
        documentation = await ask(client, event="documentation", messageId=2)
        assert {"name": "hello"} in documentation["data"]


async def test_files(start: Start) -> None:
    kit = await start(message_bytes=1000)
    public = kit.served.public
    (public / "a.html").write_text("<p>Zoë</p>")
    (public / "a.png").write_bytes(b"\x89PNG\xff")
    (public / "big.txt").write_bytes(b"x" * 1001)
    async with talk(kit) as client:
        modified = round((public / "a.html").stat().st_mtime * 1000)
        assert await ask(client, event="file", file="a.html", messageId=1) == {
            "content": "<p>Zoë</p>",
            "mime": "text/html",
            "length": 11,
            "lastModified": modified,
            "context": "response",
            "messageId": 1,
        }
        picture = await ask(client, event="file", file="a.png")
        assert (picture["content"], picture["encoding"]) == ("iVBOR/8=", "base64")
        too_big = await ask(client, event="file", file="big.txt")
        assert too_big["error"]["code"] == "too_large"
        for name in ("missing", "../secret", "/etc/passwd", "a.html/"):
            missing = await ask(client, event="file", file=name)
            assert missing["error"]["code"] == "not_found"


async def test_more_requests_than_may_be_pending_are_refused(start: Start) -> None:
    kit = await start(pending=2)
    async with talk(kit) as client:
        for message_id in (1, 2, 3):
            message = {"event": "action", "params": {"action": "wait"}, "messageId": message_id}
            await client.send(json.dumps(message))
        answer = await hear(client)
        assert answer["messageId"] == 3
        assert answer["error"]["message"] == "you have too many pending requests"
        kit.gate.opened.set()
        assert {(await hear(client))["messageId"] for _ in range(2)} == {1, 2}
        assert (await ask(client, event="action", params={"action": "number"}))["data"] == 42


async def test_replies_come_as_actions_end(start: Start) -> None:
    kit = await start()
    async with talk(kit) as client:
        await client.send('{"event": "action", "params": {"action": "wait"}, "messageId": 1}')
        assert (await ask(client, event="action", params={"action": "number"}))["data"] == 42
        kit.gate.opened.set()
        assert await hear(client) == {"waited": "x", "context": "response", "messageId": 1}


async def test_quit(start: Start) -> None:
    kit = await start()
    async with talk(kit) as client:
        await client.send('{"event": "action", "params": {"action": "wait"}}')
        await client.send('{"event": "quit"}')
        await client.send('{"event": "detailsView"}')
        await eventually(lambda: kit.gate.entered == 1)
        kit.gate.opened.set()
        assert (await hear(client))["waited"] == "x"
        with pytest.raises(ConnectionClosed) as caught:
            await hear(client)
        assert caught.value.rcvd is not None
        assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1000, "request")


# Who may connect.


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.com"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1.evil.com"}, 403),
    ],
)
async def test_pages_from_elsewhere_may_not_connect(
    start: Start, headers: dict[str, str], status: int
) -> None:
    kit = await start(origins=("https://app.example.com/",))
    with pytest.raises(InvalidStatus) as caught:
        await kit.connect(additional_headers=headers)
    assert caught.value.response.status_code == status
    assert kit.active == 0


async def test_pages_of_listed_origins_may_connect(start: Start) -> None:
    kit = await start(origins=("https://app.Example.com/",))
    async with talk(kit, origin="https://app.example.com"):
        assert kit.active == 1
    async with talk(kit, origin=f"http://127.0.0.1:{kit.port}"):
        pass


async def test_another_version_is_refused(start: Start) -> None:
    kit = await start()
    reader, writer = await asyncio.open_connection("127.0.0.1", kit.port)
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 426 ")
    writer.close()


async def test_too_many_connections(start: Start) -> None:
    kit = await start(connections=1)
    async with talk(kit):
        with pytest.raises(InvalidStatus) as caught:
            await kit.connect()
        assert caught.value.response.status_code == 503
    await eventually(lambda: kit.active == 0)
    async with talk(kit):
        pass


async def test_what_comes_with_the_opening_is_not_lost(start: Start) -> None:
    kit = await start()
    message = b'{"event": "action", "params": {"action": "hello", "name": "%s"}}' % (b"x" * 20_000)
    raw = await kit.open_raw(frame(0x1, message) + frame(0x9, b"ping"))
    answers = [await raw.read() for _ in range(2)]
    assert (0xA, b"ping") in answers
    assert any(opcode == 0x1 and b"xxx" in payload for opcode, payload in answers)


# Behind the real HTTP server.


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    served = Served(tmp_path)
    endpoint = WebSocketEndpoint(WebSocketSettings(), served.dispatcher, **served.guide)
    server = HttpServer(
        WebSettings(port=0, public=str(tmp_path)),
        served.dispatcher,
        Routes([Action(hello)]),
        stats=served.stats,
        upgrades={"/ws": endpoint.accept},
    )
    await server.start()
    yield server.port
    await endpoint.drain(0.0)
    await server.drain(0.0)


async def test_http_hands_over(port: int) -> None:
    async with connect(f"ws://127.0.0.1:{port}/ws?x=1", proxy=None) as client:
        assert (await hear(client))["welcome"] == "Welcome"
        params = {"action": "hello", "name": "x" * 100_000}
        answer = await ask(client, event="action", params=params, messageId=1)
        assert len(answer["greeting"]) > 100_000


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/ws", {"Origin": "http://evil.com"}, 403),
        ("/ws", {"Origin": "null"}, 403),
        ("/elsewhere", {}, 404),
    ],
)
async def test_http_tells_why_it_does_not(
    port: int, path: str, headers: dict[str, str], status: int
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        await connect(f"ws://127.0.0.1:{port}{path}", proxy=None, additional_headers=headers)
    assert caught.value.response.status_code == status
    problem = json.loads(caught.value.response.body)
    assert problem["status"] == status
