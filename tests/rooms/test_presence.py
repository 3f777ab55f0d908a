"""Servers that die, stand still or lose the store; and that nothing of them stays."""

import asyncio
from typing import Any

import pytest

from actionhero.errors import StoreUnavailableError
from actionhero.rooms import Rooms
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from tests.rooms.kit import Client, Start, until


async def die(rooms: Rooms) -> None:
    """As a server that is killed: it does nothing any more, and says nothing."""
    hall = rooms._hall
    for task in (hall.presence._beating, hall.feed._reading):
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    hall.presence._beating = None
    hall._attendees.clear()


async def count(rooms: Rooms, room: str = "r") -> int:
    return (await rooms.view(room)).count


async def own_keys(store: StoreClient, keys: Keys) -> set[str]:
    found = await store.execute("KEYS", f"{keys._prefix}:*")
    return {key.decode().removeprefix(f"{keys._prefix}:") for key in found}


async def test_members_of_a_dead_server_leave_within_two_leases(
    start: Start, store: StoreClient, keys: Keys
) -> None:
    names = [f"r{n}" for n in range(30)]
    one = await start("one", create=names, lease=0.5, announce=True)
    two = await start("two", create=names, lease=0.5, announce=True)
    ada, bob = Client(), Client()
    for name in names:
        await one.join(ada.connection, name)
    await two.join(bob.connection, "r0")
    await die(one)
    began = asyncio.get_running_loop().time()
    await until(lambda: said_left(bob, ada))
    await until(lambda: nobody(two, names[1:]))
    assert asyncio.get_running_loop().time() - began < 20
    assert await count(two, "r0") == 1
    await two.leave(bob.connection, "r0")

    async def is_clean() -> bool:
        left = {key for key in await own_keys(store, keys) if "one" in key or "members" in key}
        return not left and await store.execute("ZCARD", keys.room_server("")[0]) == 1

    await until(is_clean)


async def said_left(client: Client, other: Client) -> bool:
    return any(
        one["message"] == "I have left the room" and one["from"] == other.connection.id
        for one in client.heard
    )


async def nobody(rooms: Rooms, names: list[str]) -> bool:
    return not any([await count(rooms, name) for name in names])


async def test_a_stop_leaves_nothing(start: Start, store: StoreClient, keys: Keys) -> None:
    rooms = await start()
    clients = [Client() for _ in range(20)]
    for client in clients:
        await rooms.join(client.connection, "r")
    await rooms.aclose()
    assert await own_keys(store, keys) == {"{room:r}:meta", "{rooms}:names"}
    script = await start("script")
    assert await count(script) == 0
    await script.destroy("r")
    await script.aclose()
    assert await own_keys(store, keys) == set()


async def test_an_emptied_store(start: Start, store: StoreClient) -> None:
    rooms = await start(create=("r",))
    await rooms.create("other")
    ada = Client()
    await rooms.join(ada.connection, "r")
    await rooms.join(ada.connection, "other")
    await store.execute("FLUSHALL")
    await until(lambda: sorted(ada.told) == ["destroyed", "destroyed"])
    assert ada.connection.rooms == []
    await until(lambda: rooms.exists("r"))
    assert not await rooms.exists("other")
    await rooms.join(ada.connection, "r")
    await rooms.say("r", 1)
    await until(lambda: ada.said == [1])


async def test_a_server_that_stood_still_comes_back_by_another_name(
    start: Start, store: StoreClient, keys: Keys
) -> None:
    one, two = await start("one", lease=0.5, announce=True), await start("two", lease=0.5)
    ada, bob = Client(), Client()
    before = await one.join(ada.connection, "r")
    await two.join(bob.connection, "r")
    joined_at = (await one.view("r")).members[ada.connection.id]["joinedAt"]
    presence = one._hall.presence
    assert presence._beating
    async with presence._turn:  # it cannot say that it lives
        await until(lambda: is_count(two, 1))
    presence.nudge()
    await until(lambda: is_count(two, 2))
    assert presence.name == "one#1"
    view = await two.view("r")
    assert view.members[ada.connection.id]["joinedAt"] == joined_at
    assert view.epoch == before.epoch
    await two.say("r", "still there")
    await until(lambda: ada.said[-1:] == ["still there"])
    servers = await store.execute("SMEMBERS", keys.room("r")[2])
    assert set(servers) == {b"one#1", b"two#0"}


async def is_count(rooms: Rooms, wanted: int) -> bool:
    return await count(rooms) == wanted


async def test_a_leave_that_the_store_did_not_hear_of(
    start: Start, store: StoreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = await start()
    ada, bob = Client(), Client()
    for client in (ada, bob):
        await rooms.join(client.connection, "r")
    link = store._link
    assert link is not None
    link.lose("a test")
    await rooms.leave(ada.connection, "r")
    await store.wait_connected(20)
    await until(lambda: is_count(rooms, 1))
    assert set((await rooms.view("r")).members) == {bob.connection.id}
    await rooms.say("r", 1)
    await until(lambda: bob.said == [1])


async def test_letting_members_in_again_fails_half_way(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = await start()
    ada, bob = Client(), Client()
    for client in (ada, bob):
        await rooms.join(client.connection, "r")
    presence, scripts = rooms._hall.presence, rooms._scripts
    rejoin = scripts.rejoin

    async def fail_once(room: str, server: str, epoch: str, entries: Any) -> bool:
        """It is done, but nobody hears of it; meanwhile one of them goes, unheard, too."""
        await rejoin(room, server, epoch, entries)
        monkeypatch.undo()
        rooms._hall._take_out("r", rooms._hall._attendees[ada.connection.id].members["r"])
        rooms._hall._leaving.clear()
        raise StoreUnavailableError("a test", maybe_done=True)

    monkeypatch.setattr(scripts, "rejoin", fail_once)
    presence.doubt()
    await until(lambda: presence.name == "one#2")

    async def is_right() -> bool:
        return set((await rooms.view("r")).members) == {bob.connection.id}

    await until(is_right)


async def test_a_join_that_fails_leaves_nothing(start: Start, store: StoreClient) -> None:
    rooms = await start()
    ada = Client()
    joining = [asyncio.create_task(rooms.join(ada.connection, "r")) for _ in range(3)]
    await asyncio.sleep(0)
    for task in joining:
        task.cancel()
    found: list[Any] = await asyncio.gather(*joining, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in found)
    await until(lambda: is_count(rooms, 0))
    await rooms.join(ada.connection, "r")
    assert await count(rooms) == 1


async def test_a_connection_that_ends_while_it_joins(start: Start) -> None:
    rooms = await start()
    for turns in range(12):
        ada = Client()
        joining = asyncio.create_task(rooms.join(ada.connection, "r"))
        for _ in range(turns):
            await asyncio.sleep(0)
        rooms.depart(ada.connection)
        await asyncio.gather(joining, return_exceptions=True)
    await until(lambda: is_count(rooms, 0))


async def test_a_program_that_only_speaks_has_no_lease(store: StoreClient, keys: Keys) -> None:
    from actionhero.rooms import RuleBook
    from actionhero.settings import RoomSettings

    rooms = Rooms(store, keys, RuleBook((), RoomSettings()), RoomSettings(), "script")
    await rooms.create("r")
    await rooms.say("r", 1)
    await rooms.aclose()
    assert await own_keys(store, keys) == {"{room:r}:meta", "{room:r}:history", "{rooms}:names"}
