"""A cache in a store that the tests of this package share."""

import pytest

from actionhero.cache import Cache
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from tests.shared_store import own_store, server_url, store  # noqa: F401  fixtures


@pytest.fixture
def cache(store: StoreClient, keys: Keys) -> Cache:  # noqa: F811
    return Cache(store, keys)
