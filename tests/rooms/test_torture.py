"""Servers, links and clients that fail at random: nothing is heard twice, or missed silently."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator

import pytest

from actionhero.errors import StoreUnavailableError
from actionhero.rooms import Position, Rooms, RuleBook
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from actionhero.store.link import Link
from actionhero.store.url import StoreUrl
from tests.rooms.kit import SETTINGS, Client, until

STEPS = 150
Servers = list[tuple[StoreClient, Rooms]]


@pytest.fixture
async def servers(
    server_url: StoreUrl, keys: Keys
) -> AsyncIterator[list[tuple[StoreClient, Rooms]]]:
    """Three, each with a connection of its own."""
    async with contextlib.AsyncExitStack() as exits:
        made = []
        for number in range(3):
            store = await StoreClient.connect(server_url)
            exits.push_async_callback(store.aclose)
            await store.execute("CLIENT", "SETNAME", "torture")
            rooms = Rooms(store, keys, RuleBook((), SETTINGS), SETTINGS, f"s{number}")
            exits.push_async_callback(rooms.aclose)
            await rooms.start()
            made.append((store, rooms))
        yield made


class Person:
    """A client that stays or comes back, and checks what it hears."""

    def __init__(self) -> None:
        self.client = Client()
        self.rooms: Rooms | None = None
        self.heard: dict[int, object] = {}
        self.lost_up_to = 0
        self.since: Position | None = None

    async def come(self, rooms: Rooms) -> None:
        """Join on some server, from where it was."""
        self.client = Client()
        with contextlib.suppress(StoreUnavailableError):
            joined = await rooms.join(self.client.connection, "r", self.since)
            if joined.is_resumed is not True:
                self.lost_up_to = joined.offset
                self.since = Position(joined.epoch, joined.offset)
            self.rooms = rooms

    def go(self) -> None:
        """Lose the connection."""
        if self.rooms is not None:
            self.rooms.depart(self.client.connection)
            self.take()
            self.rooms = None

    def read(self) -> None:
        """Take what comes, again."""
        self.client.is_full = False
        if self.rooms is not None:
            self.rooms.catch_up(self.client.connection)

    def take(self) -> None:
        """Write down what it heard. Offsets grow; none comes twice."""
        assert self.since is not None
        heard, self.client.heard = self.client.heard, []
        for one in heard:
            assert one["offset"] > self.since.offset, one
            self.since = Position(one["epoch"], one["offset"])
            if one["context"] == "user":
                self.heard[one["offset"]] = one["message"]
            else:
                assert one["event"] == "lost"
                self.lost_up_to = one["offset"]


class World:
    """The servers, the people, what was said; and what happens to them, by `chance`."""

    def __init__(self, servers: Servers, chance: random.Random) -> None:
        self.servers = servers
        self.chance = chance
        self.people = [Person() for _ in range(12)]
        self.said: dict[int, object] = {}

    @property
    def _rooms(self) -> Rooms:
        return self.chance.choice(self.servers)[1]

    async def say(self, content: object) -> None:
        """Say something somewhere; what fails may have been said, too."""
        with contextlib.suppress(StoreUnavailableError):
            self.said[await self._rooms.say("r", content)] = content

    async def step(self) -> None:
        """Something happens."""
        person, chance = self.chance.choice(self.people), self.chance
        match chance.randrange(12):
            case 0:
                person.go()
            case 1 | 2 if person.rooms is None:
                await person.come(self._rooms)
            case 3:
                person.client.is_full = True
            case 4 | 5:
                person.read()
            case 6:
                subscription = self._rooms._hall.feed._subscription
                lose(subscription._link if subscription else None)
            case 7:
                lose(chance.choice(self.servers)[0]._link)
            case _:
                await asyncio.sleep(chance.random() / 200)

    async def settle(self) -> None:
        """All is well again, everybody is there, and has heard the last word."""
        for store, _ in self.servers:
            await store.wait_connected(20)
        for person in self.people:
            while person.rooms is None:
                await person.come(self._rooms)
            person.read()
        end = await self.servers[0][1].say("r", "end")
        await until(lambda: all(heard_up_to(person, end) for person in self.people))


def lose(link: Link | None) -> None:
    if link is not None:
        link.lose("torture")


@pytest.mark.parametrize("seed", range(4))
async def test_at_random(servers: Servers, seed: int) -> None:
    chance = random.Random(seed)
    world = World(servers, chance)
    for person in world.people:
        await person.come(chance.choice(servers)[1])
    for number in range(STEPS):
        await asyncio.gather(*(world.say((number, n)) for n in range(chance.randrange(4))))
        await world.step()
    await world.settle()
    for person in world.people:
        for offset, content in world.said.items():
            if offset > person.lost_up_to:
                assert person.heard[offset] == list(content)  # type: ignore[call-overload]
    ids = {person.client.connection.id for person in world.people}

    async def is_right() -> bool:
        return set((await servers[0][1].view("r")).members) == ids

    await until(is_right)


def heard_up_to(person: Person, end: int) -> bool:
    person.take()
    return end in person.heard or person.lost_up_to >= end
