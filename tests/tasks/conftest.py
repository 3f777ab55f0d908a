"""A queue to drive script by script."""

import pytest

from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from tests.tasks.lab import Lab


@pytest.fixture
async def lab(store: StoreClient, keys: Keys) -> Lab:
    """One queue, whose clock the test sets."""
    return await Lab.open(store, keys)
