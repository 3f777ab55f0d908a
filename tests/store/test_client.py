"""The client against a real server, under both event loops."""

import asyncio
import logging
import os
import signal
from typing import Any

import pytest

from actionhero.errors import StoreError, StoreReplyError, StoreUnavailableError
from actionhero.store.client import StoreClient
from actionhero.store.embedded import EmbeddedStore
from actionhero.store.url import StoreUrl
from tests.store.conftest import until
from tests.store.fakes import Proxy


async def test_commands_and_their_replies(client: StoreClient) -> None:
    assert await client.execute("SET", "a", b"\x00\xff") == b"OK"
    assert await client.execute(b"GET", "a") == b"\x00\xff"
    assert await client.execute("GET", "missing") is None
    assert await client.execute("INCRBY", "n", 5) == 5
    assert await client.execute("INCRBYFLOAT", "f", 1.5) == b"1.5"
    await client.execute("HSET", "h", "ä", "ö")
    assert await client.execute("HGETALL", "h") == {"ä".encode(): "ö".encode()}
    assert await client.execute("EVAL", "return {1, {2, 'x'}, false}", 0) == [1, [2, b"x"], None]
    with pytest.raises(StoreReplyError, match="WRONGTYPE"):
        await client.execute("LPUSH", "a", 1)
    assert client.commands_answered >= 9


async def test_many_in_one_write(client: StoreClient) -> None:
    replies = await client.execute_many([("SET", "a", 1), ("LPUSH", "a", 1), ("INCR", "a")])
    assert replies[0] == b"OK"
    assert isinstance(replies[1], StoreReplyError)
    assert replies[2] == 2
    assert await client.execute_many(("ECHO", n) for n in range(3)) == [b"0", b"1", b"2"]
    assert await client.execute_many([]) == []


async def test_pipelining_keeps_the_order(client: StoreClient) -> None:
    replies = await asyncio.gather(*[client.execute("INCR", "n") for _ in range(5000)])
    assert replies == list(range(1, 5001))


async def test_cancelled_callers_do_not_shift_replies(client: StoreClient) -> None:
    async def ask(number: int) -> Any:
        await asyncio.sleep(0)
        return await client.execute("ECHO", number)

    for round_ in range(20):
        callers = [asyncio.create_task(ask(number)) for number in range(100)]
        for _ in range(round_ % 4):
            await asyncio.sleep(0)
        for caller in callers[::3]:
            caller.cancel()
        replies = await asyncio.gather(*callers, return_exceptions=True)
        for number, reply in enumerate(replies):
            assert isinstance(reply, asyncio.CancelledError) or reply == str(number).encode()


async def test_big_values(client: StoreClient) -> None:
    value = os.urandom(1 << 20) * 24
    big = client.execute("SET", "big", value)
    small = [client.execute("ECHO", n) for n in range(100)]
    assert await big == b"OK"
    assert await asyncio.gather(*small) == [str(n).encode() for n in range(100)]
    assert await client.execute("GET", "big") == value
    halves = await client.execute_many(
        [("GETRANGE", "big", 0, 999_999), ("GETRANGE", "big", 1_000_000, -1)]
    )
    assert b"".join(halves) == value


async def test_a_database_and_a_name(server_url: StoreUrl, client: StoreClient) -> None:
    other = await StoreClient.connect(f"unix://{server_url.path}?db=3")
    await other.execute("SET", "here", 1)
    assert await client.execute("EXISTS", "here") == 0
    assert b" db=3 " in await other.execute("CLIENT", "INFO")
    assert b" name=actionhero " in await other.execute("CLIENT", "INFO")
    await other.aclose()
    with pytest.raises(StoreReplyError, match="DB index is out of range"):
        await StoreClient.connect(f"unix://{server_url.path}?db=999")


