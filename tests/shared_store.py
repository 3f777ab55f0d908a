"""One real store for all tests of a package, emptied before each: quicker than one for each test.

A conftest imports `server_url` and `store`. What harms the store takes `own_store`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from actionhero.store.client import StoreClient
from actionhero.store.embedded import EmbeddedStore, open_store
from actionhero.store.url import StoreUrl


@pytest.fixture(scope="package")
def server_url() -> Iterator[StoreUrl]:
    """A server with nothing on disk."""
    server = asyncio.run(EmbeddedStore.start(None))
    yield server.url
    asyncio.run(server.aclose())


@pytest.fixture
async def store(server_url: StoreUrl) -> AsyncIterator[StoreClient]:
    """A client of the shared store, which is empty."""
    client = await StoreClient.connect(server_url)
    await client.execute("FLUSHALL")
    yield client
    await client.aclose()


@pytest.fixture
async def own_store() -> AsyncIterator[StoreClient]:
    """A client of a store that the test may kill."""
    client = await open_store("embedded::memory:")
    yield client
    await client.aclose()
