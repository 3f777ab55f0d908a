import asyncio

import pytest

from actionhero.errors import StoreReplyError, StoreUnavailableError
from actionhero.store import blocking
from actionhero.store.client import StoreClient
from actionhero.store.url import StoreUrl
from tests.store.conftest import until
from tests.store.fakes import Proxy


async def clients(client: StoreClient) -> int:
    return str(await client.execute("CLIENT", "LIST")).count("name=actionhero")


async def blocked(client: StoreClient) -> int:
    return str(await client.execute("CLIENT", "LIST")).count("cmd=blpop")


async def test_a_timeout_and_an_error_are_ordinary_replies(client: StoreClient) -> None:
    assert await client.execute_blocking("BLPOP", "list", 0.01, timeout=0.01) is None
    await client.execute("SET", "text", 1)
    with pytest.raises(StoreReplyError, match="WRONGTYPE"):
        await client.execute_blocking("BLPOP", "text", 1, timeout=1)


async def test_a_link_is_used_again(client: StoreClient) -> None:
    before = await clients(client)
    for _ in range(5):
        assert await client.execute_blocking("BLPOP", "list", 0.001, timeout=1) is None
    assert await clients(client) == before + 1


async def test_a_cancelled_caller_takes_its_link_along(client: StoreClient) -> None:
    waiting = asyncio.create_task(client.execute_blocking("BLPOP", "list", 30, timeout=30))
    await until(lambda: is_(client, 1))
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await until(lambda: is_(client, 0))
    await client.execute("RPUSH", "list", "x")
    assert await client.execute_blocking("BLPOP", "list", 1, timeout=1) == [b"list", b"x"]


async def is_(client: StoreClient, number: int) -> bool:
    return await blocked(client) == number


async def test_there_are_only_so_many(
    server_url: StoreUrl, client: StoreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking, "MAX_LINKS", 2)
    own = await StoreClient.connect(server_url)
    callers = [
        asyncio.create_task(own.execute_blocking("BLPOP", "list", 30, timeout=30)) for _ in range(5)
    ]
    await until(lambda: is_(client, 2))
    await client.execute("RPUSH", "list", *range(5))
    replies = await asyncio.gather(*callers)
    assert sorted(reply[1] for reply in replies) == [b"0", b"1", b"2", b"3", b"4"]
    await own.aclose()


async def test_a_half_open_peer_is_noticed(server_url: StoreUrl) -> None:
    async with Proxy(server_url.path) as proxy:
        client = await StoreClient.connect(f"valkey://127.0.0.1:{proxy.port}", command_timeout=0.3)
        waiting = asyncio.create_task(client.execute_blocking("BLPOP", "list", 0.2, timeout=0.2))
        await until(lambda: is_(client, 1))
        proxy.freeze()
        with pytest.raises(StoreUnavailableError, match="did not answer"):
            await waiting
        proxy.thaw()
        await client.aclose()


async def test_closing_ends_what_blocks(server_url: StoreUrl, client: StoreClient) -> None:
    own = await StoreClient.connect(server_url)
    waiting = asyncio.create_task(own.execute_blocking("BLPOP", "list", 30, timeout=30))
    await until(lambda: is_(client, 1))
    dialling = asyncio.create_task(own.execute_blocking("BLPOP", "list", 30, timeout=30))
    await asyncio.sleep(0)
    await own.aclose()
    for task in (waiting, dialling):
        with pytest.raises(StoreUnavailableError, match="closed"):
            await task
    await until(lambda: is_(client, 0))
