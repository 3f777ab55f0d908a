"""Pages of other sites: what they can make a browser send, and what comes of it (CSRF)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from actionhero.settings import Settings, WebSettings, WebSocketSettings
from actionhero.testing import TestServer
from tests.sessions.kit import Browser, make_app

HOST = "shop.example"
FOREIGN: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site", "Origin": f"http://{HOST}"},
    {"Sec-Fetch-Site": ""},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://evil.example"},
    {"Origin": f"http://{HOST}.evil.example"},
    {"Origin": f"http://evil.example/{HOST}"},
    {"Origin": f"http://{HOST}:8080"},
    {"Origin": f"http://{HOST}@evil.example"},
    {"Origin": f"http://{HOST}, http://evil.example"},
    {"Origin": "http://"},
    {"Origin": "https://partner.example.evil"},
]
OWN: list[dict[str, str]] = [
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": f"http://{HOST}"},
    {"Origin": f"http://{HOST.upper()}:80"},
    {"Origin": f"https://{HOST}"},
    {"Origin": "https://partner.example", "Sec-Fetch-Site": "cross-site"},
]


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    web = WebSettings(
        hosts=("*",),
        trusted_proxies=("127.0.0.1",),
        cors_origins=("https://partner.example",),
        cors_credentials=True,
    )
    settings = Settings(
        env="test", web=web, websocket=WebSocketSettings(origins=("https://chat.example", "*"))
    )
    async with TestServer(make_app(), settings=settings) as server:
        yield server


async def logged_in(server: TestServer) -> tuple[Browser, str]:
    """A browser that says nothing of where its pages come from, and the token of its session."""
    browser = Browser(server.http, Host=HOST)
    token = (await browser.post("/api/login", user="ada")).json()["token"]
    del browser.headers["Sec-Fetch-Site"]
    return browser, token


async def test_pages_of_other_sites_change_nothing(server: TestServer) -> None:
    browser, _ = await logged_in(server)
    for headers in FOREIGN:
        browser.headers = {"Host": HOST, **headers}
        reply = await browser.post("/api/put", value="stolen")
        assert (reply.status, reply.json()["code"]) == (403, "csrf"), headers
    assert await browser.see() == {"user": "ada"}


async def test_nor_do_they_log_anybody_in(server: TestServer) -> None:
    browser = Browser(server.http)
    for headers in FOREIGN:
        browser.headers = {"Host": HOST, **headers}
        reply = await browser.post("/api/login", user="mallory")
        assert reply.status == 403, headers
        assert "set-cookie" not in reply.headers


async def test_own_pages_and_those_of_listed_origins_do(server: TestServer) -> None:
    browser, _ = await logged_in(server)
    for headers in OWN:
        browser.headers = {"Host": HOST, **headers}
        assert (await browser.post("/api/put", value=1)).status == 200, headers


async def test_without_a_word_of_where_it_comes_from_a_token_is_needed(
    server: TestServer,
) -> None:
    browser, token = await logged_in(server)
    reply = await browser.post("/api/put", value=1)
    assert reply.status == 403
    assert "X-CSRF-Token" in reply.json()["detail"]
    for wrong in ("", "x", token[:-1], token + "x", browser.cookie):
        browser.headers["X-CSRF-Token"] = wrong
        assert (await browser.post("/api/put", value=1)).status == 403
    browser.headers["X-CSRF-Token"] = token
    assert (await browser.post("/api/put", value=1)).status == 200


async def test_the_token_helps_a_page_of_another_site_too(server: TestServer) -> None:
    browser, token = await logged_in(server)
    browser.headers |= {"Sec-Fetch-Site": "cross-site", "X-CSRF-Token": token}
    assert (await browser.post("/api/put", value=1)).status == 200


async def test_a_token_is_of_one_session_and_ends_with_its_id(server: TestServer) -> None:
    browser, token = await logged_in(server)
    other, _ = await logged_in(server)
    other.headers["X-CSRF-Token"] = token
    assert (await other.post("/api/put", value=1)).status == 403
    browser.headers["X-CSRF-Token"] = token
    assert (await browser.post("/api/renew")).status == 200
    assert (await browser.post("/api/put", value=1)).status == 403


async def test_a_client_that_is_no_browser_may_begin_a_session(server: TestServer) -> None:
    browser = Browser(server.http, Host=HOST)
    del browser.headers["Sec-Fetch-Site"]
    assert (await browser.post("/api/put", value=1)).status == 200


async def test_a_get_that_is_declared_is_for_all(server: TestServer) -> None:
    browser, _ = await logged_in(server)
    browser.headers["Sec-Fetch-Site"] = "cross-site"
    assert await browser.see() == {"user": "ada"}


async def test_a_get_is_no_way_around_a_declared_post(server: TestServer) -> None:
    browser, _ = await logged_in(server)
    assert (await browser.get("/api/put?value=1")).status == 403
    assert (await browser.get("/api/logout")).status == 403
    browser.headers["Sec-Fetch-Site"] = "cross-site"
    assert (await browser.get("/api/put?value=1")).status == 403
    assert await browser.see() == {"user": "ada"}


async def test_without_a_declared_method_only_other_sites_are_refused(server: TestServer) -> None:
    browser, _ = await logged_in(server)
    assert (await browser.get("/api/anything")).status == 200
    browser.headers["Sec-Fetch-Site"] = "cross-site"
    assert (await browser.get("/api/anything")).status == 403


async def test_an_action_may_take_it_upon_itself(server: TestServer) -> None:
    browser, _ = await logged_in(server)
    browser.headers["Sec-Fetch-Site"] = "cross-site"
    assert (await browser.post("/api/open_to_all")).status == 200


async def test_pages_of_http_may_not_ask_by_https(server: TestServer) -> None:
    browser, _ = await logged_in(server)
    browser.headers |= {"X-Forwarded-Proto": "https", "Origin": f"http://{HOST}"}
    assert (await browser.post("/api/put", value=1)).status == 403
    browser.headers["Origin"] = f"https://{HOST}"
    assert (await browser.post("/api/put", value=1)).status == 200


async def test_the_host_is_the_one_that_the_client_sees(server: TestServer) -> None:
    browser, _ = await logged_in(server)
    browser.headers |= {"X-Forwarded-Host": "www.example", "Origin": "https://www.example"}
    assert (await browser.post("/api/put", value=1)).status == 200
    browser.headers["Origin"] = f"http://{HOST}"
    assert (await browser.post("/api/put", value=1)).status == 403


async def open_websocket(server: TestServer, **headers: str) -> Any:
    from websockets.asyncio.client import connect

    url = f"ws://127.0.0.1:{server.server.http_port}/ws"
    return await connect(url, additional_headers=headers, proxy=None)


async def ask(websocket: Any, name: str, **params: object) -> dict[str, Any]:
    from actionhero.codec import decode_json, encode_json

    message = {"event": "action", "params": {"action": name, **params}, "messageId": 7}
    await websocket.send(encode_json(message).decode())
    while True:
        reply: dict[str, Any] = decode_json((await websocket.recv()).encode())
        if reply.get("messageId") == 7:
            return reply


@pytest.mark.parametrize(
    ("origin", "is_refused"),
    [
        ("https://evil.example", True),  # it may connect here ("*"), but not use the session
        ("https://chat.example", False),
        ("null", True),
        ("", False),
    ],
)
async def test_over_websocket_the_origin_decides(
    server: TestServer, origin: str, is_refused: bool
) -> None:
    browser, _ = await logged_in(server)
    headers = {"Origin": origin} if origin else {}
    async with await open_websocket(
        server, Cookie=f"session={browser.cookie}", **headers
    ) as websocket:
        reply = await ask(websocket, "put", value=1)
        assert (reply.get("error", {}).get("code") == "csrf") == is_refused
