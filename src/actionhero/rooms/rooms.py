"""Rooms as an app has them.

Whoever is connected to the store may create and destroy rooms, look at them, and say something.
Connections that stay (WebSocket, TCP) are members on the server where they are: see `hall`.
"""

from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from actionhero.codec import decode_json
from actionhero.connections import Connection
from actionhero.errors import MalformedError, MembershipError, UnknownRoomError
from actionhero.rooms.hall import Hall, Joined
from actionhero.rooms.inbox import Inboxes
from actionhero.rooms.message import RoomMessage, write_envelope
from actionhero.rooms.rules import RuleBook
from actionhero.store.keys import is_room_name
from actionhero.store.room_scripts import Position, RoomScripts, position

if TYPE_CHECKING:
    from actionhero.settings import RoomSettings
    from actionhero.store.client import StoreClient
    from actionhero.store.keys import Keys

VIEWED = 1_000
"""Members that are shown of a room at once."""
_LARGEST_OFFSET = 2**53


class RoomPage(Struct, frozen=True):
    """Some rooms, by name. `after` gives the next page; "" once all are seen."""

    rooms: list[str]
    after: str


class RoomView(Struct, frozen=True):
    """A room: how many members it has, the details of up to 1,000 of them by their ids, and how far
    it has come. `created_at` is ms."""

    room: str
    count: int
    members: dict[str, dict[str, Any]]
    created_at: int
    epoch: str
    offset: int


class Rooms:
    """The rooms of an app. Methods raise `StoreError` when the store is away, `MalformedError` for
    what is no room name, and `UnknownRoomError` for a room that is not there."""

    def __init__(
        self,
        store: "StoreClient",
        keys: "Keys",
        book: RuleBook,
        settings: "RoomSettings",
        server: str,
    ) -> None:
        self._settings = settings
        self._book = book
        self._scripts = RoomScripts(store, keys)
        self._hall = Hall(store, keys, self._scripts, book, settings, server)
        self.inboxes = Inboxes(self._scripts, book, settings)
        """HTTP clients, which collect what was said."""

    async def start(self) -> None:
        """Be a server: see that the rooms of the settings are there, and that members of dead
        servers leave."""
        await self._hall.presence.start()

    async def aclose(self) -> None:
        """Let all members on this server go."""
        await self._hall.aclose()

    # rooms

    async def create(self, room: str) -> bool:
        """Make a room; False if it is there already."""
        return await self._scripts.create(_checked(room))

    async def destroy(self, room: str) -> bool:
        """End a room, and tell its members; False if there is none."""
        return await self._scripts.destroy(_checked(room))

    async def exists(self, room: str) -> bool:
        """Whether there is such a room."""
        return await self._scripts.exists(_checked(room))

    async def page(self, after: str = "", count: int = 100) -> RoomPage:
        """The rooms by name, from the first behind `after`."""
        return RoomPage(*await self._scripts.page(after, min(max(count, 1), 1_000)))

    async def view(self, room: str) -> RoomView:
        """A room and its members."""
        found = await self._scripts.view(_checked(room), VIEWED)
        if found is None:
            raise UnknownRoomError(f"there is no room {room!r}")
        members = {one["id"]: one for one in map(decode_json, found.details)}
        epoch, offset, created_at = found.now
        return RoomView(room, found.members, members, created_at, epoch, offset)

    async def members(self, room: str) -> AsyncIterator[dict[str, Any]]:
        """The details of all members, however many. Those that come or go meanwhile may be missed,
        and one may be given twice."""
        for server in await self._scripts.servers(_checked(room)):
            cursor, found = await self._scripts.members(room, server, "0")
            while True:
                for details in found:
                    yield decode_json(details)
                if cursor == "0":
                    break
                cursor, found = await self._scripts.members(room, server, cursor)

    async def say(self, room: str, content: Any, *, where: Mapping[str, Any] | None = None) -> int:
        """Say something to all members, or to those whose details have all of `where`. Its offset.

        Raises `TooLargeError`. No hook is asked: this is the program itself.
        """
        message = RoomMessage(_checked(room), content, where=dict(where) if where else None)
        envelope = write_envelope(message, self._settings.message_bytes)
        await self._scripts.ready()
        reply = await self._scripts.say(room, envelope, self._book.rules(room).keep)
        return self._offset(room, reply)

    def _offset(self, room: str, reply: Any) -> int:
        if reply is None:
            raise UnknownRoomError(f"there is no room {room!r}")
        return position(reply).offset

    # connections

    async def join(
        self, connection: Connection, room: str, since: Position | None = None
    ) -> Joined:
        """Make a WebSocket or TCP connection a member. With `since` it gets what was said behind
        that position, or is told that this is lost.

        Raises `MembershipError`, `RoomFullError`, and what the room's hooks raise.
        """
        if since is not None and not 0 <= since.offset <= _LARGEST_OFFSET:
            raise MalformedError(f"{since.offset} is not an offset")
        attendee = self._hall.attendee(connection)
        async with attendee.order:
            return await self._hall.join(connection, _checked(room), since)

    async def leave(self, connection: Connection, room: str) -> None:
        """End a membership. Raises `MembershipError`."""
        async with self._hall.attendee(connection).order:
            await self._hall.leave(connection, room)

    async def listen(self, connection: Connection, room: str) -> None:
        """Let a connection hear a room without being a member. Raises as `join`."""
        async with self._hall.attendee(connection).order:
            await self._hall.listen(connection, _checked(room))

    async def silence(self, connection: Connection, room: str) -> None:
        """End listening. Raises `MembershipError`."""
        async with self._hall.attendee(connection).order:
            self._hall.silence(connection, room)

    async def say_as(
        self,
        connection: Connection,
        room: str,
        content: Any,
        *,
        where: Mapping[str, Any] | None = None,
    ) -> int:
        """Say something as a member does. Raises `MembershipError`, `RoomForbiddenError` if the
        room's hook drops it, `TooLargeError`, and what the hook raises."""
        rules = self._book.rules(room)
        async with self._hall.attendee(connection).order:
            if self._hall.member(connection, room) is None:
                raise MembershipError(f"connection not in this room ({room})")
            message = RoomMessage(room, content, connection.id, dict(where) if where else None)
            reviewed = await rules.review(connection, message)
            envelope = write_envelope(reviewed, self._settings.message_bytes)
            await self._scripts.ready()
            reply = self._scripts.say(room, envelope, rules.keep)
        return self._offset(room, await reply)

    def catch_up(self, connection: Connection) -> None:
        """A client that left too much unread can take more."""
        self._hall.catch_up(connection)

    def depart(self, connection: Connection) -> None:
        """A connection has ended: it leaves its rooms."""
        self._hall.depart(connection)


def _checked(room: str) -> str:
    if not is_room_name(room):
        raise MalformedError(
            f"{room[:100]!r} is no room name; use up to 100 letters, digits and - _ : . @ / # +"
        )
    return room