async def test_users_and_passwords(server_url: StoreUrl, client: StoreClient) -> None:
    at = f"@{server_url.path}"
    await client.execute("ACL", "SETUSER", "ada", "on", ">s3cret", "~*", "+@all", "-info")
    ada = await StoreClient.connect(f"unix://ada:s3cret{at}")
    assert await ada.execute("ACL", "WHOAMI") == b"ada"
    assert ada.engine is not None
    await ada.aclose()
    with pytest.raises(StoreReplyError, match=r"WRONGPASS.*password in store\.url") as caught:
        await StoreClient.connect(f"unix://ada:wr0ng{at}")
    assert "wr0ng" not in str(caught.value)
    await client.execute("ACL", "DELUSER", "ada")


async def test_nobody_there() -> None:
    with pytest.raises(StoreUnavailableError, match="No such file"):
        await StoreClient.connect("unix:///nowhere/store.sock", connect_timeout=0.1)
    with pytest.raises(StoreUnavailableError, match=r"127\.0\.0\.1:1/0"):
        await StoreClient.connect("valkey://:s3cret@127.0.0.1:1", connect_timeout=0.1)


async def test_connect_waits_for_a_store_that_comes_late(directory: Any) -> None:
    connecting = asyncio.create_task(StoreClient.connect(f"unix://{directory}/store.sock"))
    await asyncio.sleep(0)
    store = await EmbeddedStore.start(directory)
    client = await connecting
    assert await client.execute("PING") == b"PONG"
    await client.aclose()
    await store.aclose()


async def test_a_closed_client_refuses(server_url: StoreUrl) -> None:
    client = await StoreClient.connect(server_url)
    waiting = client.execute("BLPOP", "nothing", 0)
    closed: list[str] = []

    async def note(what: str) -> None:
        closed.append(what)

    client.call_at_close(lambda: note("first"))
    client.call_at_close(lambda: note("second"))
    await client.aclose()
    await client.aclose()
    assert closed == ["second", "first"]
    with pytest.raises(StoreUnavailableError, match="closed"):
        await waiting
    assert not client.is_connected
    for ask in (
        lambda: client.execute("PING"),
        lambda: client.execute_many([("PING",)]),
        lambda: client.execute_blocking("PING", timeout=1),
        lambda: client.subscribe("x"),
        lambda: client.wait_connected(1),
    ):
        with pytest.raises(StoreUnavailableError, match="the client was closed"):
            await ask()
    assert client.commands_answered == 0


