"""The action `chat`: rooms for HTTP clients, as ActionHero v4.1.0 has them.

    app.include("actionhero.chat")

A client is known by its cookie `sessionID`, which it gets with its first answer. What is said in
its rooms waits for it, until it asks with `method=messages`; a client that does not ask for
`rooms.inbox_ttl` has left.
"""

from typing import Any, Literal

from actionhero import ActionError, Connection, Rooms, action
from actionhero.rooms.guests import guest_of

Method = Literal["roomChange", "roomView", "detailsView", "say", "messages"]


@action(transports={"http"})
async def chat(
    connection: Connection, rooms: Rooms, method: Method, room: str = "", message: str | None = None
) -> dict[str, Any]:
    """Chat over HTTP: `roomChange` to a room (and out of the one before), `roomView` who is there,
    `detailsView` who you are, `say` a message, and get the `messages` of others since you last
    asked."""
    guest = guest_of(connection)
    mine = await rooms.inboxes.rooms(guest)
    where = room or (mine[0] if mine else "")
    if method == "roomChange":
        await _change(connection, rooms, guest, mine, room)
        return {"room": room}
    if method == "detailsView":
        return {"details": {"id": guest, "room": where or None, "rooms": mine}}
    if method == "messages":
        collected = await rooms.inboxes.collect(connection, guest)
        return {"messages": collected.messages, "lost": collected.lost}
    if not where:
        raise ActionError("you are in no room; use method=roomChange first", code="no_room")
    if method == "roomView":
        view = await rooms.view(where)
        status = {"members": view.members, "membersCount": view.count}
        return {"room": where, "roomStatus": {"room": where, **status}}
    if message is None:
        raise ActionError("message is required to use the say method", code="missing", status=422)
    return {"offset": await rooms.inboxes.say(connection, guest, where, message)}


async def _change(
    connection: Connection, rooms: Rooms, guest: str, mine: list[str], room: str
) -> None:
    """Join, and leave the others."""
    if room not in mine:
        await rooms.inboxes.join(connection, guest, room)
    for other in mine:
        if other != room:
            await rooms.inboxes.leave(guest, other)
