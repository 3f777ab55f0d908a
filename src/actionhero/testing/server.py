"""A whole server in the process of a test: the real store in memory, real sockets, free ports."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import msgspec

from actionhero.app import App
from actionhero.server import Server
from actionhero.services import Services
from actionhero.settings import Settings
from actionhero.testing.clients import DEADLINE, HttpClient, TcpClient, WebSocketClient
from actionhero.testing.clock import FakeClock
from actionhero.transports.terminal import parse_words, run_action

_IN_MEMORY = "embedded::memory:"


class TestServer:
    """A server for `app`; `async with` starts and stops it.

    Tasks wait until `run_tasks()` works them off, so that a test decides when; with
    `workers=True` they run by themselves as in production. `settings` are yours but for the ports
    and, unless you set one, the store.
    """

    __test__ = False  # not a test case, though its name begins like one

    def __init__(
        self, app: App, *, settings: Settings | None = None, workers: bool = False
    ) -> None:
        self.app = app
        self.settings = _for_tests(settings or Settings(env="test"), workers)
        self.server = Server(app, self.settings)
        self._clients = contextlib.AsyncExitStack()
        self.clock: FakeClock
        self.http: HttpClient

    async def __aenter__(self) -> Self:
        await self.server.start()
        self.clock = FakeClock(self.services)
        self.http = HttpClient("127.0.0.1", self.server.http_port)
        self._clients.push_async_callback(self.http.aclose)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._clients.aclose()
        await self.server.stop()

    @property
    def services(self) -> Services:
        """The server's store, stats, tasks and cache."""
        return self.server.services

    async def websocket(self) -> WebSocketClient:
        """A new WebSocket client, closed with the server."""
        url = f"ws://127.0.0.1:{self.server.http_port}{self.settings.websocket.path}"
        client = await WebSocketClient.connect(url)
        self._clients.push_async_callback(client.aclose)
        return client

    async def tcp(self) -> TcpClient:
        """A new TCP client, closed with the server."""
        client = await TcpClient.connect("127.0.0.1", self.server.tcp_port)
        self._clients.push_async_callback(client.aclose)
        return client

    async def terminal(self, action: str, *args: str) -> Any:
        """What `actionhero run ACTION ARGS…` answers, in a list if it streams; its error is
        raised."""
        values: list[Any] = []
        words = parse_words(args)
        reply = await run_action(self.services.dispatcher, action, words, values.append)
        if reply is None:
            return values
        if reply.error is not None:
            raise reply.error
        return reply.value

    async def run_tasks(self) -> None:
        """Work off every task that is due, and those that they enqueue."""
        worker = self.server.make_worker()
        async with asyncio.timeout(DEADLINE):
            await worker.run_burst()

    async def wait_for(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Return as soon as `condition` holds. Raises `TimeoutError` if it never does."""
        async with asyncio.timeout(DEADLINE):
            while not await condition():  # noqa: ASYNC110  there is no event to wait for
                await asyncio.sleep(0.005)


def _for_tests(settings: Settings, workers: bool) -> Settings:
    replace = msgspec.structs.replace
    store = settings.store
    if store.url == Settings().store.url:
        store = replace(store, url=_IN_MEMORY)
    return replace(
        settings,
        store=store,
        web=replace(settings.web, port=0),
        tcp=replace(settings.tcp, port=0),
        tasks=replace(settings.tasks, enabled=workers),
    )
