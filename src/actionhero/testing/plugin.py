"""The pytest plugin: the fixture `app_server`. It imports the framework only when it is used."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from pytest_asyncio import fixture as async_fixture

    from actionhero.app import App
    from actionhero.testing.server import TestServer
else:
    async_fixture = pytest.fixture
    with contextlib.suppress(ImportError):  # a project without it still uses TestServer by itself
        from pytest_asyncio import fixture as async_fixture


class AppServer(Protocol):
    """Starts a `TestServer` for an app; it is stopped at the end of the test."""

    async def __call__(self, app: "App", **options: Any) -> "TestServer": ...


@async_fixture
async def app_server() -> AsyncIterator[AppServer]:
    """`server = await app_server(app)`: a server of the test's own, with an empty store."""
    from actionhero.testing.server import TestServer

    async with contextlib.AsyncExitStack() as servers:

        async def start(app: "App", **options: Any) -> "TestServer":
            return await servers.enter_async_context(TestServer(app, **options))

        yield start
