"""A queue to drive script by script."""

import pytest

from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from tests.shared_store import own_store, server_url, store
from tests.tasks.lab import Lab

__all__ = ["own_store", "server_url", "store"]


@pytest.fixture
async def lab(store: StoreClient, keys: Keys) -> Lab:
    """One queue, whose clock the test sets."""
    return await Lab.open(store, keys)
