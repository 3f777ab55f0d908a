"""A house with tasks, and both event loops."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from tests.shared_store import own_store, server_url, store
from tests.workers.house import House

__all__ = ["own_store", "server_url", "store"]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def house(store: StoreClient, keys: Keys) -> AsyncIterator[House]:
    """Where a test defines its tasks."""
    house = House(store, keys)
    yield house
    await house.aclose()
