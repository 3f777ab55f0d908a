"""Rooms on several servers: who is in them, and what is heard."""

import asyncio

import pytest

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
