"""Sessions over WebSocket and TCP, whose connections stay, and where there is no client at all."""

import pytest

from actionhero.store.client import StoreClient
from actionhero.testing import TestServer
from tests.sessions.kit import Browser
from tests.sessions.test_proof import ask, open_websocket


async def test_a_websocket_has_the_session_of_its_cookie(
    browser: Browser, server: TestServer
) -> None:
    await browser.post("/api/put", value=1)
    async with await open_websocket(server, Cookie=f"session={browser.cookie}") as websocket:
        assert (await ask(websocket, "me"))["session"] == {"k": 1}
        await ask(websocket, "put", key="more", value=2)
        assert await browser.see() == {"k": 1, "more": 2}
        await browser.post("/api/put", key="late", value=3)
        assert (await ask(websocket, "me"))["session"] == {"k": 1, "more": 2, "late": 3}


async def test_a_cookie_cannot_be_changed_over_websocket(
    browser: Browser, server: TestServer
) -> None:
    await browser.post("/api/put", value=1)
    async with await open_websocket(server, Cookie=f"session={browser.cookie}") as websocket:
        reply = await ask(websocket, "login", user="ada")
        assert reply["error"]["code"] == "session"
        assert "log in there" in reply["error"]["message"]
        assert await browser.see() == {"k": 1}
        await ask(websocket, "logout")
        assert (await ask(websocket, "me"))["session"] == {}
    assert await browser.see() == {}


async def test_without_a_cookie_it_has_one_of_its_own(server: TestServer) -> None:
    async with (
        await open_websocket(server) as one,
        await open_websocket(server, Cookie="session=made.up") as other,
    ):
        await ask(one, "put", value=1)
        await ask(one, "login", user="ada")
        assert (await ask(one, "me"))["session"] == {"k": 1, "user": "ada"}
        assert (await ask(other, "me"))["session"] == {}
        await ask(one, "logout")
        assert (await ask(one, "me"))["session"] == {}


async def test_what_is_begun_at_once_is_one_session(server: TestServer) -> None:
    websocket = await server.websocket()
    for n in range(3):
        message = {"action": "put", "key": f"key{n}", "value": n}
        await websocket.send({"event": "action", "params": message, "messageId": n})
    for _ in range(3):
        await websocket.receive()
    reply = await websocket.action("me")
    assert reply["session"] == {"key0": 0, "key1": 1, "key2": 2}


async def test_a_tcp_client_has_one_of_its_own(server: TestServer, store: StoreClient) -> None:
    one, other = await server.tcp(), await server.tcp()
    await one.ask('{"action": "login", "params": {"user": "ada"}}')
    await one.ask('{"action": "put", "params": {"value": 1}}')
    assert (await one.ask("me"))["session"] == {"user": "ada", "k": 1}
    assert (await other.ask("me"))["session"] == {}
    await one.ask("logout")
    assert (await one.ask("me"))["session"] == {}
    assert await store.execute("KEYS", "sessions:session:*") == []


async def test_elsewhere_it_is_empty_and_nothing_is_kept(
    server: TestServer, store: StoreClient
) -> None:
    await server.terminal("put", "--value", "1")
    assert await server.terminal("me") == {"session": {}, "new": True}
    await server.terminal("login", "--user", "ada")
    await server.terminal("logout")
    assert await store.execute("KEYS", "sessions:session:*") == []


@pytest.mark.parametrize("status", [403, 500])
async def test_errors_are_those_of_the_action(server: TestServer, status: int) -> None:
    websocket = await server.websocket()
    reply = await websocket.action("fail", status=status)
    assert reply["error"]["code"] == ("action_error" if status == 403 else "internal_error")
    kept = (await websocket.action("me"))["session"]
    assert kept == ({"failed": 403} if status == 403 else {})
