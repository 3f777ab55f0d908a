import asyncio

import pytest

from actionhero.errors import StoreError, StoreUnavailableError
from actionhero.store import subscription as subscription_module
from actionhero.store.client import StoreClient
from actionhero.store.embedded import EmbeddedStore
from actionhero.store.subscription import GAP
from actionhero.store.url import StoreUrl
from tests.store.conftest import until
from tests.store.fakes import FakeStore, Proxy


async def test_messages_arrive_in_order(client: StoreClient) -> None:
    listener = await client.subscribe("a", "ü")
    for number in range(100):
        await client.execute("PUBLISH", "a" if number % 2 else "ü", number)
    await client.execute("PUBLISH", "other", 1)
    async with asyncio.timeout(20):
        heard = [await anext(listener) for _ in range(100)]
    assert heard == [("a" if n % 2 else "ü", str(n).encode()) for n in range(100)]
    await listener.aclose()


async def test_closing_ends_the_iteration_after_what_arrived(client: StoreClient) -> None:
    listener = await client.subscribe("a")

    async def listen() -> list[bytes | None]:
        return [payload async for _, payload in listener]

    listening = asyncio.create_task(listen())
    await client.execute("PUBLISH", "a", "x")
    await until(lambda: listener.received == 1)
    await client.execute_many([("PUBLISH", "a", "y")])
    await until(lambda: listener.received == 2)
    await listener.aclose()
    assert await listening == [b"x", b"y"]


async def test_closing_the_client_ends_it_too(server_url: StoreUrl) -> None:
    client = await StoreClient.connect(server_url)
    listener = await client.subscribe("a")
    await client.aclose()
    assert [message async for message in listener] == []


async def test_a_restart_of_the_store_is_a_gap(kept: EmbeddedStore) -> None:
    client = await StoreClient.connect(kept.url, on_reconnect=kept.ensure_running)
    listener = await client.subscribe("a")
    await client.execute("PUBLISH", "a", 1)
    assert await anext(listener) == ("a", b"1")
    with pytest.raises(StoreUnavailableError):
        await client.execute("SHUTDOWN")
    async with asyncio.timeout(20):
        assert await anext(listener) == GAP
    await client.wait_connected(20)
    await client.execute("PUBLISH", "a", 2)
    assert await anext(listener) == ("a", b"2")
    await client.aclose()


async def test_a_silent_death_is_a_gap(server_url: StoreUrl, client: StoreClient) -> None:
    async with Proxy(server_url.path) as proxy:
        own = await StoreClient.connect(f"valkey://127.0.0.1:{proxy.port}", command_timeout=0.4)
        listener = await own.subscribe("a")
        proxy.freeze()
        await until(lambda: not own.is_connected and not listener.is_connected)
        proxy.thaw()
        async with asyncio.timeout(20):
            assert await anext(listener) == GAP
        await client.execute("PUBLISH", "a", 3)
        assert await anext(listener) == ("a", b"3")
        await own.aclose()


async def test_a_slow_listener_gets_a_gap_and_the_newest(
    client: StoreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription_module, "MAX_UNREAD", 10)
    listener = await client.subscribe("a")
    await client.execute_many([("PUBLISH", "a", n) for n in range(15)])
    await until(lambda: listener.received == 15)
    heard = [await anext(listener)]
    while heard[-1].payload != b"14":
        heard.append(await anext(listener))
    assert heard[0] == GAP
    assert [message.payload for message in heard[1:]] == [str(n).encode() for n in range(10, 15)]
    await listener.aclose()


async def test_what_cannot_be_subscribed_to(server_url: StoreUrl, client: StoreClient) -> None:
    with pytest.raises(ValueError, match="at least one channel"):
        await client.subscribe()
    await client.execute("ACL", "SETUSER", "deaf", "on", ">pw", "~*", "+@all", "resetchannels")
    deaf = await StoreClient.connect(f"unix://deaf:pw@{server_url.path}")
    with pytest.raises(StoreError, match="NOPERM"):
        await deaf.subscribe("a")
    await deaf.aclose()
    await client.execute("ACL", "DELUSER", "deaf")


async def test_a_peer_that_does_not_confirm() -> None:
    async with FakeStore(SUBSCRIBE=None) as store:
        own = await StoreClient.connect(store.url, command_timeout=0.3)
        with pytest.raises(StoreUnavailableError, match="not confirmed"):
            await own.subscribe("a")
        await own.aclose()


async def test_channels_come_and_go(client: StoreClient) -> None:
    listener = await client.subscribe("a")
    await listener.add("b")
    await asyncio.gather(*(listener.add(name) for name in "cde"))
    listener.remove("a")
    await client.execute_many([("PUBLISH", name, name) for name in "abcde"])
    async with asyncio.timeout(20):
        assert [(await anext(listener)).channel for _ in range(4)] == ["b", "c", "d", "e"]
    for name in "bcde":
        listener.remove(name)
    adding = asyncio.create_task(listener.add("b"))  # at once again, before the answer
    await adding
    await client.execute("PUBLISH", "b", 1)
    assert await anext(listener) == ("b", b"1")
    await listener.aclose()
    with pytest.raises(StoreUnavailableError):
        await listener.add("x")
    listener.remove("x")


async def test_channels_that_came_later_are_heard_after_a_gap(
    server_url: StoreUrl, client: StoreClient
) -> None:
    own = await StoreClient.connect(server_url)
    listener = await own.subscribe("a")
    await listener.add("b")
    listener.remove("a")
    await client.execute("CLIENT", "KILL", "TYPE", "pubsub")
    async with asyncio.timeout(20):
        assert await anext(listener) == GAP
    assert await client.execute("PUBLISH", "a", 1) == 0
    assert await client.execute("PUBLISH", "b", 2) == 1
    assert await anext(listener) == ("b", b"2")
    listener.remove("b")
    for _ in range(2):  # also without a channel
        assert listener._link is not None
        listener._link.lose("a test")
        async with asyncio.timeout(20):
            assert await anext(listener) == GAP
    await listener.add("c")
    await own.aclose()


async def test_a_channel_that_is_not_confirmed(
    server_url: StoreUrl,
) -> None:
    async with Proxy(server_url.path) as proxy:
        own = await StoreClient.connect(f"valkey://127.0.0.1:{proxy.port}", command_timeout=0.4)
        listener = await own.subscribe("a")
        proxy.freeze()
        with pytest.raises(StoreUnavailableError, match="not confirmed"):
            await listener.add("b")
        assert list(listener.channels) == ["a"]
        await own.aclose()
