from tests.rooms.kit import start  # noqa: F401  fixture
from tests.shared_store import own_store, server_url, store  # noqa: F401  fixtures
