"""Servers that know each other, and call each other's functions."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from actionhero.errors import (
    ActionError,
    DefinitionError,
    PeerCallError,
    PeerTimeoutError,
    TooLargeError,
    UnknownPeerError,
)
from actionhero.peers import ALL, Peer, PeerEvent, PeerFunction, PeerReply, Peers
from actionhero.peers import calls as calls_module
from actionhero.peers.functions import Functions
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys


class Provider:
    def provides(self, kind: Any) -> bool:
        return kind is Provider

    def provide(self, kind: Any) -> Any:
        return self


async def add(a: int, b: int = 1) -> int:
    return a + b


async def who(provider: Provider) -> str:
    return type(provider).__name__


async def refuse() -> None:
    raise ActionError("not you", code="forbidden", status=403)


async def fail() -> None:
    raise LookupError("lost")


async def wait() -> None:
    await asyncio.Event().wait()


async def much() -> str:
    return "x" * 5_000


FUNCTIONS = {one.__name__: PeerFunction(one) for one in (add, who, refuse, fail, wait, much)}
Serve = Callable[..., Awaitable[Peers]]


@pytest.fixture
async def serve(store: StoreClient, keys: Keys) -> AsyncIterator[Serve]:
    """Starts servers."""
    exits = contextlib.AsyncExitStack()

    async def start(server: str, functions: dict[str, PeerFunction] = FUNCTIONS) -> Peers:
        peers = Peers(store, keys, server)
        described = Peer(server, "host", 1, 2, "0", ("web",), tuple(functions), {"actions": 0})
        await peers.join(lambda: described, Functions(functions, Provider()))
        exits.push_async_callback(peers.aclose)
        return peers

    async with exits:
        yield start


@pytest.fixture
async def client(store: StoreClient, keys: Keys) -> AsyncIterator[Peers]:
    """A program that serves nothing."""
    peers = Peers(store, keys, "script:1")
    yield peers
    await peers.aclose()


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while not await holds():
            await asyncio.sleep(0.005)


async def test_who_is_alive(serve: Serve, client: Peers) -> None:
    assert await client.alive() == []
    one = await serve("one:1")
    await serve("two:1", {})
    assert [peer.id for peer in await client.alive()] == ["one:1", "two:1"]
    assert (await client.alive())[0].functions == tuple(FUNCTIONS)
    await one.aclose()
    assert [peer.id for peer in await client.alive()] == ["two:1"]


async def test_a_call_of_any(serve: Serve, client: Peers) -> None:
    await serve("one:1")
    await serve("none:1", {})
    for _ in range(5):
        assert await client.call("add", {"a": 2, "b": 3}) == 5
    assert await client.call("who") == "Provider"


async def test_a_call_of_one_of_them(serve: Serve) -> None:
    one = await serve("one:1")
    await serve("two:1")
    assert await one.call("add", {"a": 1}, to="two:1") == 2
    assert await one.call("add", {"a": 1}, to="one:1") == 2  # itself


async def test_a_call_of_all(serve: Serve, client: Peers) -> None:
    await asyncio.gather(*(serve(f"{name}:1") for name in ("one", "two", "three")))
    assert await client.call("add", {"a": 1}, to=ALL) == [
        PeerReply(f"{name}:1", "ok", 2) for name in ("one", "three", "two")
    ]
    assert await client.call("nothing", to=ALL) == []


async def test_errors_and_time_outs_are_told_apart(
    serve: Serve, client: Peers, store: StoreClient, keys: Keys
) -> None:
    await serve("one:1", {**FUNCTIONS, "mixed": PeerFunction(refuse)})
    await serve("two:1", {**FUNCTIONS, "mixed": PeerFunction(wait)})
    await serve("three:1", {**FUNCTIONS, "mixed": PeerFunction(add)})
    found = {one.server: one for one in await client.call("mixed", {"a": 1}, to=ALL, timeout="1s")}
    assert found["one:1"].status == "error"
    assert found["one:1"].error == {"code": "forbidden", "message": "not you"}
    assert found["two:1"] == PeerReply("two:1", "timeout")
    assert found["three:1"] == PeerReply("three:1", "ok", 2)


@pytest.mark.parametrize(
    ("name", "args", "code", "words"),
    [
        ("refuse", {}, "forbidden", "'refuse' on one:1: not you"),
        ("fail", {}, "internal_error", "LookupError: lost"),
        ("add", {}, "invalid_input", "a: is required"),
        ("add", {"a": "1"}, "invalid_input", "a: expected `int`"),
    ],
)
async def test_what_goes_wrong_there_is_told_here(
    serve: Serve, client: Peers, name: str, args: dict[str, Any], code: str, words: str
) -> None:
    await serve("one:1")
    with pytest.raises(PeerCallError, match=words) as caught:
        await client.call(name, args)
    assert caught.value.code == code


async def test_what_is_not_registered_is_not_called(serve: Serve, client: Peers) -> None:
    await serve("one:1", {"add": FUNCTIONS["add"]})
    with pytest.raises(UnknownPeerError, match="no live server has a function 'eval'"):
        await client.call("eval")
    with pytest.raises(UnknownPeerError, match="no live server 'two:1'"):
        await client.call("add", {"a": 1}, to="two:1")
    (reply,) = await client._calls.ask("one:1", "__import__", b"{}", 1, 20)
    assert reply.error is not None
    assert reply.error["code"] == "unknown_function"


async def test_who_does_not_answer_in_time(serve: Serve, client: Peers) -> None:
    await serve("one:1")
    with pytest.raises(PeerTimeoutError, match="one:1 did not answer 'wait' within"):
        await client.call("wait", timeout="50ms")
    assert await client.call("add", {"a": 1}) == 2


async def test_sizes_and_numbers_are_bounded(
    serve: Serve, client: Peers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await serve("one:1")
    monkeypatch.setattr(calls_module, "MESSAGE_BYTES", 4_000)
    with pytest.raises(TooLargeError):
        await client.call("add", {"a": "x" * 10_000})
    with pytest.raises(PeerCallError, match="has 5,002 bytes"):
        await client.call("much")
    monkeypatch.setattr(calls_module, "MOST", 0)
    with pytest.raises(PeerCallError, match="too many calls"):
        await client.call("add", {"a": 1})


async def test_noise_on_the_channel_harms_nobody(
    serve: Serve, client: Peers, store: StoreClient, keys: Keys
) -> None:
    await serve("one:1")
    for noise in ("", "nonsense", "[]", '{"kind":"dance"}', '{"kind":"reply","id":"?"}', b"\xff"):
        await store.execute("PUBLISH", keys.peer_channel(), noise)
    assert await client.call("add", {"a": 1}) == 2


async def test_who_comes_and_goes_is_told(serve: Serve, client: Peers) -> None:
    events: asyncio.Queue[PeerEvent] = asyncio.Queue()

    async def watch() -> None:
        async for event in client.watch():
            events.put_nowait(event)

    watching = asyncio.create_task(watch())
    await eventually(lambda: _is(bool(client._calls._watchers)))
    one = await serve("one:1")
    joined = await asyncio.wait_for(events.get(), 20)
    assert (joined.kind, joined.server) == ("joined", "one:1")
    assert joined.peer is not None
    assert joined.peer.roles == ("web",)
    await one.aclose()
    assert await asyncio.wait_for(events.get(), 20) == PeerEvent("left", "one:1")
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_one_that_was_killed_is_gone_after_its_lease(
    serve: Serve, client: Peers, store: StoreClient, keys: Keys
) -> None:
    await serve("one:1")
    live, described = keys.peers()
    await store.execute("ZADD", live, 1, "dead:1")
    await store.execute("HSET", described, "dead:1", "{}")
    assert [peer.id for peer in await client.alive()] == ["one:1"]
    await serve("two:1")
    assert await store.execute("ZSCORE", live, "dead:1") is None
    assert await store.execute("HEXISTS", described, "dead:1") == 0


async def test_a_store_that_goes_away_just_then_is_joined_later(
    store: StoreClient, keys: Keys
) -> None:
    peers = Peers(store, keys, "one:1")
    described = Peer("one:1", "host", 1, 2, "0", (), ("add",), {})
    link, store._link = store._link, None
    await peers.join(lambda: described, Functions(FUNCTIONS, Provider()))
    store._link = link
    await eventually(lambda: _is_there(peers))
    assert await peers.call("add", {"a": 1}) == 2
    await peers.aclose()


async def _is_there(peers: Peers) -> bool:
    return bool(await peers.alive())


def test_what_may_be_called_must_be_async() -> None:
    with pytest.raises(DefinitionError, match="must be an async function"):
        PeerFunction(lambda: None)


async def _is(value: bool) -> bool:
    return value
