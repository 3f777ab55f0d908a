"""WebSocket over TLS and over a unix socket: one endpoint behind other kinds of connections."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect, unix_connect
from websockets.exceptions import ConnectionClosed

from actionhero import App
from actionhero.server import Server
from actionhero.settings import Settings, StoreSettings, TcpSettings, WebSettings
from tests.certificates import Certificate, make_certificate
from tests.transports.serving import PATIENCE


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def an_app() -> App:
    app = App("secure")

    @app.action
    async def echo(value: str = "", size: int = 0) -> str:
        return value or "x" * size

    @app.action
    async def wait() -> str:
        await asyncio.sleep(0.05)
        return "waited"

    return app


@pytest.fixture(params=["tls", "unix"])
async def client(
    request: pytest.FixtureRequest, made: Certificate, tmp_path: Path
) -> AsyncIterator[ClientConnection]:
    async with asyncio.timeout(PATIENCE):
        over: dict[str, Any] = made.settings
        if request.param == "unix":
            over = {"host": f"unix:{tmp_path / 'web.sock'}"}
        settings = Settings(
            web=WebSettings(port=0, **over),
            tcp=TcpSettings(enabled=False),
            store=StoreSettings(url="embedded::memory:"),
        )
        server = Server(an_app(), settings)
        await server.start()
        if request.param == "unix":
            opening = unix_connect(str(tmp_path / "web.sock"), "ws://localhost/ws", max_size=None)
        else:
            url = f"wss://localhost:{server.http_port}/ws"
            opening = connect(url, ssl=made.client(), max_size=None)
        async with opening as client:
            assert "Welcome" in json.loads(await client.recv())["welcome"]
            yield client
        await server.stop()


async def ask(client: ClientConnection, action: str, **params: Any) -> Any:
    await client.send(json.dumps({"event": "action", "params": {"action": action, **params}}))
    return json.loads(await client.recv())["data"]


async def test_messages_of_any_size(client: ClientConnection) -> None:
    assert await ask(client, "wait") == "waited"
    for size in (1, 1000, 300_000):
        assert await ask(client, "echo", value="y" * size) == "y" * size
    assert len(await ask(client, "echo", size=3_000_000)) == 3_000_000
    assert await (await client.ping()) >= 0


async def test_the_client_closes(client: ClientConnection) -> None:
    await client.close()
    assert client.close_code == 1000


async def test_a_broken_message_ends_it_with_a_reason(client: ClientConnection) -> None:
    await client.send(b"binary")
    with pytest.raises(ConnectionClosed):
        await client.recv()
    assert client.close_code == 1003


async def test_a_stop_says_goodbye(made: Certificate) -> None:
    settings = Settings(
        web=WebSettings(port=0, **made.settings),  # type: ignore[arg-type]
        tcp=TcpSettings(enabled=False),
        store=StoreSettings(url="embedded::memory:"),
    )
    server = Server(an_app(), settings)
    await server.start()
    url = f"wss://localhost:{server.http_port}/ws"
    async with connect(url, ssl=made.client()) as client:
        await client.recv()
        await asyncio.gather(server.stop(), client.wait_closed())
        assert client.close_code == 1001
