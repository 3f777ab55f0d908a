"""Rooms of several servers in one process, and clients that write down what they hear."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol

import pytest
from msgspec.structs import replace

from actionhero.codec import decode_json
from actionhero.connections import Connection
from actionhero.messages import Push
from actionhero.rooms import RoomDefinition, Rooms, RuleBook
from actionhero.settings import RoomSettings
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys

DEADLINE = 20.0
SETTINGS = RoomSettings(create=("r",), lease=1.0)


class Client:
    """A connection, and what it has heard. It takes nothing while it `is_full`."""

    def __init__(self, *, hears_own: bool = True) -> None:
        self.hears_own = hears_own
        self.is_full = False
        self.heard: list[dict[str, Any]] = []
        self.connection = Connection("websocket")
        self.connection.hearer = self

    def hear(self, push: Push) -> bool:
        """As a transport does."""
        if self.is_full:
            return False
        self.heard.append(decode_json(push.text))
        return True

    @property
    def said(self) -> list[Any]:
        """The messages alone."""
        return [one["message"] for one in self.heard if one["context"] == "user"]

    @property
    def told(self) -> list[str]:
        """What it was told of its rooms."""
        return [one["event"] for one in self.heard if one["context"] == "room"]


class Start(Protocol):
    """Starts the rooms of one server."""

    async def __call__(
        self, name: str = ..., *definitions: RoomDefinition, **settings: Any
    ) -> Rooms: ...


@pytest.fixture
async def start(store: StoreClient, keys: Keys) -> AsyncIterator[Start]:
    """Starts servers on the shared store; all are closed at the end. Fails the test if a key of
    theirs is left then."""
    exits = contextlib.AsyncExitStack()

    async def begin(name: str = "one", *definitions: RoomDefinition, **settings: Any) -> Rooms:
        wanted = replace(SETTINGS, **settings)
        rooms = Rooms(store, keys, RuleBook(definitions, wanted), wanted, name)
        exits.push_async_callback(rooms.aclose)
        await rooms.start()
        return rooms

    async with exits:
        yield begin
    assert await store.execute("KEYS", "*#*") == []


async def until(holds: Callable[[], Any]) -> None:
    """Return as soon as `holds()` is true, or what it returns is awaited to be so."""
    async with asyncio.timeout(DEADLINE):
        while True:
            found = holds()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.002)