async def test_a_killed_store_fails_fast_and_everything_resumes(
    kept: EmbeddedStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Under load, with callers that go on asking all the time."""
    caplog.set_level(logging.INFO, "actionhero.store")
    client = await StoreClient.connect(kept.url)
    counts = {"done": 0, "maybe": 0, "refused": 0}
    is_over = False

    async def caller() -> None:
        while not is_over:
            try:
                await client.execute("INCR", "n")
            except StoreUnavailableError as error:
                counts["maybe" if error.maybe_done else "refused"] += 1
                await asyncio.sleep(0.001)
            else:
                counts["done"] += 1

    callers = [asyncio.create_task(caller()) for _ in range(50)]
    for round_ in range(1, 3):
        before = dict(counts)
        # With `everysec`, a write waits for a flush to the disk that is under way (up to 2 s).
        await client.execute("CONFIG", "SET", "appendfsync", "no")
        await until(lambda: counts["done"] > before["done"] + 500)  # noqa: B023
        assert kept.pid is not None
        os.kill(kept.pid, signal.SIGKILL)
        await until(lambda: not client.is_connected)
        with pytest.raises(StoreUnavailableError, match="no connection to the store at unix://"):
            client.execute("PING")
        await until(lambda: counts["refused"] > before["refused"] + 500)  # noqa: B023
        await kept.ensure_running()
        await client.wait_connected(20)
        assert client.reconnects == round_
    before = dict(counts)
    await until(lambda: counts["done"] > before["done"] + 500)
    is_over = True
    await asyncio.gather(*callers)
    assert (
        counts["done"] <= int(await client.execute("GET", "n")) <= counts["done"] + counts["maybe"]
    )
    said = [record.message.split(" at ")[0] for record in caplog.records]
    assert said.count("lost the store") == 2
    assert len([line for line in said if line.startswith("the store is back")]) == 2
    await client.aclose()


async def test_a_reset_in_the_middle_of_a_reply(server_url: StoreUrl) -> None:
    async with Proxy(server_url.path) as proxy:
        client = await StoreClient.connect(f"valkey://127.0.0.1:{proxy.port}")
        await client.execute("SET", "value", "x" * 10_000)
        proxy.reset_after(5_000)
        replies = await asyncio.gather(
            client.execute("GET", "value"), client.execute("ECHO", 1), return_exceptions=True
        )
        for reply in replies:
            assert isinstance(reply, StoreUnavailableError)
            assert reply.maybe_done
        await client.wait_connected(20)
        assert await client.execute("GET", "value") == b"x" * 10_000
        await client.aclose()


async def test_a_half_open_peer_fails_what_is_under_way(server_url: StoreUrl) -> None:
    async with Proxy(server_url.path) as proxy:
        client = await StoreClient.connect(f"valkey://127.0.0.1:{proxy.port}", command_timeout=0.4)
        await client.execute("SET", "n", 1)
        proxy.freeze()
        with pytest.raises(StoreUnavailableError, match=r"did not answer for 0\.4 s") as caught:
            await client.execute("INCR", "n")
        assert caught.value.maybe_done
        assert not client.is_connected
        proxy.thaw()
        await client.wait_connected(20)
        assert await client.execute("GET", "n") in {b"1", b"2"}
        await client.aclose()


async def test_a_half_open_peer_is_noticed_while_idle(server_url: StoreUrl) -> None:
    async with Proxy(server_url.path) as proxy:
        client = await StoreClient.connect(f"valkey://127.0.0.1:{proxy.port}", command_timeout=0.4)
        proxy.freeze()
        await until(lambda: not client.is_connected)
        with pytest.raises(StoreUnavailableError, match="did not answer"):
            await client.wait_connected(0.01)
        proxy.thaw()
        await client.wait_connected(20)
        await client.aclose()


async def test_the_hook_comes_before_each_attempt(
    kept: EmbeddedStore, caplog: pytest.LogCaptureFixture
) -> None:
    calls = 0

    async def come_back() -> None:
        nonlocal calls
        calls += 1
        if calls < 4:
            raise RuntimeError("not yet")
        await kept.ensure_running()

    client = await StoreClient.connect(kept.url, on_reconnect=come_back)
    assert calls == 0
    assert kept.pid is not None
    os.kill(kept.pid, signal.SIGKILL)
    await until(lambda: client.reconnects == 1)
    assert calls >= 4
    complaints = [r for r in caplog.records if "not yet" in r.message]
    assert len(complaints) == 1
    await client.aclose()


async def test_closing_while_the_store_is_away(kept: EmbeddedStore) -> None:
    client = await StoreClient.connect(kept.url)
    await kept.aclose()
    await until(lambda: not client.is_connected)
    waiting = asyncio.create_task(client.wait_connected(60))
    await asyncio.sleep(0)
    await client.aclose()
    with pytest.raises(StoreUnavailableError, match="closed"):
        await waiting


async def test_a_command_that_blocks_does_not_hold_up_the_others(client: StoreClient) -> None:
    popped = asyncio.create_task(client.execute_blocking("BLPOP", "list", 20, timeout=20))
    for number in range(100):
        assert await client.execute("ECHO", number) == str(number).encode()
    assert not popped.done()
    await client.execute("RPUSH", "list", "x")
    assert await popped == [b"list", b"x"]


async def test_a_client_of_a_store_that_is_lost_refuses_to_block(kept: EmbeddedStore) -> None:
    client = await StoreClient.connect(kept.url)
    blocked = asyncio.create_task(client.execute_blocking("BLPOP", "list", 20, timeout=20))
    await until(lambda: _is_blocked(client))
    await kept.aclose()
    with pytest.raises(StoreUnavailableError):
        await blocked
    await until(lambda: not client.is_connected)
    with pytest.raises(StoreError):
        await client.execute_blocking("BLPOP", "list", 1, timeout=1)
    await client.aclose()


async def _is_blocked(client: StoreClient) -> bool:
    return b"cmd=blpop" in await client.execute("CLIENT", "LIST")
