"""Rooms as the clients of WebSocket and TCP have them, with a real server and a real store."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from actionhero import App, Connection, RoomMessage, Rooms
from actionhero.settings import RoomSettings, Settings, WebSocketSettings
from actionhero.testing import TestServer
from tests.rooms.kit import until

app = App("rooms")
app.room("lobby", announce=True)


def no_swearing(_connection: Connection, message: RoomMessage) -> RoomMessage | None:
    if message.content == "crash":
        raise RuntimeError("a secret")
    return None if message.content == "damn" else message


app.room("polite", say=no_swearing)
app.room("ranks", member_details=lambda connection, _room: {"rank": connection.params.get("rank")})


@app.action
async def shout(room: str, text: str, rooms: Rooms) -> dict[str, int]:
    return {"offset": await rooms.say(room, text.upper())}


@app.action
async def enter(room: str, rooms: Rooms, connection: Connection) -> dict[str, bool]:
    await rooms.join(connection, room)
    return {"entered": True}


@app.task
async def remind(room: str, rooms: Rooms) -> None:
    await rooms.say(room, "remember")


SETTINGS = Settings(
    rooms=RoomSettings(create=("defaultRoom", "r"), history=500),
    websocket=WebSocketSettings(outstanding_bytes=64 * 1024),
)


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    async with TestServer(app, settings=SETTINGS) as running:
        yield running


async def ask(client: Any, event: str, **fields: Any) -> dict[str, Any]:
    await client.send({"event": event, "messageId": 7, **fields})
    reply: dict[str, Any] = await client.receive()
    assert (reply["context"], reply["messageId"]) == ("response", 7), reply
    return reply


def plain(message: dict[str, Any]) -> tuple[Any, ...]:
    assert message["context"] == "user"
    assert message["sentAt"] > 1e12
    return message["message"], message["room"], message["from"], message["offset"]


async def test_websocket_and_tcp_talk(server: TestServer) -> None:
    websocket, tcp = await server.websocket(), await server.tcp()
    joined = await ask(websocket, "roomAdd", room="r")
    assert (joined["status"], joined["data"], joined["offset"]) == ("OK", True, 0)
    added = await tcp.ask("roomAdd r")
    assert (added["status"], added["data"], added["messageCount"]) == ("OK", True, 1)
    ids = [(await ask(websocket, "detailsView"))["data"]["id"]]
    details = await tcp.ask("detailsView")
    ids.append(details["data"]["id"])
    assert details["data"]["rooms"] == ["r"]
    assert details["details"]["room"] == "r"
    said = await ask(websocket, "say", room="r", message={"a": [1]})
    assert (said["status"], said["offset"]) == ("OK", 1)
    assert plain(await websocket.receive()) == ({"a": [1]}, "r", ids[0], 1)
    assert plain(await tcp.receive()) == ({"a": [1]}, "r", ids[0], 1)
    for line, text in (("say r hello there", "hello there"), ("say what ho", "what ho")):
        reply = await tcp.ask(line)
        assert reply["status"] == "OK"
        assert plain(await websocket.receive())[:3] == (text, "r", ids[1])
    view = await tcp.ask("roomView")
    assert view["data"]["membersCount"] == 2
    assert set(view["data"]["members"]) == set(ids)
    assert view["data"]["members"][ids[0]]["joinedAt"] > 1e12
    assert sorted(view["roomStatus"]["members"]) == sorted(ids)
    assert (await ask(websocket, "roomView", room="r"))["data"] == view["data"]
    assert (await tcp.ask("roomLeave r"))["data"] is True
    assert (await ask(websocket, "roomView", room="r"))["data"]["membersCount"] == 1


async def test_what_is_refused(server: TestServer) -> None:
    websocket, tcp = await server.websocket(), await server.tcp()
    assert (await tcp.ask("roomAdd r"))["status"] == "OK"
    for line, message in (
        ("roomAdd r", "connection already in this room (r)"),
        ("roomLeave other", "connection not in this room (other)"),
        ("listenToRoom r", "you are already listening to this room"),
        ("silenceRoom r", "you are not listening to this room"),
        ("roomAdd nowhere", "there is no room 'nowhere'"),
    ):
        assert (await tcp.ask(line))["error"]["message"] == message
    assert (await ask(websocket, "say", room="r", message=1))["error"]["code"] == "membership"
    assert (await ask(websocket, "roomAdd"))["error"]["code"] == "malformed"
    assert (await ask(websocket, "roomAdd", room="r", epoch="e", offset=-1))["error"] == {
        "code": "malformed",
        "message": "-1 is not an offset",
    }
    assert (await ask(websocket, "roomView"))["error"]["code"] == "membership"
    large = await ask(websocket, "say", room="r", message="x" * 70_000)
    assert large["error"]["code"] == "membership"
    await ask(websocket, "roomAdd", room="polite")
    for content, code in (("damn", "room_forbidden"), ("crash", "internal_error")):
        reply = await ask(websocket, "say", room="polite", message=content)
        assert reply["error"]["code"] == code
        assert "secret" not in str(reply)
    large = await ask(websocket, "say", room="polite", message="x" * 70_000)
    assert large["error"]["code"] == "too_large"


async def test_tcp_verbs_are_answered_in_order(server: TestServer) -> None:
    tcp = await server.tcp()
    lines = ["paramAdd messageId=a", "roomAdd r", "say r one", "paramAdd messageId=b"]
    lines += ["roomChange defaultRoom", "detailsView", "say two", "listenToRoom r", "quit"]
    await tcp.send("\r\n".join(lines))
    replies = [await tcp.receive() for _ in lines]
    assert [reply.get("messageCount") for reply in replies] == [*range(1, 9), None]
    assert [reply["messageId"] for reply in replies[1:4]] == ["a", "a", "a"]
    assert replies[4]["room"] == "defaultRoom"
    assert replies[5]["data"]["rooms"] == ["defaultRoom"]
    assert replies[7]["room"] == "r"
    assert replies[8]["reason"] == "request"


async def test_many_says_at_once_keep_their_order(server: TestServer) -> None:
    websocket, other = await server.websocket(), await server.websocket()
    for client in (websocket, other):
        await ask(client, "roomAdd", room="r")
    for number in range(60):
        await websocket.send({"event": "say", "room": "r", "message": number})
    heard = [plain(await other.receive())[0] for _ in range(60)]
    assert heard == list(range(60))


async def test_listening_announcements_and_leaving(server: TestServer) -> None:
    websocket, tcp = await server.websocket(), await server.tcp()
    assert (await ask(websocket, "listenToRoom", room="lobby"))["status"] == "OK"
    assert (await tcp.ask("roomAdd lobby"))["status"] == "OK"
    assert (await websocket.receive())["message"] == "I have entered the room"
    await tcp.aclose()
    assert (await websocket.receive())["message"] == "I have left the room"
    view = await ask(websocket, "roomView", room="lobby")
    assert view["data"] == {"room": "lobby", "members": {}, "membersCount": 0}
    assert (await ask(websocket, "silenceRoom", room="lobby"))["status"] == "OK"


async def test_resuming(server: TestServer) -> None:
    first, other = await server.websocket(), await server.tcp()
    joined = await ask(first, "roomAdd", room="r")
    await other.ask("roomAdd r")
    for text in ("one", "two", "three"):
        await other.ask(f"say r {text}")
    heard = await first.receive()
    assert heard["epoch"] == joined["epoch"]
    await first.aclose()
    await other.ask("say r four")
    again = await server.websocket()
    since = {"epoch": heard["epoch"], "offset": heard["offset"]}
    assert (await ask(again, "roomAdd", room="r", **since))["resumed"] is True
    assert [plain(await again.receive())[0] for _ in range(3)] == ["two", "three", "four"]
    lost = await server.tcp()
    assert (await lost.ask("roomAdd r other 2"))["resumed"] is False
    resumed = await server.tcp()
    reply = await resumed.ask(f"roomAdd r {heard['epoch']} 2")
    assert reply["resumed"] is True
    assert [(await resumed.receive())["message"] for _ in range(2)] == ["three", "four"]


async def test_messages_for_some(server: TestServer) -> None:
    tcp, other, websocket = await server.tcp(), await server.tcp(), await server.websocket()
    await tcp.ask("paramAdd rank=captain")
    for client in (tcp, other):
        await client.ask("roomAdd ranks")
    await ask(websocket, "roomAdd", room="ranks")
    await ask(websocket, "say", room="ranks", message="captains", where={"rank": "captain"})
    assert (await tcp.receive())["message"] == "captains"
    await tcp.ask("paramAdd roomMatchKey=rank")
    await tcp.ask("paramAdd roomMatchValue=captain")
    await tcp.ask("say to my own")
    await tcp.ask("paramsDelete")
    await tcp.ask("say to all")
    assert (await other.receive())["message"] == "to all"
    assert (await websocket.receive())["message"] == "to all"


async def test_actions_and_tasks_have_rooms(server: TestServer) -> None:
    websocket = await server.websocket()
    reply = await websocket.action("enter", room="r")
    assert reply["entered"]
    answer = await server.http.post("/api/shout", room="r", text="hear")
    assert answer.json() == {"offset": 1}
    assert (await websocket.receive())["message"] == "HEAR"
    await remind(room="r").enqueue()
    await server.run_tasks()
    assert (await websocket.receive())["message"] == "remember"
    await app.rooms.say("r", "from outside")
    assert (await websocket.receive())["message"] == "from outside"
    refused = await server.http.post("/api/enter", room="r")
    assert refused.json()["code"] == "room_error"
    unknown = await server.http.post("/api/shout", room="nowhere", text="x")
    assert unknown.status == 404


async def test_a_slow_websocket_reader_misses_nothing_and_holds_nobody_up(
    server: TestServer,
) -> None:
    small = socket.socket()
    small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    small.setblocking(False)
    await asyncio.get_running_loop().sock_connect(small, ("127.0.0.1", server.server.http_port))
    reader, writer = await asyncio.open_connection(sock=small, limit=1024)
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    join = b'{"event":"roomAdd","room":"r"}'
    writer.write(bytes((0x81, 0x80 | len(join))) + bytes(4) + join)
    quick = await server.websocket()
    await ask(quick, "roomAdd", room="r")
    quick_id = (await ask(quick, "detailsView"))["data"]["id"]
    text = "x" * 60_000
    attendees = server.services.rooms._hall._attendees
    slow = next(one for id, one in attendees.items() if id != quick_id).members["r"]
    await until(lambda: slow.waiting is None)
    count = 0
    while slow.waiting is None or count % 10:  # the kernel holds some megabytes
        await server.services.rooms.say("r", {"number": count, "text": text})
        assert (await quick.receive())["message"]["number"] == count
        count += 1
    found = bytearray()
    last = b'"number":%d,' % (count - 1)
    while last not in found[-200_000:]:
        async with asyncio.timeout(20):
            found += await reader.read(65536)
    assert [int(n) for n in re.findall(rb'"number":(\d+),', found)] == list(range(count))
    await until(lambda: slow.waiting is None)
    writer.close()
