"""Who is let in: engines, roles, certificates."""

import asyncio
import shutil
from pathlib import Path

import pytest

from actionhero.errors import (
    SettingsError,
    StoreEngineError,
    StoreError,
    StoreReplyError,
    StoreUnavailableError,
)
from actionhero.store.client import StoreClient
from actionhero.store.dial import Engine, dial
from actionhero.store.process import ServerProcess
from actionhero.store.url import parse_store_url
from tests.store.conftest import until
from tests.store.fakes import FakeStore, bulk, hello

pytestmark = pytest.mark.asyncio(loop_factories=["uvloop"])


async def connect(store: FakeStore) -> Engine:
    link, engine = await dial(parse_store_url(store.url), timeout=5, stall_timeout=5)
    link.lose("seen")
    return engine


async def test_what_is_asked_at_first() -> None:
    async with FakeStore() as store:
        link, _ = await dial(
            parse_store_url(f"valkey://ada:pw@127.0.0.1:{store.port}/5"),
            timeout=5,
            stall_timeout=5,
        )
        link.lose("seen")
    assert [b" ".join(command) for command in store.asked] == [
        b"HELLO 3 AUTH ada pw SETNAME actionhero",
        b"INFO default",
        b"PING",
        b"SELECT 5",
    ]


@pytest.mark.parametrize(
    ("greeting", "info", "expected"),
    [
        (hello(), b"valkey_version:9.1.2\r\nprocess_id:5\r\n", Engine("valkey", "9.1.2", 5)),
        (hello("redis", "7.2.4"), b"valkey_version:7.2.5\r\n", Engine("valkey", "7.2.5")),
        (hello("redis", "6.2.0"), b"redis_version:6.2.0\r\n", Engine("redis", "6.2.0")),
        (hello("valkey", "8.0.1"), b"", Engine("valkey", "8.0.1")),
    ],
)
async def test_engines_that_are_taken(greeting: bytes, info: bytes, expected: Engine) -> None:
    async with FakeStore(HELLO=greeting, INFO=bulk(info)) as store:
        assert await connect(store) == expected


@pytest.mark.parametrize(
    ("greeting", "words"),
    [
        (hello("redis", "6.0.16"), "the store is Redis 6.0.16; at least Valkey 7.2 or Redis 6.2"),
        (b"-ERR unknown command 'HELLO'\r\n", "older than Redis 6.2"),
        (hello(mode="cluster"), "cluster mode, which is planned"),
        (hello(mode="sentinel"), "sentinel mode"),
        (b"+hello\r\n", "not a Valkey/Redis server"),
    ],
)
async def test_engines_that_are_refused(greeting: bytes, words: str) -> None:
    async with FakeStore(HELLO=greeting, INFO=b"-NOPERM\r\n") as store:
        with pytest.raises(StoreEngineError, match=words):
            await StoreClient.connect(store.url)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"HELLO": hello(role="slave")}, "is a replica"),
        ({"PING": b"-LOADING Valkey is loading the dataset\r\n"}, "LOADING"),
        ({"PING": b"-BUSY a script runs\r\n"}, "BUSY"),
        ({"HELLO": None, "INFO": None, "PING": None}, r"within 0\.\d+ s"),
        ({"HELLO": b"HTTP/1.1 400 Bad Request\r\n"}, "broke the store's protocol"),
    ],
)
async def test_what_may_pass_is_unavailable(answers: dict[str, bytes | None], words: str) -> None:
    async with FakeStore(**answers) as store:
        with pytest.raises(StoreUnavailableError, match=words):
            await StoreClient.connect(store.url, connect_timeout=0.3)
    assert len([command for command in store.asked if command[0] == b"HELLO"]) >= 1


@pytest.mark.parametrize(
    ("policy", "maxmemory", "is_warned"),
    [("allkeys-lru", "100", True), ("noeviction", "100", False), ("allkeys-lru", "0", False)],
)
async def test_an_eviction_policy_that_loses_data_is_warned_of(
    policy: str, maxmemory: str, is_warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    info = f"maxmemory:{maxmemory}\r\nmaxmemory_policy:{policy}\r\n".encode()
    async with FakeStore(INFO=bulk(info)) as store:
        client = await StoreClient.connect(store.url)
        await client.execute_blocking("BLPOP", "a", 1, timeout=1)
        await client.aclose()
    assert caplog.text.count("set it to noeviction") == int(is_warned)


async def test_a_password_that_is_missing() -> None:
    async with FakeStore(
        HELLO=b"-NOAUTH HELLO must be called with the client authenticated\r\n"
    ) as store:
        with pytest.raises(StoreReplyError, match=r"NOAUTH.*password in store\.url"):
            await StoreClient.connect(store.url)


async def test_an_embedded_store_is_not_dialled() -> None:
    with pytest.raises(SettingsError, match="open_store"):
        await StoreClient.connect("embedded:")


async def test_who_leaves_while_dialling_leaves_nothing() -> None:
    async with FakeStore(HELLO=None) as store:
        dialling = asyncio.create_task(connect(store))
        await until(lambda: len(store.asked) == 3)
        dialling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await dialling


async def test_a_redis_server_serves_as_well(directory: Path) -> None:
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not on PATH: this test wants it as a second engine")
    socket = directory / "redis.sock"
    process = ServerProcess(
        [binary, "--port", "0", "--save", "", "--unixsocket", str(socket)],
        directory=directory,
        log=None,
    )
    try:
        client = await StoreClient.connect(f"unix://{socket}")
        assert client.engine is not None
        assert client.engine.name == "redis"
        assert client.engine.pid == process.pid
        assert await client.execute_many([("SET", "a", 1), ("HGETALL", "h")]) == [b"OK", {}]
        assert await client.execute_blocking("BLPOP", "list", 0.01, timeout=1) is None
        listener = await client.subscribe("x")
        await client.execute("PUBLISH", "x", "y")
        assert await anext(listener) == ("x", b"y")
        with pytest.raises(StoreError):
            await client.execute("SHUTDOWN")
        await client.aclose()
    finally:
        await until(lambda: not process.is_running)
        process.join()
