"""Rooms on several servers: who is in them, what is said and heard, what the rules change."""

import asyncio
from typing import Any

import pytest

from actionhero.connections import Connection
from actionhero.errors import (
    ActionError,
    MalformedError,
    MembershipError,
    RoomError,
    RoomForbiddenError,
    RoomFullError,
    TooLargeError,
    UnknownRoomError,
)
from actionhero.rooms import RoomDefinition, RoomMessage
from actionhero.rooms import local as local_module
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from tests.rooms.kit import Client, Start, until


async def test_what_one_says_the_others_hear(start: Start) -> None:
    one, two = await start("one"), await start("two")
    ada, bob, eve = Client(), Client(hears_own=False), Client()
    await one.join(ada.connection, "r")
    await one.join(bob.connection, "r")
    await two.join(eve.connection, "r")
    assert await one.say_as(ada.connection, "r", {"hello": "there"}) == 1
    assert await one.say_as(bob.connection, "r", "me too") == 2
    await until(lambda: len(ada.heard) == 2 and len(eve.heard) == 2)
    first = ada.heard[0]
    assert first == eve.heard[0] == bob.heard[0]
    assert first.pop("sentAt") > 1e12
    assert len(first.pop("epoch")) == 16
    assert first == {
        "message": {"hello": "there"},
        "room": "r",
        "from": ada.connection.id,
        "context": "user",
        "offset": 1,
    }
    assert bob.said == [{"hello": "there"}]  # TCP does not get its own
    view = await two.view("r")
    assert view.count == 3
    assert set(view.members) == {one.connection.id for one in (ada, bob, eve)}
    assert view.members[ada.connection.id]["joinedAt"] > 1e12
    assert ada.connection.rooms == ["r"]


async def test_rooms_are_created_listed_and_destroyed(start: Start) -> None:
    rooms = await start(create=())
    names = [f"room:{n:03}" for n in range(25)]
    assert all(await asyncio.gather(*(rooms.create(name) for name in names)))
    assert not await rooms.create(names[0])
    assert await rooms.exists(names[0])
    found, after = [], ""
    while True:
        page = await rooms.page(after, 10)
        found += page.rooms
        if not (after := page.after):
            break
    assert found == names
    assert await rooms.destroy(names[0])
    assert not await rooms.destroy(names[0])
    assert not await rooms.exists(names[0])
    assert (await rooms.page(count=1)).rooms == names[1:2]


async def test_a_program_says_something_without_being_there(start: Start) -> None:
    one, other = await start("one"), await start("script")
    ada = Client()
    await one.join(ada.connection, "r")
    assert await other.say("r", [1, 2]) == 1
    await until(lambda: ada.said == [[1, 2]])
    assert ada.heard[0]["from"] == ""


async def test_what_is_not_allowed(start: Start) -> None:
    rooms = await start(per_connection=2, members=2, message_bytes=100, create=("r", "s", "t"))
    ada, bob = Client(), Client()
    with pytest.raises(UnknownRoomError, match="no room 'nowhere'"):
        await rooms.join(ada.connection, "nowhere")
    with pytest.raises(UnknownRoomError):
        await rooms.listen(ada.connection, "nowhere")
    for call in (rooms.view("nowhere"), rooms.say("nowhere", 1)):
        with pytest.raises(UnknownRoomError):
            await call
    for name in ("", "a b", "{r}", "x" * 101, "é"):
        with pytest.raises(MalformedError, match="is no room name"):
            await rooms.join(ada.connection, name)
    with pytest.raises(MembershipError, match=r"connection not in this room \(r\)"):
        await rooms.say_as(ada.connection, "r", "x")
    with pytest.raises(MembershipError, match=r"connection not in this room \(r\)"):
        await rooms.leave(ada.connection, "r")
    await rooms.join(ada.connection, "r")
    with pytest.raises(MembershipError, match=r"connection already in this room \(r\)"):
        await rooms.join(ada.connection, "r")
    with pytest.raises(TooLargeError, match="may have 100 bytes"):
        await rooms.say_as(ada.connection, "r", "x" * 100)
    await rooms.join(ada.connection, "s")
    with pytest.raises(RoomFullError, match="may be in 2 rooms"):
        await rooms.join(ada.connection, "t")
    await rooms.join(bob.connection, "r")
    with pytest.raises(RoomFullError, match="has 2 members"):
        await rooms.join(Client().connection, "r")
    with pytest.raises(RoomError, match="HTTP clients use the action"):
        await rooms.join(Connection("http"), "r")
    assert (await rooms.view("r")).count == 2


