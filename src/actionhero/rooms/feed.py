"""What comes from the store for the rooms that have members here.

Rules
- One subscription, whose channels are those of the local rooms: with the last member goes the
  channel.
- Messages are told in the order in which they come, and by one task.
- A lost connection, too much unread, and an offset that does not follow the last are gaps: what is
  missing is read from history before anything else is told, and what history has forgotten is told
  to be lost.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from actionhero.background import end_task
from actionhero.errors import StoreUnavailableError
from actionhero.rooms.local import TURN, LocalRoom
from actionhero.rooms.message import read_frame
from actionhero.store.room_scripts import Portion, RoomScripts

if TYPE_CHECKING:
    from actionhero.store.client import StoreClient
    from actionhero.store.subscription import Subscription

PAGE = 1_000
"""Messages of one room that are read from history at once."""
_ROOMS = 500
"""Rooms whose history is read at once."""
_RETRY_EVERY = 0.2
_log = logging.getLogger("actionhero.rooms")


class Feed:
    """The subscription of this server. `on_end` is told of a room that is no more; `on_gap` of a
    lost connection."""

    def __init__(
        self,
        store: "StoreClient",
        scripts: RoomScripts,
        on_end: Callable[[LocalRoom], None],
        on_gap: Callable[[], None],
    ) -> None:
        self.rooms: dict[str, LocalRoom] = {}
        """The rooms with members here, by their channel."""
        self._store = store
        self._scripts = scripts
        self._on_end = on_end
        self._on_gap = on_gap
        self._subscription: Subscription | None = None
        self._reading: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()

    async def open(self, room: LocalRoom) -> None:
        """Take what comes for a room. Raises `StoreError`."""
        self.rooms[room.channel] = room
        async with self._opening:
            if self._subscription is None:
                self._subscription = await self._store.subscribe(room.channel)
                self._reading = asyncio.create_task(self._read(self._subscription), name="rooms")
                return
        await self._subscription.add(room.channel)

    def close(self, room: LocalRoom) -> None:
        """Take nothing more for it."""
        if self.rooms.get(room.channel) is room:
            del self.rooms[room.channel]
            if self._subscription is not None:
                self._subscription.remove(room.channel)

    async def aclose(self) -> None:
        """Take nothing more at all."""
        if self._subscription is not None:
            await self._subscription.aclose()
        if self._reading is not None:
            await end_task(self._reading)

    async def _read(self, subscription: "Subscription") -> None:
        told = 0
        async for channel, payload in subscription:
            try:
                if payload is None:
                    self._on_gap()
                    await self.heal(self.rooms.values())
                elif (room := self.rooms.get(channel)) is not None:
                    await self._take(room, payload)
                    told += len(room.members)
            except Exception:
                _log.exception("a message for a room could not be told")
            if told >= TURN:
                told = 0
                await asyncio.sleep(0)

    async def _take(self, room: LocalRoom, payload: bytes) -> None:
        frame = read_frame(payload)
        if frame.envelope.kind == "destroyed":
            if frame.epoch == room.epoch:
                self._on_end(room)
        elif not await room.take(frame):
            await self.heal([room])

    async def heal(self, rooms: Iterable[LocalRoom]) -> None:
        """Read what these rooms have missed, however long the store is away."""
        ill = [room for room in rooms if room.epoch is not None]
        while ill:
            part, ill = ill[:_ROOMS], ill[_ROOMS:]
            try:
                asked = [(room.name, room.position, room.rules.keep) for room in part]
                portions = await self._scripts.read(asked, PAGE)
            except StoreUnavailableError:
                await asyncio.sleep(_RETRY_EVERY)
                ill = part + ill
                continue
            for room, portion in zip(part, portions, strict=True):
                if self.rooms.get(room.channel) is room and await self._mend(room, portion):
                    ill.append(room)

    async def _mend(self, room: LocalRoom, portion: Portion | None) -> bool:
        """Tell what was missed. Whether there is more."""
        if portion is None or portion.now.epoch != room.epoch:
            self._on_end(room)
            return False
        if portion.lost is not None:
            room.lose(portion.lost)
        for frame in portion.frames:
            await room.take(read_frame(frame), is_next=True)
        return room.offset < max(portion.now.offset, room.heard)
