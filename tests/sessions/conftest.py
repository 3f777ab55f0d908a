"""A server with sessions whose store the tests of this package share."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from actionhero.settings import SessionSettings, Settings, StoreSettings, WebSettings
from actionhero.store.client import StoreClient
from actionhero.store.url import StoreUrl
from actionhero.testing import TestServer
from tests.sessions.kit import Browser, make_app
from tests.shared_store import own_store, server_url, store  # noqa: F401  fixtures


@pytest.fixture
def settings(server_url: StoreUrl, store: StoreClient) -> Settings:  # noqa: F811
    return Settings(
        env="test",
        store=StoreSettings(url=str(server_url)),
        web=WebSettings(trusted_proxies=("127.0.0.1",), hosts=("*",)),
        session=SessionSettings(max_bytes=1000),
    )


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[TestServer]:
    async with TestServer(make_app(), settings=settings) as server:
        yield server


@pytest.fixture
async def second(server: TestServer, settings: Settings) -> AsyncIterator[TestServer]:
    """Another server of the same cluster."""
    async with TestServer(make_app(), settings=msgspec.structs.replace(settings)) as second:
        yield second


@pytest.fixture
def browser(server: TestServer) -> Browser:
    return Browser(server.http)