async def test_leaving(start: Start, store: StoreClient, keys: Keys) -> None:
    rooms = await start()
    ada, bob = Client(), Client()
    for client in (ada, bob):
        await rooms.join(client.connection, "r")
    await rooms.leave(ada.connection, "r")
    await rooms.say("r", "after")
    await until(lambda: bob.said == ["after"])
    assert ada.said == []
    assert ada.connection.rooms == []
    rooms.depart(bob.connection)
    await until(lambda: empty(rooms))
    channel = keys.room("r")[4]
    await until(lambda: unheard(store, channel))
    with pytest.raises(RoomError):  # it has gone, whatever is still running for it
        await rooms.join(bob.connection, "r")


async def empty(rooms: Any) -> bool:
    return bool((await rooms.view("r")).count == 0)


async def unheard(store: StoreClient, channel: str) -> bool:
    return bool((await store.execute("PUBSUB", "NUMSUB", channel))[1] == 0)


async def test_a_server_hears_only_the_rooms_of_its_members(
    start: Start, store: StoreClient, keys: Keys
) -> None:
    rooms = await start(create=("r", "s"))
    ada = Client()
    await rooms.join(ada.connection, "r")
    told = await store.execute("PUBSUB", "NUMSUB", keys.room("r")[4], keys.room("s")[4])
    assert told[1::2] == [1, 0]


async def test_listening_without_joining(start: Start) -> None:
    rooms = await start()
    ada = Client()
    await rooms.listen(ada.connection, "r")
    with pytest.raises(MembershipError, match="you are already listening to this room"):
        await rooms.listen(ada.connection, "r")
    await rooms.say("r", 1)
    await until(lambda: ada.said == [1])
    assert (await rooms.view("r")).count == 0
    assert ada.connection.rooms == []
    with pytest.raises(MembershipError, match="not in this room"):
        await rooms.say_as(ada.connection, "r", 2)
    await rooms.silence(ada.connection, "r")
    with pytest.raises(MembershipError, match="you are not listening to this room"):
        await rooms.silence(ada.connection, "r")
    await rooms.listen(ada.connection, "r")
    await rooms.join(ada.connection, "r")  # and does not hear it twice
    await rooms.say_as(ada.connection, "r", 3)
    await rooms.say("r", 4)
    await until(lambda: ada.said[-1:] == [4])
    assert ada.said == [1, 3, 4]


async def test_coming_and_going_is_announced(start: Start) -> None:
    one, two = await start("one", announce=True), await start("two", announce=True)
    ada, bob = Client(), Client()
    await one.join(ada.connection, "r")
    await two.join(bob.connection, "r")
    await two.leave(bob.connection, "r")
    await until(lambda: len(ada.said) == 2)
    assert [(one["message"], one["from"]) for one in ada.heard] == [
        ("I have entered the room", bob.connection.id),
        ("I have left the room", bob.connection.id),
    ]
    assert bob.heard == []


def details_of(connection: Connection, _room: str) -> dict[str, Any]:
    return {"role": connection.params.get("role", "guest"), "id": "mine"}


async def test_details_and_messages_for_some(start: Start) -> None:
    definition = RoomDefinition("r*", member_details=details_of)
    one, two = await start("one", definition), await start("two", definition)
    admin, guest = Client(), Client()
    admin.connection.params = {"role": "admin"}
    await one.join(admin.connection, "r")
    await two.join(guest.connection, "r")
    view = await one.view("r")
    assert view.members[admin.connection.id]["role"] == "admin"
    assert view.members[guest.connection.id]["role"] == "guest"
    await one.say("r", "for admins", where={"role": "admin"})
    await one.say("r", "for one", where={"id": guest.connection.id, "role": "guest"})
    await one.say("r", "for nobody", where={"rank": None})
    await one.say_as(admin.connection, "r", "for all")
    await until(lambda: guest.said[-1:] == ["for all"] and admin.said[-1:] == ["for all"])
    assert admin.said == ["for admins", "for all"]
    assert guest.said == ["for one", "for all"]
    assert [details["role"] async for details in one.members("r")] in (
        ["admin", "guest"],
        ["guest", "admin"],
    )


async def test_details_that_are_too_large(start: Start) -> None:
    rooms = await start("one", RoomDefinition("r", member_details=lambda *_: {"x": "y" * 5_000}))
    with pytest.raises(TooLargeError, match="details of a member of r"):
        await rooms.join(Client().connection, "r")


