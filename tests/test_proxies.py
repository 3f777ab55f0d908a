"""Behind a proxy: the client is whom the proxy says, if it is one that the settings trust."""

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from actionhero import App, Connection
from actionhero.errors import SettingsError
from actionhero.settings import Settings, WebSettings
from actionhero.testing import TestServer

CLIENT = {
    "X-Forwarded-For": "6.6.6.6, 203.0.113.5",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "www.example",
}


def make_app() -> App:
    app = App("proxied")

    @app.action("GET /where")
    async def where(connection: Connection) -> dict[str, object]:
        seen = {"ip": connection.remote_ip, "scheme": connection.scheme}
        return {**seen, "host": connection.host}

    @app.action("GET /limited", rate_limit="2/h")
    async def limited() -> None:
        return None

    return app


async def serve(**web: Any) -> AsyncIterator[TestServer]:
    settings = Settings(env="test", web=WebSettings(**web))
    async with TestServer(make_app(), settings=settings) as server:
        yield server


@pytest.fixture
async def trusting() -> AsyncIterator[TestServer]:
    async for server in serve(trusted_proxies=("127.0.0.1",), hosts=("127.0.0.1", "*.example")):
        yield server


@pytest.fixture
async def plain() -> AsyncIterator[TestServer]:
    async for server in serve():
        yield server


async def test_what_strangers_say_is_not_believed(plain: TestServer) -> None:
    reply = await plain.http.request("GET", "/api/where", headers=CLIENT)
    host = f"127.0.0.1:{plain.server.http_port}"
    assert reply.json() == {"ip": "127.0.0.1", "scheme": "http", "host": host}


async def test_what_trusted_proxies_say_is(trusting: TestServer) -> None:
    reply = await trusting.http.request("GET", "/api/where", headers=CLIENT)
    assert reply.json() == {"ip": "203.0.113.5", "scheme": "https", "host": "www.example"}
    reply = await trusting.http.request("GET", "/api/where")  # the same connection
    assert reply.json()["ip"] == "127.0.0.1"


async def test_a_host_that_is_not_ours_is_refused_from_a_proxy_too(trusting: TestServer) -> None:
    headers = {**CLIENT, "X-Forwarded-Host": "evil.test"}
    reply = await trusting.http.request("GET", "/api/where", headers=headers)
    assert reply.status == 421
    reply = await trusting.http.request("GET", "/api/where", headers=CLIENT)
    assert reply.status == 200


async def test_rates_are_those_of_the_client(trusting: TestServer) -> None:
    async def status(ip: str) -> int:
        headers = {"X-Forwarded-For": ip}
        return (await trusting.http.request("GET", "/api/limited", headers=headers)).status

    assert [await status("203.0.113.5") for _ in range(3)] == [200, 200, 429]
    assert await status("6.6.6.6, 203.0.113.5") == 429
    assert await status("203.0.113.6") == 200
    assert [await status(f"2001:db8::{n}") for n in range(3)] == [200, 200, 429]


async def test_the_log_names_the_client(
    trusting: TestServer, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("actionhero.http").setLevel(logging.DEBUG)
    try:
        await trusting.wait_for(lambda: _logs(trusting, caplog))
    finally:
        logging.getLogger("actionhero.http").setLevel(logging.NOTSET)


async def _logs(server: TestServer, caplog: pytest.LogCaptureFixture) -> bool:
    """Whether a request was logged with its client; whether it is, is looked at once a turn."""
    await server.http.request("GET", "/api/where", headers=CLIENT)
    return any(getattr(one, "remote_ip", "") == "203.0.113.5" for one in caplog.records)


async def test_a_websocket_is_the_clients_too(trusting: TestServer) -> None:
    from websockets.asyncio.client import connect

    url = f"ws://127.0.0.1:{trusting.server.http_port}/ws"
    headers = {**CLIENT, "Origin": "https://www.example"}
    async with connect(url, additional_headers=headers, proxy=None) as websocket:
        await websocket.recv()
        await websocket.send('{"event": "action", "params": {"action": "where"}}')
        assert '"ip":"203.0.113.5","scheme":"https","host":"www.example"' in str(
            await websocket.recv()
        )


async def test_a_proxy_that_is_none_stops_the_start() -> None:
    settings = Settings(env="test", web=WebSettings(trusted_proxies=("nowhere",)))
    with pytest.raises(SettingsError, match=r"web\.trusted_proxies: 'nowhere'"):
        await TestServer(make_app(), settings=settings).__aenter__()
