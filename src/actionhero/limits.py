"""Rate limits that the whole cluster keeps together.

A rate is "10/s", "100/m", "5/10s": so many uses in so long. All of them may come at once; then
they come back one by one, evenly. Denied uses cost nothing.
"""

from typing import TYPE_CHECKING

from actionhero.clock import Rate
from actionhero.errors import TooManyRequestsError
from actionhero.protocols.addresses import bucket_of
from actionhero.store.scripts import Script

if TYPE_CHECKING:
    from actionhero.store.client import StoreClient
    from actionhero.store.keys import Keys

_take = Script("rate_limit")


class Limits:
    """The rates of all clients. Raises `StoreError` when the store is away: a limit that cannot be
    checked is not passed."""

    def __init__(self, store: "StoreClient", keys: "Keys") -> None:
        self._store = store
        self._keys = keys

    async def take(self, name: str, client: str, rate: Rate) -> None:
        """Use `name` once for an address.

        Raises `TooManyRequestsError`, which says when to retry.
        """
        cost = rate.period / rate.uses * 1_000_000
        key = self._keys.rate(name, bucket_of(client))
        wait = await _take(self._store, [key], [cost, rate.uses])
        if wait:
            seconds = int(str(wait)) / 1_000_000
            raise TooManyRequestsError(
                f"{name} takes {rate.uses} calls in {rate.period:g} s from one client; "
                f"try again in {seconds:.1f} s",
                retry_after=seconds,
            )