async def test_who_may_come(start: Start) -> None:
    async def members_only(connection: Connection, room: str) -> None:
        if "key" not in connection.params:
            raise ActionError(f"you need a key for {room}", code="no_key", status=403)

    rooms = await start(
        "one",
        RoomDefinition("staff-*", join=members_only),
        RoomDefinition("staff-none", join=lambda *_: False),
    )
    await rooms.create("staff-a")
    ada = Client()
    for enter in (rooms.join, rooms.listen):
        with pytest.raises(ActionError, match="a key for staff-a"):
            await enter(ada.connection, "staff-a")
        with pytest.raises(RoomForbiddenError):
            await enter(ada.connection, "staff-none")
    ada.connection.params = {"key": "k"}
    await rooms.join(ada.connection, "staff-a")


async def test_what_may_be_said(start: Start) -> None:
    async def censor(_connection: Connection, message: RoomMessage) -> RoomMessage | None:
        return None if "spam" in message.content else message.rewritten(message.content.upper())

    rooms = await start("one", RoomDefinition("r", say=censor))
    ada = Client()
    await rooms.join(ada.connection, "r")
    with pytest.raises(RoomForbiddenError, match="not let into the room"):
        await rooms.say_as(ada.connection, "r", "spam")
    await rooms.say_as(ada.connection, "r", "tea")
    await rooms.say("r", "spam of ours")
    await until(lambda: len(ada.said) == 2)
    assert ada.said == ["TEA", "spam of ours"]


async def test_what_each_may_hear(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    def filter_for(connection: Connection, message: RoomMessage) -> RoomMessage | None:
        if message.content == "bad":
            raise LookupError
        if "deaf" in connection.params:
            return None
        return message.rewritten("***") if message.content == "secret" else message

    rooms = await start("one", RoomDefinition("r", receive=filter_for))
    ada, deaf = Client(), Client()
    deaf.connection.params = {"deaf": "1"}
    for client in (ada, deaf):
        await rooms.join(client.connection, "r")
    for content in ("tea", "bad", "secret", "end"):
        await rooms.say("r", content)
    await until(lambda: ada.said[-1:] == ["end"])
    assert ada.said == ["tea", "***", "end"]
    assert deaf.heard == []
    assert "the hook `receive` of room r failed" in caplog.text


async def test_the_order_of_each_sender_holds(start: Start) -> None:
    async def slow(_connection: Connection, message: RoomMessage) -> RoomMessage:
        for _ in range(message.content % 3):
            await asyncio.sleep(0)
        return message

    one = await start("one", RoomDefinition("r", say=slow))
    two = await start("two")
    ada, bob, eve = Client(), Client(), Client()
    await one.join(ada.connection, "r")
    await one.join(bob.connection, "r")
    await two.join(eve.connection, "r")
    await asyncio.gather(
        *(one.say_as(who.connection, "r", n) for n in range(50) for who in (ada, bob))
    )
    await until(lambda: len(eve.heard) == 100 and len(ada.heard) == 100)
    for who in (ada, bob):
        mine = [one["message"] for one in eve.heard if one["from"] == who.connection.id]
        assert mine == list(range(50))
    assert ada.heard == eve.heard


async def test_many_members_are_told_in_turns(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_module, "TURN", 7)
    rooms = await start()
    clients = [Client() for _ in range(30)]
    await asyncio.gather(*(rooms.join(one.connection, "r") for one in clients))
    for n in range(20):
        await rooms.say("r", n)
    await until(lambda: all(len(one.said) == 20 for one in clients))
    assert all(one.said == list(range(20)) for one in clients)


async def test_a_destroyed_room_sends_its_members_away(start: Start) -> None:
    one, two = await start("one"), await start("two")
    ada, bob = Client(), Client()
    await one.join(ada.connection, "r")
    await two.join(bob.connection, "r")
    await two.destroy("r")
    await until(lambda: ada.told == ["destroyed"] and bob.told == ["destroyed"])
    assert ada.connection.rooms == []
    with pytest.raises(MembershipError):
        await one.say_as(ada.connection, "r", 1)
    await one.create("r")
    await one.join(ada.connection, "r")
    assert (await one.view("r")).count == 1


async def test_joining_while_others_talk_misses_nothing(start: Start) -> None:
    one, two = await start("one"), await start("two")

    async def talk() -> None:
        for n in range(300):
            await two.say("r", n)

    talking = asyncio.create_task(talk())
    clients = [Client() for _ in range(40)]
    joined = []
    for client in clients:
        joined.append(await one.join(client.connection, "r"))
        if len(joined) % 3 == 0:
            one.depart(client.connection)
    await talking
    stays = [pair for n, pair in enumerate(zip(clients, joined, strict=True)) if (n + 1) % 3]
    await until(lambda: all(one.said[-1:] == [299] for one, _ in stays))
    for client, at in stays:
        assert client.said == list(range(at.offset, 300))
