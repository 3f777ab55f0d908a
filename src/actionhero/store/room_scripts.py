"""The scripts of rooms as typed functions.

A room's script is `rooms.lua` (its keys, the time), the parts it uses, and its own file. Times are
milliseconds of the store's clock. Where there is no such room, None is returned.
"""

import asyncio
import secrets
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from actionhero.store.link import Command, Reply
from actionhero.store.scripts import Script

_PAGE = 500
"""Members, or rooms, in one call."""


_PARTS = {
    "room_destroy": (),
    "room_join": ("rooms_history", "rooms_say"),
    "room_leave": ("rooms_history", "rooms_say"),
    "room_say": ("rooms_history", "rooms_say"),
    "room_read": ("rooms_history",),
    "room_view": (),
}
"""The scripts that begin with `rooms.lua`, and their parts."""
_ALL = (*_PARTS, "room_create", "room_beat", "room_enter", "room_bury", "inbox_take")


@cache
def _script(name: str) -> Script:
    """One script; read when it is first needed, which most programs never do."""
    if name not in _PARTS:
        return Script(name)
    lua = files("actionhero.store").joinpath("lua")
    texts = (
        lua.joinpath(f"{one}.lua").read_text("utf-8") for one in ("rooms", *_PARTS[name], name)
    )
    return Script(name, "\n".join(texts))


class Position(NamedTuple):
    """How far a room has come: the `offset` of a message counts within its `epoch` alone. `at` is
    the time it was told."""

    epoch: str
    offset: int
    at: int = 0


class Retention(NamedTuple):
    """How many messages a room remembers, for how long (`age`, ms), and whether coming and going is
    announced."""

    messages: int
    age: int
    announces: bool = False


class Portion(NamedTuple):
    """What was said since a position: frames, oldest first, of a room that has come to `now`.
    `lost` is the offset up to which nobody knows any more what was said; None if all is known."""

    now: Position
    lost: int | None
    frames: list[bytes]


class View(NamedTuple):
    """A room: how far it has come (`now.at` is when it was created), how many members it has, and
    the details (JSON) of some."""

    now: Position
    members: int
    details: list[bytes]


class Entry(NamedTuple):
    """A member on its way in. `joined_at` 0 is now; `details` is a JSON object, not empty."""

    id: str
    joined_at: int
    details: bytes


