"""What was missed: by a client that comes back, by one that reads slowly, by a whole server."""

import asyncio
from functools import partial
from typing import Any

import pytest

from actionhero.errors import MalformedError
from actionhero.rooms import Position, RoomDefinition, Rooms
from actionhero.rooms import feed as feed_module
from actionhero.rooms import member as member_module
from actionhero.store import subscription as subscription_module
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from tests.rooms.kit import Client, Start, until


async def say_many(rooms: Rooms, first: int, last: int) -> None:
    for n in range(first, last):
        await rooms.say("r", n)


async def test_a_client_that_comes_back_gets_exactly_the_gap(start: Start) -> None:
    one, two = await start("one"), await start("two")
    ada = Client()
    at = await one.join(ada.connection, "r")
    await say_many(two, 0, 5)
    await until(lambda: len(ada.said) == 5)
    one.depart(ada.connection)
    await say_many(two, 5, 12)
    again = Client()
    joined = await two.join(again.connection, "r", Position(at.epoch, ada.heard[-1]["offset"]))
    assert joined.is_resumed
    await say_many(one, 12, 15)
    await until(lambda: again.said[-1:] == [14])
    assert again.said == list(range(5, 15))


def has_heard_some(client: Client) -> bool:
    return len(client.said) >= 20 or client.said[-1:] == [399]


async def test_resuming_amid_a_stream_of_messages(start: Start) -> None:
    one, two = await start("one", history=10_000), await start("two", history=10_000)
    talking = asyncio.create_task(say_many(two, 0, 400))
    heard: list[Any] = []
    offset, epoch = 0, (await one.view("r")).epoch
    while not heard or heard[-1] != 399:
        client = Client()
        assert (await one.join(client.connection, "r", Position(epoch, offset))).is_resumed
        await until(partial(has_heard_some, client))
        one.depart(client.connection)
        heard += client.said
        offset = client.heard[-1]["offset"]
    await talking
    assert heard == list(range(400))


async def test_what_cannot_be_resumed_is_told_to_be_lost(start: Start) -> None:
    rooms = await start(history=5)
    epoch = (await rooms.view("r")).epoch
    await say_many(rooms, 0, 20)
    for since, is_resumed in (
        (Position(epoch, 20), True),
        (Position(epoch, 15), True),
        (Position(epoch, 14), False),  # the oldest that is known is 16
        (Position(epoch, 0), False),
        (Position(epoch, 21), False),  # from a future that the store has lost
        (Position("another", 20), False),
    ):
        client = Client()
        joined = await rooms.join(client.connection, "r", since)
        assert joined.is_resumed is is_resumed, since
        assert joined.offset == 20
        await asyncio.sleep(0)
        assert client.said == (list(range(since.offset, 20)) if is_resumed else [])
    for offset in (-1, 2**60):
        with pytest.raises(MalformedError, match="is not an offset"):
            await rooms.join(Client().connection, "r", Position(epoch, offset))


async def test_history_is_bounded_by_age(start: Start) -> None:
    rooms = await start("one", RoomDefinition("r", history_age=0.2, history=100))
    epoch = (await rooms.view("r")).epoch
    await say_many(rooms, 0, 3)

    async def is_forgotten() -> bool:
        joined = await rooms.join(Client().connection, "r", Position(epoch, 1))
        return not joined.is_resumed

    await until(is_forgotten)
    await rooms.say("r", "new")
    for offset, is_resumed in ((1, False), (2, False), (3, True), (4, True)):
        joined = await rooms.join(Client().connection, "r", Position(epoch, offset))
        assert joined.is_resumed is is_resumed


async def test_a_room_without_history(start: Start, store: StoreClient, keys: Keys) -> None:
    rooms = await start("one", RoomDefinition("r", history=0))
    epoch = (await rooms.view("r")).epoch
    await say_many(rooms, 0, 2)
    assert not await store.execute("EXISTS", keys.room("r")[1])
    joined = [
        (await rooms.join(Client().connection, "r", Position(epoch, n))).is_resumed for n in (1, 2)
    ]
    assert joined == [False, True]


