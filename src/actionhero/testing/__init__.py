"""A kit for testing apps: the real server in the test's own process, and a client for each way in.

    async def test_hello(app_server: AppServer) -> None:
        server = await app_server(app)
        assert (await server.http.get("/api/hello", name="Ada")).json() == {...}

Installed with the framework as a pytest plugin, which brings the fixture `app_server`.
"""

from actionhero.testing.clients import HttpClient, Response, TcpClient, WebSocketClient
from actionhero.testing.clock import FakeClock
from actionhero.testing.events import ServerEvent
from actionhero.testing.plugin import AppServer
from actionhero.testing.server import TestServer

__all__ = [
    "AppServer",
    "FakeClock",
    "HttpClient",
    "Response",
    "ServerEvent",
    "TcpClient",
    "TestServer",
    "WebSocketClient",
]
