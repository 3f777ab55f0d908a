"""A cache that the whole cluster shares."""

from actionhero.cache.cache import Cache
from actionhero.cache.locks import Lock
from actionhero.cache.objects import Cached, Keys

__all__ = ["Cache", "Cached", "Keys", "Lock"]
