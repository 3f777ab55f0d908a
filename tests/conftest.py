"""What every test may use: a store of its own run, and keys of its own in it."""

import itertools
import os
from collections.abc import AsyncIterator

import hypothesis
import pytest

from actionhero.store.client import StoreClient
from actionhero.store.embedded import open_store
from actionhero.store.keys import Keys

_numbers = itertools.count(1)
hypothesis.settings.register_profile("shared machine", deadline=None)
hypothesis.settings.load_profile("shared machine")


@pytest.fixture
async def store() -> AsyncIterator[StoreClient]:
    """A client of a real store with nothing in it, gone after the test."""
    client = await open_store("embedded::memory:")
    yield client
    await client.aclose()


@pytest.fixture
def keys() -> Keys:
    """Keys that no other test has."""
    return Keys(f"test-{os.getpid()}-{next(_numbers)}")
