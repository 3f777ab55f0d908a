"""Who is alive: each server says so three times in its lease, and what it is."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from actionhero.background import end_task
from actionhero.codec import encode_json
from actionhero.errors import StoreError, StoreUnavailableError
from actionhero.peers.peer import Peer
from actionhero.store.scripts import Script

if TYPE_CHECKING:
    from actionhero.store.client import StoreClient
    from actionhero.store.keys import Keys

LEASE = 10.0
"""Seconds after which a server that says nothing is gone."""
_log = logging.getLogger("actionhero.peers")
_beat = Script("peer_beat")
_leave = Script("peer_leave")
_list = Script("peer_list")
_decode = msgspec.json.Decoder(Peer).decode


class Registry:
    """The servers of the cluster. Methods raise `StoreError` when the store is away."""

    def __init__(self, store: "StoreClient", keys: "Keys") -> None:
        self._store = store
        self._keys = keys
        self._beating: asyncio.Task[None] | None = None
        self._server = ""

    async def alive(self) -> list[Peer]:
        """The live servers, by their ids."""
        found = await _list(self._store, self._keys.peers())
        return sorted((_decode(one) for one in found if one), key=lambda peer: peer.id)

    async def join(self, server: str, describe: Callable[[], Peer]) -> None:
        """Be one of them from now on; with a store that goes away just now, when it is back."""
        self._server = server
        with contextlib.suppress(StoreUnavailableError):
            await self._say(describe())
        self._beating = asyncio.create_task(self._go_on(describe), name="peer lease")

    async def leave(self) -> None:
        """Be none of them any more; a store that is away learns it by the lease."""
        if self._beating is None:
            return
        await end_task(self._beating)
        self._beating = None
        with contextlib.suppress(StoreError):
            await _leave(self._store, self._keys.peers(), [self._server, self._keys.peer_channel()])

    async def _go_on(self, describe: Callable[[], Peer]) -> None:
        while True:
            await asyncio.sleep(LEASE / 3)
            try:
                await self._say(describe())
            except StoreError:
                continue  # the client logs it
            except Exception:
                _log.exception("this server could not say that it lives")

    async def _say(self, peer: Peer) -> None:
        text, lease = encode_json(peer), round(LEASE * 1000)
        await _beat(
            self._store, self._keys.peers(), (peer.id, lease, text, self._keys.peer_channel())
        )
