"""HTTP clients in rooms: they have no connection that stays, and collect what was said.

Rules
- A client is known by a secret of its own (a cookie); what others see as its id is made of that,
  and does not tell it.
- Its inbox is a position in each of its rooms: what was said behind it is read from the room's
  history, so that a message costs nothing more for those who may collect it. What history has
  forgotten by then is told to be lost.
- It counts as a server with one member, whose lease is `inbox_ttl`, renewed whenever it collects;
  so it leaves as a dead server's members do.
- Of two requests at once, one gets a message.
"""

import hashlib
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from actionhero.codec import decode_json, encode_json
from actionhero.connections import Connection
from actionhero.errors import MembershipError, RoomFullError, UnknownRoomError
from actionhero.rooms.feed import PAGE
from actionhero.rooms.message import (
    RoomMessage,
    fits,
    message_of,
    read_frame,
    write_envelope,
)
from actionhero.rooms.rules import RuleBook, Rules
from actionhero.store.keys import is_room_name
from actionhero.store.room_scripts import Entry, Portion, Position, RoomScripts, position

if TYPE_CHECKING:
    from actionhero.settings import RoomSettings


class Collected(Struct, frozen=True):
    """What an HTTP client had in its inbox, and the rooms of which something is lost to it."""

    messages: list[dict[str, Any]]
    lost: list[str]


class Inboxes:
    """The HTTP clients of an app. Methods raise `StoreError` when the store is away."""

    def __init__(self, scripts: RoomScripts, book: RuleBook, settings: "RoomSettings") -> None:
        self._scripts = scripts
        self._book = book
        self._settings = settings

    async def join(self, connection: Connection, guest: str, room: str) -> None:
        """Make a client a member. Raises `MembershipError`, `RoomFullError`, `UnknownRoomError`,
        and what the room's hooks raise."""
        if not is_room_name(room):
            raise UnknownRoomError(f"there is no room {room[:100]!r}")
        settings, rules, server = self._settings, self._book.rules(room), _server(guest)
        inbox = await self._scripts.inbox(guest)
        if room in inbox:
            raise MembershipError(f"connection already in this room ({room})")
        if len(inbox) >= settings.per_connection:
            raise RoomFullError(f"a client may be in {settings.per_connection} rooms; leave some")
        details = {**await rules.admit(connection, room), "id": guest}
        await self._scripts.enter(server, self._ttl, [room])
        await self._scripts.ready()
        entry = Entry(guest, 0, encode_json(details))
        reply = await self._scripts.join(room, server, [entry], rules.keep, settings.members)
        if reply is None:
            raise UnknownRoomError(f"there is no room {room!r}")
        if isinstance(reply, int):
            raise RoomFullError(f"the room ({room}) has {reply} members, and may not have more")
        await self._scripts.open_inbox(guest, room, position(reply), self._ttl)
        await self._scripts.beat(server, self._ttl, is_new=True)

    async def leave(self, guest: str, room: str) -> None:
        """End a membership. Raises `MembershipError`."""
        if not await self._scripts.close_inbox(guest, room):
            raise MembershipError(f"connection not in this room ({room})")
        await self._scripts.leave(room, _server(guest), [guest], self._book.rules(room).keep)
        await self._scripts.bury(_server(guest), [room])

    async def say(self, connection: Connection, guest: str, room: str, content: Any) -> int:
        """Say something in a room where a client is. Its offset. Raises as `Rooms.say_as`."""
        rules = self._book.rules(room)
        if room not in await self._scripts.inbox(guest):
            raise MembershipError(f"connection not in this room ({room})")
        message = await rules.review(connection, RoomMessage(room, content, guest))
        envelope = write_envelope(message, self._settings.message_bytes)
        await self._scripts.ready()
        reply = await self._scripts.say(room, envelope, rules.keep)
        if reply is None:
            raise UnknownRoomError(f"there is no room {room!r}")
        return position(reply).offset

    async def rooms(self, guest: str) -> list[str]:
        """The rooms where a client is."""
        return sorted(await self._scripts.inbox(guest))

    async def collect(self, connection: Connection, guest: str) -> Collected:
        """What was said in its rooms since it last asked, but for what it said itself."""
        inbox = await self._scripts.inbox(guest)
        if not inbox:
            return Collected([], [])
        rules = {room: self._book.rules(room) for room in inbox}
        asked = [(room, since, rules[room].keep) for room, since in inbox.items()]
        portions = dict(zip(inbox, await self._scripts.read(asked, PAGE), strict=True))
        ends = {room: _end(inbox[room], portion) for room, portion in portions.items()}
        taken = await self._scripts.take(
            guest, self._ttl, [(room, inbox[room], end) for room, end in ends.items()]
        )
        await self._scripts.beat(_server(guest), self._ttl, is_new=True)
        messages, lost = [], []
        for (room, portion), is_mine in zip(portions.items(), taken, strict=True):
            if is_mine and portion is None:
                await self._scripts.close_inbox(guest, room)
            if is_mine and (portion is None or portion.lost is not None):
                lost.append(room)
            if is_mine and portion is not None:
                messages += await self._read(connection, guest, room, rules[room], portion)
        return Collected(sorted(messages, key=lambda one: one["sentAt"]), lost)

    async def _read(
        self, connection: Connection, guest: str, room: str, rules: Rules, portion: Portion
    ) -> list[dict[str, Any]]:
        """The messages of one room that are for a client."""
        found = await self._scripts.details(room, _server(guest), guest)
        details = decode_json(found) if found else {"id": guest}
        told = []
        for frame in map(read_frame, portion.frames):
            envelope = frame.envelope
            if envelope.sender == guest or not fits(details, envelope.where):
                continue
            message = message_of(room, frame)
            heard = message if rules.receive is None else rules.receive(connection, message)
            if heard is not None:
                told.append(
                    {
                        "message": heard.content,
                        "room": room,
                        "from": envelope.sender,
                        "context": "user",
                        "sentAt": frame.at,
                        "epoch": frame.epoch,
                        "offset": frame.offset,
                    }
                )
        return told

    @property
    def _ttl(self) -> int:
        return round(self._settings.inbox_ttl * 1000)


def guest_id(secret: str) -> str:
    """What others see as the id of a client with this secret."""
    return hashlib.sha256(secret.encode()).hexdigest()[:24]


def _server(guest: str) -> str:
    return f"~{guest}"


def _end(since: Position, portion: Portion | None) -> Position:
    """How far a client has read with a portion: all there is, or (there is more) its last frame."""
    if portion is None:
        return since
    if len(portion.frames) < PAGE:
        return Position(portion.now.epoch, portion.now.offset)
    last = read_frame(portion.frames[-1])
    return Position(last.epoch, last.offset)