async def test_more_was_missed_than_is_read_at_once(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actionhero.rooms.hall.PAGE", 7)
    rooms = await start()
    epoch = (await rooms.view("r")).epoch
    await say_many(rooms, 0, 50)
    ada = Client()
    assert (await rooms.join(ada.connection, "r", Position(epoch, 3))).is_resumed
    await rooms.say("r", 50)
    await until(lambda: ada.said[-1:] == [50])
    assert ada.said == list(range(3, 51))


@pytest.mark.parametrize("put_by", [100, 3])
async def test_a_slow_reader_gets_everything_in_the_end(
    start: Start, monkeypatch: pytest.MonkeyPatch, put_by: int
) -> None:
    monkeypatch.setattr(member_module, "PUT_BY", put_by)
    rooms = await start()
    slow, quick = Client(), Client()
    for client in (slow, quick):
        await rooms.join(client.connection, "r")
    await say_many(rooms, 0, 5)
    await until(lambda: len(slow.said) == 5)
    slow.is_full = True
    await say_many(rooms, 5, 30)
    await until(lambda: len(quick.said) == 30)
    assert len(slow.said) == 5
    slow.is_full = False
    rooms.catch_up(slow.connection)
    await say_many(rooms, 30, 35)
    await until(lambda: slow.said[-1:] == [34])
    assert slow.said == quick.said == list(range(35))


async def test_a_reader_that_is_too_slow_is_told_what_it_lost(start: Start) -> None:
    rooms = await start(history=3)
    slow = Client()
    await rooms.join(slow.connection, "r")
    slow.is_full = True
    await say_many(rooms, 0, 10)
    rooms.catch_up(slow.connection)  # too early
    await rooms.view("r")
    slow.is_full = False
    rooms.catch_up(slow.connection)
    await until(lambda: slow.told == ["lost"])
    assert slow.heard[0]["offset"] == 7
    await rooms.say("r", 10)
    await until(lambda: slow.said == [7, 8, 9, 10])  # what history still had, too


async def break_subscriptions(store: StoreClient) -> None:
    await store.execute("CLIENT", "KILL", "TYPE", "pubsub")


async def test_a_server_reads_what_it_missed(start: Start, store: StoreClient) -> None:
    one = await start("one")
    ada = Client()
    await one.join(ada.connection, "r")
    for n in range(0, 60, 3):
        if n % 15 == 0:
            await break_subscriptions(store)
        await say_many(one, n, n + 3)
    await until(lambda: ada.said[-1:] == [59])
    assert ada.said == list(range(60))


async def say_unheard(rooms: Rooms, keys: Keys, count: int) -> None:
    """Say something that the server does not hear of, as if it were lost on the way."""
    feed = rooms._hall.feed
    local = feed.rooms.pop(keys.room("r")[4])
    subscription = feed._subscription
    assert subscription is not None
    heard = subscription.received
    await say_many(rooms, 0, count)
    await until(lambda: subscription.received == heard + count and not subscription._unread)
    feed.rooms[local.channel] = local


async def test_a_server_tells_what_it_cannot_read_any_more(start: Start, keys: Keys) -> None:
    one = await start("one", history=2)
    clients = [Client(), Client()]
    for client in clients:
        await one.join(client.connection, "r")
    clients[1].is_full = True
    await say_unheard(one, keys, 10)
    await one.say("r", 10)
    await until(lambda: clients[0].told == ["lost"])
    clients[1].is_full = False
    one.catch_up(clients[1].connection)
    await until(lambda: clients[1].told == ["lost"])
    await one.say("r", 11)
    await until(lambda: all(client.said == [9, 10, 11] for client in clients))
    assert clients[0].told == ["lost"]


async def test_who_came_later_has_lost_nothing(start: Start, keys: Keys) -> None:
    rooms = await start(history=2)
    ada, bob = Client(), Client()
    await rooms.join(ada.connection, "r")
    await say_unheard(rooms, keys, 10)
    await rooms.join(bob.connection, "r")
    await rooms.say("r", 10)
    await until(lambda: ada.said == [9, 10] and bob.said == [10])
    assert (ada.told, bob.told) == (["lost"], [])


async def test_too_much_unread_is_read_from_history(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription_module, "MAX_UNREAD", 20)
    rooms = await start(history=1_000)
    ada = Client()
    await rooms.join(ada.connection, "r")
    await asyncio.gather(*(rooms.say("r", n) for n in range(300)))
    await until(lambda: len(ada.said) == 300)
    assert ada.said == list(range(300))


async def test_an_offset_that_does_not_follow_shows_what_was_missed(
    start: Start, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed_module, "PAGE", 4)
    rooms = await start()
    ada = Client()
    await rooms.join(ada.connection, "r")
    await say_unheard(rooms, keys, 10)
    await rooms.say("r", 10)
    await until(lambda: ada.said[-1:] == [10])
    assert ada.said == list(range(11))


async def test_an_unreadable_frame_harms_nobody(
    start: Start, store: StoreClient, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    rooms = await start()
    ada = Client()
    await rooms.join(ada.connection, "r")
    for frame in (b"", b"x", b"a:b:c:d", b"e:1:2:[]", b'e:1:2:{"from":3}'):
        await store.execute("PUBLISH", keys.room("r")[4], frame)
    await rooms.say("r", 1)
    await until(lambda: ada.said == [1])
    assert caplog.text.count("could not be told") == 5
