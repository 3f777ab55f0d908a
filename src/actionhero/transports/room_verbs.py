"""What the clients of WebSocket and TCP ask of rooms, and what they are answered."""

import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeAlias

from actionhero.connections import Connection
from actionhero.errors import ActionHeroError, MembershipError, public_error
from actionhero.messages import Reply
from actionhero.protocols.verbs import current_room, read_room, read_say
from actionhero.rooms import Position, Rooms

Fields: TypeAlias = dict[str, Any]
Work: TypeAlias = Coroutine[Any, Any, Fields]
_log = logging.getLogger("actionhero.rooms")


async def answer(work: Work) -> Reply:
    """The reply to one verb; its errors are replies too."""
    try:
        return Reply({"status": "OK", **await work})
    except ActionHeroError as exc:
        return Reply(error=exc)
    except Exception as exc:
        _log.exception("a hook of a room failed")
        return Reply(error=public_error(exc))


async def add(
    rooms: Rooms, connection: Connection, room: str, since: Position | None = None
) -> Fields:
    """Join. With `since`, `resumed` tells whether what was missed follows, or is lost."""
    joined = await rooms.join(connection, room, since)
    fields: Fields = {"data": True, "room": room, "epoch": joined.epoch, "offset": joined.offset}
    if joined.is_resumed is not None:
        fields["resumed"] = joined.is_resumed
    return fields


async def leave(rooms: Rooms, connection: Connection, room: str) -> Fields:
    """Leave."""
    await rooms.leave(connection, room)
    return {"data": True, "room": room}


async def change(rooms: Rooms, connection: Connection, room: str) -> Fields:
    """Join, and leave the room that the connection is in (v4.1.0 knows one)."""
    before = current_room(connection)
    if before != room:
        await rooms.join(connection, room)
        if before is not None:
            await rooms.leave(connection, before)
    return {"data": True, "room": room}


async def view(rooms: Rooms, connection: Connection, room: str) -> Fields:
    """A room's members; without a name those of the current room."""
    room = room or current_room(connection) or ""
    if not room:
        raise MembershipError("name a room; this connection is in none")
    found = await rooms.view(room)
    return {
        "data": {"room": room, "members": found.members, "membersCount": found.count},
        "room": room,
        "roomStatus": {
            "room": room,
            "members": list(found.members),
            "membersCount": found.count,
        },
    }


async def listen(rooms: Rooms, connection: Connection, room: str) -> Fields:
    """Hear a room without being a member."""
    await rooms.listen(connection, room)
    return {"data": True, "room": room}


async def silence(rooms: Rooms, connection: Connection, room: str) -> Fields:
    """Hear it no more."""
    await rooms.silence(connection, room)
    return {"data": True, "room": room}


async def say(
    rooms: Rooms,
    connection: Connection,
    room: str,
    content: Any,
    where: Mapping[str, Any] | None = None,
) -> Fields:
    """Say something in a room where the connection is."""
    return {"offset": await rooms.say_as(connection, room, content, where=where)}


Verb: TypeAlias = Callable[[Rooms, Connection, str], Work]

VERBS: Mapping[str, Verb] = {
    "roomAdd": add,
    "roomLeave": leave,
    "roomChange": change,
    "roomView": view,
    "listenToRoom": listen,
    "silenceRoom": silence,
}
"""The verbs that need a room's name alone."""


def read_line(rooms: Rooms, connection: Connection, verb: str, rest: str) -> Work:
    """What a line of TCP asks for. Raises `MalformedError`.

    The sticky parameters `roomMatchKey` and `roomMatchValue` address what is said, as in v4.1.0.
    """
    if verb == "say":
        room, text = read_say(connection, rest)
        params = connection.params
        key = params.get("roomMatchKey")
        where = {key: params.get("roomMatchValue")} if key else None
        return say(rooms, connection, room, text, where)
    name, since = read_room(rest, verb)
    if verb == "roomAdd" and since is not None:
        return add(rooms, connection, name, Position(*since))
    return VERBS[verb](rooms, connection, name)


LINE_VERBS = frozenset((*VERBS, "say"))
"""Those that a line may begin with."""
