"""Waiting for somebody to say that there is work."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from actionhero.workers.listener import Listener
from tests.workers.house import until


class Told:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def listener(store: StoreClient, keys: Keys, told: Told) -> AsyncIterator[Listener]:
    listener = Listener(store, keys.queue("q"), "a:1", told)
    running = asyncio.create_task(listener.run())
    yield listener
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def test_tells_of_a_hint_for_anybody(
    listener: Listener, store: StoreClient, keys: Keys, told: Told
) -> None:
    listener.listen()
    await store.execute("RPUSH", keys.queue("q").wake, "1")
    await until(lambda: told.times == 1)


async def test_tells_of_a_hint_for_this_server(
    listener: Listener, store: StoreClient, keys: Keys, told: Told
) -> None:
    listener.listen()
    await store.execute("RPUSH", keys.queue("q").wakes + "a:1", "1")
    await until(lambda: told.times == 1)


async def test_takes_no_hint_unless_asked(
    listener: Listener, store: StoreClient, keys: Keys, told: Told
) -> None:
    listener.listen()
    wake = keys.queue("q").wake
    await store.execute("RPUSH", wake, "1")
    await until(lambda: told.times == 1)
    await store.execute("RPUSH", wake, "1")
    for _ in range(5):
        await store.execute("PING")
    assert await store.execute("LLEN", wake) == 1
    assert told.times == 1


async def test_listens_on_after_an_error(
    listener: Listener,
    store: StoreClient,
    keys: Keys,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("actionhero.workers.listener._AFTER_ERROR", 0.001)
    wake = keys.queue("q").wake
    await store.execute("SET", wake, "not a list")
    listener.listen()
    for _ in range(20):
        await store.execute("PING")
    await store.execute("DEL", wake)
    await store.execute("RPUSH", wake, "1")
    await until(lambda: told.times == 1)