class RoomScripts:
    """The scripts for the rooms of one app. All raise `StoreError` when the store is away."""

    def __init__(self, store: StoreClient, keys: Keys) -> None:
        self._store = store
        self._keys = keys
        self._loaded = -1
        self._loading = asyncio.Lock()

    async def ready(self) -> None:
        """See that the store knows the scripts. What is called right after, in one turn of the
        loop, is carried out in the order of the calls."""
        while self._loaded != self._store.reconnects:
            async with self._loading:
                count = self._store.reconnects
                if self._loaded != count:
                    await self._store.execute_many(
                        [("SCRIPT", "LOAD", _script(name).source) for name in _ALL]
                    )
                    self._loaded = count

    @property
    def _run(self) -> str:
        engine = self._store.engine
        return engine.run if engine is not None else ""

    # rooms

    async def create(self, room: str) -> bool:
        """Whether it was not there yet."""
        epoch = secrets.token_hex(8)
        await self.ready()
        made, listed = await self._store.execute_many(
            [
                _script("room_create").command(self._keys.room(room), [epoch, self._run]),
                ("ZADD", self._keys.room_names, 0, room),
            ]
        )
        _check(made, listed)
        return bool(made)

    async def destroy(self, room: str) -> bool:
        """Whether it was there. One that is created anew meanwhile stays listed."""
        await self.ready()
        gone, unlisted, exists = await self._store.execute_many(
            [
                _script("room_destroy").command(self._keys.room(room)),
                ("ZREM", self._keys.room_names, room),
                ("EXISTS", self._keys.room(room)[0]),
            ]
        )
        _check(gone, unlisted, exists)
        if exists:
            await self._store.execute("ZADD", self._keys.room_names, 0, room)
        return gone is not None

    async def page(self, after: str, count: int) -> tuple[list[str], str]:
        """Rooms by name, from the first behind `after`, and where to go on ("": all seen)."""
        since = f"({after}" if after else "-"
        found = await self._store.execute(
            "ZRANGEBYLEX", self._keys.room_names, since, "+", "LIMIT", 0, count
        )
        names = [name.decode() for name in found]
        exist = await self._store.execute_many(
            [("EXISTS", self._keys.room(name)[0]) for name in names]
        )
        _check(*exist)
        rooms = [name for name, one in zip(names, exist, strict=True) if one]
        return rooms, names[-1] if len(names) == count else ""

    async def exists(self, room: str) -> bool:
        """Whether there is such a room."""
        return bool(await self._store.execute("EXISTS", self._keys.room(room)[0]))

    async def view(self, room: str, most: int) -> View | None:
        """A room with up to so many members."""
        found = await _script("room_view")(self._store, self._keys.room(room), [most])
        if found is None:
            return None
        epoch, offset, created_at, count, *details = found
        return View(Position(epoch.decode(), int(offset), int(created_at)), int(count), details)

    async def servers(self, room: str) -> list[str]:
        """Those with members in it."""
        found = await self._store.execute("SMEMBERS", self._keys.room(room)[2])
        return sorted(name.decode() for name in found)

    async def members(self, room: str, server: str, cursor: str) -> tuple[str, list[bytes]]:
        """Details of members on one server, and the cursor of more ("0": that was all)."""
        key = self._keys.room(room)[3] + server
        after, found = await self._store.execute("HSCAN", key, cursor, "COUNT", _PAGE)
        return after.decode(), found[1::2]

    # members and messages

    def join(
        self, room: str, server: str, entries: Sequence[Entry], keep: Retention, most: int = 0
    ) -> "asyncio.Future[Reply]":
        """Let members in; `joined` reads the reply. Call `ready` before."""
        return self._store.execute(*self._join_command(room, server, "", entries, keep, most))

    def _join_command(
        self,
        room: str,
        server: str,
        epoch: str,
        entries: Sequence[Entry],
        keep: Retention,
        most: int,
    ) -> Command:
        told = [part for entry in entries for part in entry]
        args = (server, epoch, most, int(keep.announces), self._run, keep.messages, keep.age, *told)
        return _script("room_join").command(self._keys.room(room), args)

    async def rejoin(self, room: str, server: str, epoch: str, entries: Sequence[Entry]) -> bool:
        """Let members in again, without a word; False if it is not that room any more."""
        quiet = Retention(0, 0)
        await self.ready()
        parts = [entries[at : at + _PAGE] for at in range(0, len(entries), _PAGE)]
        replies = await self._store.execute_many(
            [self._join_command(room, server, epoch, part, quiet, 0) for part in parts]
        )
        _check(*replies)
        return all(reply is not None for reply in replies)

    async def leave(self, room: str, server: str, ids: Sequence[str], keep: Retention) -> int:
        """Let members of one server go. How many went."""
        await self.ready()
        parts = [ids[at : at + _PAGE] for at in range(0, len(ids), _PAGE)]
        head = (server, int(keep.announces), self._run, keep.messages, keep.age)
        replies = await self._store.execute_many(
            [_script("room_leave").command(self._keys.room(room), (*head, *part)) for part in parts]
        )
        _check(*replies)
        return sum(reply or 0 for reply in replies)

    async def clear(self, room: str, server: str, keep: Retention) -> None:
        """Let all members of one server go, some at a time."""
        args = (server, int(keep.announces), self._run, keep.messages, keep.age)
        while await _script("room_leave")(self._store, self._keys.room(room), args):
            pass

    def say(self, room: str, envelope: bytes, keep: Retention) -> "asyncio.Future[Reply]":
        """Say something; `position` reads the reply. Call `ready` before."""
        args = (self._run, keep.messages, keep.age, envelope)
        return self._store.execute(*_script("room_say").command(self._keys.room(room), args))

    async def read(
        self, asked: Sequence[tuple[str, Position, Retention]], most: int
    ) -> list[Portion | None]:
        """What was said in each room since a position, up to so many messages each."""
        await self.ready()
        replies = await self._store.execute_many(
            [
                _script("room_read").command(
                    self._keys.room(room),
                    (since.epoch, since.offset, most, keep.messages, keep.age),
                )
                for room, since, keep in asked
            ]
        )
        _check(*replies)
        return [_portion(reply) for reply in replies]

    # servers

    async def beat(self, server: str, lease: int, *, is_new: bool) -> tuple[bool, list[str]]:
        """Say that a server lives. Whether it did so far, and which are dead."""
        lives, *dead = await _script("room_beat")(
            self._store, self._keys.room_server("")[:1], [server, lease, int(is_new)]
        )
        return bool(lives), [name.decode() for name in dead]

    async def enter(self, server: str, lease: int, rooms: Sequence[str]) -> None:
        """Say that a server will have members in these rooms."""
        for at in range(0, len(rooms), _PAGE):
            part = rooms[at : at + _PAGE]
            await _script("room_enter")(
                self._store, self._keys.room_server(server), [server, lease, *part]
            )

    async def bury(self, server: str, rooms: Sequence[str]) -> None:
        """Say that nothing of it is left in these rooms."""
        for at in range(0, len(rooms) or 1, _PAGE):
            part = rooms[at : at + _PAGE]
            await _script("room_bury")(self._store, self._keys.room_server(server), [server, *part])

    async def rooms_of(self, server: str) -> list[str]:
        """Some of the rooms where it has members."""
        key = self._keys.room_server(server)[1]
        return [name.decode() for name in await self._store.execute("SRANDMEMBER", key, _PAGE)]

    # inboxes

    async def inbox(self, guest: str) -> dict[str, Position]:
        """How far an HTTP client has read its rooms."""
        found = await self._store.execute("HGETALL", self._keys.inbox(guest))
        return {room.decode(): read_position(text.decode()) for room, text in found.items()}

    async def open_inbox(self, guest: str, room: str, at: Position, ttl: int) -> None:
        """It reads a room from a position on."""
        key = self._keys.inbox(guest)
        _check(
            *await self._store.execute_many(
                [("HSET", key, room, write_position(at)), ("PEXPIRE", key, ttl)]
            )
        )

    async def close_inbox(self, guest: str, room: str) -> bool:
        """It reads a room no more; whether it did."""
        return bool(await self._store.execute("HDEL", self._keys.inbox(guest), room))

    async def take(
        self, guest: str, ttl: int, read: Sequence[tuple[str, Position, Position]]
    ) -> list[bool]:
        """For each room, from where to where it was read: whether nobody else read that."""
        told = [
            part
            for room, before, after in read
            for part in (room, write_position(before), write_position(after))
        ]
        return [
            bool(one)
            for one in await _script("inbox_take")(
                self._store, [self._keys.inbox(guest)], [ttl, *told]
            )
        ]

    async def details(self, room: str, server: str, id: str) -> bytes | None:
        """What is said of one member."""
        found: bytes | None = await self._store.execute(
            "HGET", self._keys.room(room)[3] + server, id
        )
        return found


def position(reply: Reply) -> Position:
    """Where a message was said, or a member joined."""
    epoch, offset, at = reply
    return Position(epoch.decode(), int(offset), int(at))


def write_position(at: Position) -> str:
    """As it is kept in an inbox."""
    return f"{at.epoch}:{at.offset}"


def read_position(text: str) -> Position:
    """What `write_position` wrote."""
    epoch, _, offset = text.partition(":")
    return Position(epoch, int(offset))


def _portion(reply: Reply) -> Portion | None:
    if reply is None:
        return None
    epoch, offset, lost, *frames = reply
    return Portion(Position(epoch.decode(), int(offset)), int(lost) if lost else None, frames)


def _check(*replies: Reply) -> None:
    """Raise the first error among the replies of several commands."""
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
