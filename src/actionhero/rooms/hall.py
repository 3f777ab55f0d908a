"""The members on this server: they come, say something, fall behind and catch up, and go.

Rules
- A member is written down here before it is in the store, and put by what comes meanwhile, so that
  nothing is missed between the two.
- What one connection asks of rooms is done in its order; a message has its place when it is sent to
  the store, not when the store has answered.
- Who goes is out at once; the store is told with all that go in the same turn of the loop.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from actionhero.codec import encode_json
from actionhero.connections import Connection
from actionhero.errors import (
    MembershipError,
    RoomError,
    RoomFullError,
    StoreError,
    StoreUnavailableError,
    UnknownRoomError,
)
from actionhero.rooms.feed import PAGE, Feed
from actionhero.rooms.local import LocalRoom, lost
from actionhero.rooms.member import Attendee, Member
from actionhero.rooms.message import read_frame
from actionhero.rooms.presence import Presence
from actionhero.rooms.rules import RuleBook, Rules
from actionhero.store.room_scripts import Entry, Portion, Position, RoomScripts, position

if TYPE_CHECKING:
    from actionhero.settings import RoomSettings
    from actionhero.store.client import StoreClient
    from actionhero.store.keys import Keys

_RETRY_EVERY = 0.2


class Joined(Struct, frozen=True):
    """A connection is in a room, and hears all that comes behind `offset`. `is_resumed`: before
    that it gets exactly what it missed since the position it named; None if it named none."""

    epoch: str
    offset: int
    is_resumed: bool | None = None


class Hall:
    """The rooms that have members on this server."""

    def __init__(
        self,
        store: "StoreClient",
        keys: "Keys",
        scripts: RoomScripts,
        book: RuleBook,
        settings: "RoomSettings",
        server: str,
    ) -> None:
        self._keys = keys
        self._scripts = scripts
        self._book = book
        self._settings = settings
        self._rooms: dict[str, LocalRoom] = {}
        self._attendees: dict[str, Attendee] = {}
        self._leaving: dict[str, list[str]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.presence = Presence(
            scripts, book, server, settings.lease, self._return_members, self._occupied
        )
        self.feed = Feed(store, scripts, self._end, self.presence.nudge)

    async def aclose(self) -> None:
        """Let all members go."""
        for attendee in list(self._attendees.values()):
            self.depart(attendee.connection)
        while self._tasks or self._leaving:
            self._say_goodbye()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.presence.aclose()
        await self.feed.aclose()

    def attendee(self, connection: Connection) -> Attendee:
        """A connection as one that may be in rooms. Raises `RoomError` if it cannot hear."""
        found = self._attendees.get(connection.id)
        if found is None:
            if connection.hearer is None:
                raise RoomError(
                    "this connection cannot be in rooms; they are for WebSocket and TCP, "
                    "and HTTP clients use the action `chat`"
                )
            found = self._attendees[connection.id] = Attendee(connection, connection.hearer)
        return found

    # coming

    async def join(self, connection: Connection, room: str, since: Position | None) -> Joined:
        """Make a connection a member. Its order is the caller's to keep."""
        attendee = self.attendee(connection)
        before = attendee.members.get(room)
        if before is not None and not before.is_listener:
            raise MembershipError(f"connection already in this room ({room})")
        member, local = await self._admit(attendee, room, is_listener=False)
        joined, portion = await self._entering(local, member, since)
        connection.rooms.append(room)
        self._release_soon(local, member, portion)
        return joined

    async def listen(self, connection: Connection, room: str) -> Joined:
        """Let a connection hear a room that it is no member of."""
        attendee = self.attendee(connection)
        if room in attendee.members:
            raise MembershipError("you are already listening to this room")
        member, local = await self._admit(attendee, room, is_listener=True)
        joined, portion = await self._entering(local, member, None)
        self._release_soon(local, member, portion)
        return joined

    async def _admit(
        self, attendee: Attendee, room: str, *, is_listener: bool
    ) -> tuple[Member, LocalRoom]:
        """Write it down here. What fails from now on must `_take_out` it again."""
        if attendee.is_gone:
            raise RoomError("the connection has ended")
        if len(attendee.members) >= self._settings.per_connection:
            raise RoomFullError(
                f"a connection may be in {self._settings.per_connection} rooms; leave some"
            )
        rules = self._book.rules(room)
        details = await rules.admit(attendee.connection, room)
        listening = attendee.members.get(room)
        if listening is not None:
            self._take_out(room, listening)
        member = Member(attendee, details, is_listener=is_listener)
        local = self._local(room, rules)
        local.members[member.id] = attendee.members[room] = member
        return member, local

    def _local(self, room: str, rules: Rules) -> LocalRoom:
        local = self._rooms.get(room)
        if local is None:
            local = self._rooms[room] = LocalRoom(room, self._keys.room(room)[4], rules)
            local.opening = asyncio.create_task(self.feed.open(local), name="open a room")
            local.opening.add_done_callback(_forget_error)
        return local

    async def _entering(
        self, local: LocalRoom, member: Member, since: Position | None
    ) -> tuple[Joined, Portion | None]:
        try:
            await asyncio.shield(local.opening)
            enter = self._note if member.is_listener else self._enter
            now = await enter(local, member)
            if member.is_gone:
                raise RoomError(f"the room ({local.name}) or the connection has ended")
            if not local.place(now) or local.heard > local.offset:
                self._start(self.feed.heal([local]))
            member.after = now.offset
            return await self._resume(local, member, now, since)
        except BaseException:
            self._take_out(local.name, member)
            if not member.is_listener:
                self._tell_gone(local.name, member.id)
            raise

    async def _enter(self, local: LocalRoom, member: Member) -> Position:
        room, settings = local.name, self._settings
        await self._leave(room)
        await self.presence.enter(room)
        await self._scripts.ready()
        server = self.presence.name
        entry = Entry(member.id, 0, encode_json(member.details))
        reply = await self._scripts.join(room, server, [entry], local.rules.keep, settings.members)
        if reply is None:
            raise UnknownRoomError(f"there is no room {room!r}")
        if isinstance(reply, int):
            raise RoomFullError(f"the room ({room}) has {reply} members, and may not have more")
        if server != self.presence.name:
            self.presence.doubt()  # it was let in under a name that is dead
        now = position(reply)
        member.joined_at = now.at
        return now

    async def _note(self, local: LocalRoom, _member: Member) -> Position:
        view = await self._scripts.view(local.name, 0)
        if view is None:
            raise UnknownRoomError(f"there is no room {local.name!r}")
        return view.now

    async def _resume(
        self, local: LocalRoom, member: Member, now: Position, since: Position | None
    ) -> tuple[Joined, Portion | None]:
        if since is None:
            return Joined(now.epoch, now.offset), None
        asked = [(local.name, since, local.rules.keep)]
        portion = (await self._scripts.read(asked, PAGE))[0]
        if portion is None or portion.lost is not None:
            return Joined(now.epoch, now.offset, is_resumed=False), None
        member.after = since.offset
        return Joined(now.epoch, now.offset, is_resumed=True), portion

    def _release_soon(self, local: LocalRoom, member: Member, portion: Portion | None) -> None:
        """Let it hear, once whoever asked has said that it has joined."""
        asyncio.get_running_loop().call_soon(self._release, local, member, portion)

    def _release(self, local: LocalRoom, member: Member, portion: Portion | None) -> None:
        if member.is_gone:
            return
        if portion is None:
            is_live = member.go_live()
        else:
            is_live = (
                _give(local, member, portion) and _is_all(member, portion) and member.go_live()
            )
        if not is_live:
            self._start(self._catch_up(local, member))

    # catching up

    def catch_up(self, connection: Connection) -> None:
        """A client can take more."""
        attendee = self._attendees.get(connection.id)
        if attendee is None:
            return
        for room, member in attendee.members.items():
            if member.waiting is not None and member.joined_at | member.is_listener:
                self._start(self._catch_up(self._rooms[room], member))

    async def _catch_up(self, local: LocalRoom, member: Member) -> None:
        if member.is_catching_up:
            return
        member.is_catching_up = True
        try:
            while not member.is_gone and not await self._catch_some_up(local, member):
                pass
        finally:
            member.is_catching_up = False

    async def _catch_some_up(self, local: LocalRoom, member: Member) -> bool:
        """Whether nothing more is to be done for now."""
        member.begin_anew()
        since = Position(local.epoch or "", member.after)
        try:
            portion = (await self._scripts.read([(local.name, since, local.rules.keep)], PAGE))[0]
        except StoreUnavailableError:
            await asyncio.sleep(_RETRY_EVERY)
            return False
        if member.is_gone or portion is None or portion.now.epoch != local.epoch:
            return True  # the feed will see to it
        if portion.lost is not None:
            is_news = portion.lost > member.after
            if is_news and not member.hear(lost(local, portion.lost)):
                member.overflow()
                return True
            member.after = portion.lost
        if not _give(local, member, portion):
            member.overflow()
            return True
        return _is_all(member, portion) and member.go_live()

    # going

    async def leave(self, connection: Connection, room: str) -> None:
        """End a membership. Raises `MembershipError`."""
        member = self.member(connection, room)
        if member is None:
            raise MembershipError(f"connection not in this room ({room})")
        self._take_out(room, member)
        await self._leave(room)

    def silence(self, connection: Connection, room: str) -> None:
        """End listening. Raises `MembershipError`."""
        attendee = self._attendees.get(connection.id)
        listening = attendee.members.get(room) if attendee else None
        if listening is None or not listening.is_listener:
            raise MembershipError("you are not listening to this room")
        self._take_out(room, listening)

    def member(self, connection: Connection, room: str) -> Member | None:
        """The member that a connection is in a room."""
        attendee = self._attendees.get(connection.id)
        member = attendee.members.get(room) if attendee else None
        return None if member is None or member.is_listener else member

    def depart(self, connection: Connection) -> None:
        """A connection has ended, and is never in a room again."""
        connection.hearer = None
        attendee = self._attendees.pop(connection.id, None)
        if attendee is not None:
            attendee.is_gone = True
            for room, member in list(attendee.members.items()):
                self._take_out(room, member)

    def _take_out(self, room: str, member: Member) -> None:
        """It hears nothing any more. The store is told if it knows it."""
        if member.is_gone:
            return
        member.is_gone = True
        attendee, local = member.attendee, self._rooms.get(room)
        if attendee.members.get(room) is member:
            del attendee.members[room]
        with contextlib.suppress(ValueError):
            attendee.connection.rooms.remove(room)
        if local is not None and local.members.get(member.id) is member:
            del local.members[member.id]
            self._close_if_empty(local)
        if member.joined_at:
            self._tell_gone(room, member.id)

    def _tell_gone(self, room: str, id: str) -> None:
        if not self._leaving:
            asyncio.get_running_loop().call_soon(self._say_goodbye)
        self._leaving.setdefault(room, []).append(id)

    def _close_if_empty(self, local: LocalRoom) -> None:
        if not local.members and self._rooms.get(local.name) is local:
            del self._rooms[local.name]
            self.feed.close(local)

    def _say_goodbye(self) -> None:
        for room in list(self._leaving):
            self._start(self._leave(room))

    async def _leave(self, room: str) -> None:
        """Tell the store who has gone from a room."""
        ids = self._leaving.pop(room, None)
        if ids:
            try:
                await self._scripts.leave(
                    room, self.presence.name, ids, self._book.rules(room).keep
                )
            except StoreError:
                self.presence.doubt()

    # what the others tell

    def _end(self, local: LocalRoom) -> None:
        """There is no such room any more, or it is another one."""
        if self._rooms.get(local.name) is not local:
            return
        local.end()
        for member in list(local.members.values()):
            member.attendee.members.pop(local.name, None)
            with contextlib.suppress(ValueError):
                member.attendee.connection.rooms.remove(local.name)
        local.members.clear()
        self._close_if_empty(local)

    async def _return_members(self) -> None:
        """Let all members in again under the name that this server has now."""
        for room in self._book.rooms:
            await self._scripts.create(room)
        there = [local for local in self._rooms.values() if local.joined and local.epoch]
        await self.presence.enter_all([one.name for one in there])
        for local in there:
            entries = [
                Entry(one.id, one.joined_at, encode_json(one.details)) for one in local.joined
            ]
            epoch = local.epoch or ""
            if entries and not await self._scripts.rejoin(
                local.name, self.presence.name, epoch, entries
            ):
                self._end(local)

    def _occupied(self) -> set[str]:
        return {*self._rooms, *self._leaving}

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="rooms")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _give(local: LocalRoom, member: Member, portion: Portion) -> bool:
    """Give a member what it has missed; False if it can take no more."""
    return all(member.give(local.said(read_frame(frame))) for frame in portion.frames)


def _is_all(member: Member, portion: Portion) -> bool:
    """Whether nothing is left that the store knew when it was asked."""
    return member.after >= portion.now.offset


def _forget_error(opening: "asyncio.Task[None]") -> None:
    """Whoever waits for it is told; nobody may be left to wait."""
    if not opening.cancelled():
        opening.exception()
