"""The servers of the cluster as an app has them."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from actionhero.clock import Duration, parse_duration
from actionhero.codec import decode_json, encode_json
from actionhero.errors import (
    PeerCallError,
    PeerTimeoutError,
    StoreUnavailableError,
    UnknownPeerError,
)
from actionhero.peers.calls import Calls
from actionhero.peers.functions import Functions
from actionhero.peers.peer import ALL, ANY, Message, Peer, PeerEvent, PeerReply, Target
from actionhero.peers.registry import Registry

if TYPE_CHECKING:
    from actionhero.store.client import StoreClient
    from actionhero.store.keys import Keys

_RETRY_EVERY = 0.5
"""Seconds between two tries to join while the store is away."""


class Peers:
    """Who is alive, and calls to them. Every method raises `StoreError` when the store is away."""

    def __init__(self, store: "StoreClient", keys: "Keys", server: str) -> None:
        self.server = server
        """The id of this process."""
        self._registry = Registry(store, keys)
        self._calls = Calls(store, keys, server)
        self._joining: asyncio.Task[None] | None = None

    async def join(self, describe: Callable[[], Peer], functions: Functions) -> None:
        """Be a server from now on, whose functions others may call; with a store that goes away
        just now, when it is back."""
        try:
            await self._join(describe, functions)
        except StoreUnavailableError:
            self._joining = asyncio.create_task(
                self._join_later(describe, functions), name="join the peers"
            )

    async def _join(self, describe: Callable[[], Peer], functions: Functions) -> None:
        await self._calls.open(functions)
        await self._registry.join(self.server, describe)

    async def _join_later(self, describe: Callable[[], Peer], functions: Functions) -> None:
        while True:
            await asyncio.sleep(_RETRY_EVERY)
            with contextlib.suppress(StoreUnavailableError):
                await self._join(describe, functions)
                return

    async def aclose(self) -> None:
        """Be none any more."""
        if self._joining is not None:
            self._joining.cancel()
            await asyncio.gather(self._joining, return_exceptions=True)
        await self._registry.leave()
        await self._calls.aclose()

    async def alive(self) -> list[Peer]:
        """The live servers. One that was killed is among them for up to 10 seconds."""
        return await self._registry.alive()

    async def watch(self) -> AsyncIterator[PeerEvent]:
        """Servers that come and go, from now on. Events may be missed while the store is away."""
        await self._calls.open()
        async for event in self._calls.watch():
            yield event

    async def call(
        self,
        name: str,
        args: Mapping[str, Any] | None = None,
        *,
        to: Target = ANY,
        timeout: Duration = 5.0,
    ) -> Any:
        """Call a registered function on `ANY` server that has it, or on the one with an id, and
        return its value; on `ALL`, and return a list of `PeerReply`, one for each server.

        Raises `UnknownPeerError` (nobody has it), and for a single server `PeerTimeoutError` and
        `PeerCallError`, with what it answered.
        """
        able = [peer.id for peer in await self.alive() if name in peer.functions]
        encoded, seconds = encode_json(args or {}), parse_duration(timeout)
        if to is ALL:
            return await self._call_all(able, name, encoded, seconds)
        if not able or (to is not ANY and to not in able):
            whom = "no live server" if to is ANY else f"no live server {to!r}"
            raise UnknownPeerError(f"{whom} has a function {name!r} that peers may call")
        server = random.choice(able) if to is ANY else str(to)  # noqa: S311  not a secret
        found = await self._calls.ask(server, name, encoded, 1, seconds)
        if not found:
            raise PeerTimeoutError(f"{server} did not answer {name!r} within {seconds:g} s")
        if (error := found[0].error) is not None:
            raise PeerCallError(f"{name!r} on {server}: {error['message']}", error["code"])
        return decode_json(bytes(found[0].value))

    async def _call_all(
        self, able: list[str], name: str, args: bytes, seconds: float
    ) -> list[PeerReply]:
        found = {}
        if able:
            replies = await self._calls.ask("", name, args, len(able), seconds)
            found = {one.server: _reply(one) for one in replies if one.server in able}
        return [found.get(server) or PeerReply(server, "timeout") for server in able]


def _reply(message: Message) -> PeerReply:
    if message.error is not None:
        return PeerReply(message.server, "error", error=message.error)
    return PeerReply(message.server, "ok", decode_json(bytes(message.value)))
