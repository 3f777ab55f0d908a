"""HTTP clients, which collect what was said."""

import asyncio

import pytest

from actionhero.connections import Connection
from actionhero.errors import (
    MembershipError,
    RoomForbiddenError,
    RoomFullError,
    TooLargeError,
    UnknownRoomError,
)
from actionhero.rooms import RoomDefinition, RoomMessage, Rooms
from actionhero.rooms import inbox as inbox_module
from actionhero.rooms.inbox import guest_id
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from tests.rooms.kit import Client, Start, until

WEB = Connection("http")


async def collect(rooms: Rooms, guest: str) -> list[object]:
    return [one["message"] for one in (await rooms.inboxes.collect(WEB, guest)).messages]


def test_the_id_does_not_tell_the_secret() -> None:
    assert guest_id("a") != guest_id("b")
    assert len(guest_id("a")) == 24


async def test_what_was_said_waits_for_the_client(start: Start) -> None:
    one, two = await start("one", create=("r", "s")), await start("two")
    ada = Client()
    await one.join(ada.connection, "r")
    for room in ("r", "s"):
        await one.inboxes.join(WEB, "g", room)
    await two.say("r", 1)
    await two.say("s", 2)
    await one.say_as(ada.connection, "r", 3)
    assert await one.inboxes.say(WEB, "g", "r", "mine") == 3
    await until(lambda: ada.said == [1, 3, "mine"])
    assert ada.heard[-1]["from"] == "g"
    collected = await collect(two, "g")
    assert [one for one in collected if one != 2] == [1, 3]  # the order of a room; none over rooms
    assert 2 in collected
    assert await collect(one, "g") == []
    view = await one.view("r")
    assert set(view.members) == {"g", ada.connection.id}
    assert await one.inboxes.rooms("g") == ["r", "s"]
    await one.inboxes.leave("g", "r")
    await two.say("r", 4)
    assert await collect(one, "g") == []
    assert (await one.view("r")).count == 1


async def test_what_is_not_allowed(start: Start) -> None:
    def refuse(_connection: Connection, message: RoomMessage) -> RoomMessage | None:
        return None if message.content == "bad" else message

    rooms = await start(
        "one",
        RoomDefinition("r", say=refuse),
        RoomDefinition("t", join=lambda *_: False),
        create=("s", "u"),
        members=1,
        per_connection=2,
        message_bytes=100,
    )
    await rooms.inboxes.join(WEB, "g", "r")
    with pytest.raises(MembershipError, match=r"already in this room \(r\)"):
        await rooms.inboxes.join(WEB, "g", "r")
    with pytest.raises(RoomFullError, match="has 1 members"):
        await rooms.inboxes.join(WEB, "h", "r")
    for room in ("nowhere", "{", ""):
        with pytest.raises(UnknownRoomError):
            await rooms.inboxes.join(WEB, "g", room)
    with pytest.raises(RoomForbiddenError):
        await rooms.inboxes.join(WEB, "g", "t")
    await rooms.inboxes.join(WEB, "g", "s")
    with pytest.raises(RoomFullError, match="may be in 2 rooms"):
        await rooms.inboxes.join(WEB, "g", "u")
    with pytest.raises(RoomForbiddenError):
        await rooms.inboxes.say(WEB, "g", "r", "bad")
    with pytest.raises(TooLargeError):
        await rooms.inboxes.say(WEB, "g", "r", "x" * 100)
    with pytest.raises(MembershipError, match="not in this room"):
        await rooms.inboxes.say(WEB, "g", "u", "x")
    with pytest.raises(MembershipError, match="not in this room"):
        await rooms.inboxes.leave("g", "u")


async def test_rules_hold_for_what_is_collected(start: Start) -> None:
    def hear(_connection: Connection, message: RoomMessage) -> RoomMessage | None:
        return None if message.content == "no" else message.rewritten([message.content])

    definition = RoomDefinition("r", receive=hear, member_details=lambda *_: {"role": "guest"})
    rooms = await start("one", definition)
    await rooms.inboxes.join(WEB, "g", "r")
    await rooms.say("r", "no")
    await rooms.say("r", "admins", where={"role": "admin"})
    await rooms.say("r", "guests", where={"role": "guest"})
    await rooms.say("r", "me", where={"id": "g"})
    assert await collect(rooms, "g") == [["guests"], ["me"]]


async def test_what_history_has_forgotten_is_told(start: Start) -> None:
    rooms = await start(history=3)
    await rooms.inboxes.join(WEB, "g", "r")
    for n in range(10):
        await rooms.say("r", n)
    found = await rooms.inboxes.collect(WEB, "g")
    assert ([one["message"] for one in found.messages], found.lost) == ([7, 8, 9], ["r"])
    await rooms.say("r", "new")
    assert await collect(rooms, "g") == ["new"]
    await rooms.destroy("r")
    assert (await rooms.inboxes.collect(WEB, "g")).lost == ["r"]
    assert await rooms.inboxes.rooms("g") == []


async def test_much_is_collected_in_portions(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox_module, "PAGE", 4)
    rooms = await start()
    await rooms.inboxes.join(WEB, "g", "r")
    for n in range(10):
        await rooms.say("r", n)
    portions = [await collect(rooms, "g") for _ in range(4)]
    assert portions == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], []]


async def test_two_requests_at_once_do_not_both_get_a_message(start: Start) -> None:
    rooms = await start()
    await rooms.inboxes.join(WEB, "g", "r")
    for n in range(20):
        await rooms.say("r", n)
    found = await asyncio.gather(*(collect(rooms, "g") for _ in range(5)))
    assert sorted(found, key=len) == [[], [], [], [], list(range(20))]


async def test_a_client_that_asks_no_more_has_left(
    start: Start, store: StoreClient, keys: Keys
) -> None:
    rooms = await start(inbox_ttl=0.3, announce=True, lease=0.6)
    ada = Client()
    await rooms.join(ada.connection, "r")
    await rooms.inboxes.join(WEB, "g", "r")

    async def has_left() -> bool:
        return set((await rooms.view("r")).members) == {ada.connection.id}

    await until(has_left)
    await until(lambda: ada.said == ["I have entered the room", "I have left the room"])
    assert await rooms.inboxes.rooms("g") == []
    assert await store.execute("EXISTS", *keys.room_server("~g")[1:], keys.inbox("g")) == 0
