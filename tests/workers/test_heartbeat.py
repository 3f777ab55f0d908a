"""The thread that keeps leases."""

import asyncio
import ctypes
import time

import pytest

from actionhero.errors import SettingsError
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from actionhero.store.link import Command
from actionhero.store.task_scripts import QueueScripts
from actionhero.store.url import StoreUrl
from actionhero.workers.heartbeat import Heartbeat, Lease
from tests.store.fakes import Proxy
from tests.workers.house import until

LEASE = 0.3


async def lease_left(client: StoreClient, scripts: QueueScripts, server: str) -> float:
    """Seconds."""
    servers = scripts.keys.for_scripts[7]
    end = await client.execute("ZSCORE", servers, server)
    seconds, microseconds = await client.execute("TIME")
    return float(end) / 1000 - int(seconds) - int(microseconds) / 1e6


@pytest.fixture
def scripts(store: StoreClient, keys: Keys) -> QueueScripts:
    return QueueScripts(store, keys.queue("q"))


async def test_keeps_a_lease_while_the_loop_is_busy(
    store: StoreClient, scripts: QueueScripts
) -> None:
    await scripts.register("a:1", round(LEASE * 1000), [])
    heartbeat = Heartbeat("a:1", lambda: store.url, LEASE)
    heartbeat.keep("q", Lease(scripts, lambda: None))
    heartbeat.start()
    time.sleep(LEASE * 2.5)  # noqa: ASYNC251  that is the test: the loop stands still
    assert await lease_left(store, scripts, "a:1") > 0
    await heartbeat.stop()


async def test_tells_its_lane_of_a_lost_lease(store: StoreClient, scripts: QueueScripts) -> None:
    lost = asyncio.Event()
    heartbeat = Heartbeat("a:1", lambda: store.url, LEASE)
    heartbeat.keep("q", Lease(scripts, lost.set))
    heartbeat.start()
    async with asyncio.timeout(20):
        await lost.wait()
    await heartbeat.stop()


async def test_renews_no_more_when_the_loop_is_stuck(
    store: StoreClient, scripts: QueueScripts, caplog: pytest.LogCaptureFixture
) -> None:
    await scripts.register("a:1", round(LEASE * 1000), [])
    told = asyncio.Event()
    heartbeat = Heartbeat("a:1", lambda: store.url, LEASE, 0.05, told.set)
    heartbeat.keep("q", Lease(scripts, lambda: None))
    heartbeat.start()
    deadline = time.monotonic() + 20
    while "has not turned" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.01)  # noqa: ASYNC251  that is the test: the loop stands still
    assert "has not turned" in caplog.text
    async with asyncio.timeout(20):
        await told.wait()
    await heartbeat.stop()


async def test_goes_on_when_the_store_is_back(store: StoreClient, scripts: QueueScripts) -> None:
    await scripts.register("a:1", 60_000, [])
    url = StoreUrl("unix", path="/nowhere/at.sock")
    heartbeat = Heartbeat("a:1", lambda: url, LEASE)
    heartbeat.keep("q", Lease(scripts, lambda: None))
    heartbeat.start()
    heartbeat.renew_now()
    url = store.url

    async def is_renewed() -> bool:
        return await lease_left(store, scripts, "a:1") < 1

    await until(is_renewed)
    heartbeat.drop("q")
    await heartbeat.stop()


async def test_an_unexpected_answer_is_logged_and_not_the_end(
    store: StoreClient, scripts: QueueScripts, caplog: pytest.LogCaptureFixture
) -> None:
    await store.execute("SET", scripts.keys.for_scripts[7], "not a zset")
    await store.execute("HSET", scripts.keys.for_scripts[15] + "a:1", "", "0")
    heartbeat = Heartbeat("a:1", lambda: store.url, LEASE)
    heartbeat.keep("q", Lease(scripts, lambda: None))
    heartbeat.start()
    heartbeat.renew_now()
    await until(lambda: "could not be renewed" in caplog.text)
    await store.execute("DEL", scripts.keys.for_scripts[7])

    async def is_renewed() -> bool:
        return bool(await store.execute("ZSCORE", scripts.keys.for_scripts[7], "a:1"))

    await until(is_renewed)
    await heartbeat.stop()


async def test_keeps_a_lease_past_code_that_holds_the_interpreter(
    store: StoreClient, scripts: QueueScripts
) -> None:
    lease = 1.5
    await scripts.register("a:1", round(lease * 1000), [])
    heartbeat = Heartbeat("a:1", lambda: store.url, lease)
    heartbeat.keep("q", Lease(scripts, lambda: None))
    heartbeat.start()
    holding = ctypes.PyDLL(None)  # its functions run with the lock held
    for _ in range(4):
        await asyncio.to_thread(holding.usleep, round(lease * 1e6 / 3))
        assert await lease_left(store, scripts, "a:1") > 0
    await heartbeat.stop()


async def test_keeps_a_lease_past_a_connection_that_swallows(
    store: StoreClient, scripts: QueueScripts
) -> None:
    """Half open: what is sent is taken, nothing comes back, and nobody closes it."""
    lease, told = 3.0, list[str]()
    await scripts.register("a:1", 60_000, [])
    async with Proxy(store.url.path) as dead, Proxy(store.url.path) as good:
        url = StoreUrl("tcp", host="127.0.0.1", port=dead.port)
        heartbeat = Heartbeat("a:1", lambda: url, lease)
        heartbeat.keep("q", Lease(scripts, lambda: told.append("lost")))
        heartbeat.start()
        heartbeat.renew_now()

        async def is_renewed() -> bool:
            return lease - 0.3 < await lease_left(store, scripts, "a:1") <= lease

        await until(is_renewed)
        dead.freeze()
        url = StoreUrl("tcp", host="127.0.0.1", port=good.port)
        await asyncio.sleep(0.5)  # the last renewal is no longer fresh
        await until(is_renewed)
        assert await lease_left(store, scripts, "a:1") > 0
        await heartbeat.stop()
    assert told == []


class Failing:
    """The scripts, but for one time."""

    def __init__(self, scripts: QueueScripts) -> None:
        self._scripts = scripts
        self.has_failed = False

    def renew_command(self, server: str, lease: int) -> tuple[Command, Command]:
        if not self.has_failed:
            self.has_failed = True
            raise RuntimeError("whatever")
        return self._scripts.renew_command(server, lease)


async def test_no_error_ends_the_thread(
    store: StoreClient, scripts: QueueScripts, caplog: pytest.LogCaptureFixture
) -> None:
    await scripts.register("a:1", 60_000, [])
    failing = Failing(scripts)
    heartbeat = Heartbeat("a:1", lambda: store.url, LEASE)
    heartbeat.keep("q", Lease(failing, lambda: None))  # type: ignore[arg-type]
    heartbeat.start()

    async def is_renewed() -> bool:
        return await lease_left(store, scripts, "a:1") < 1

    await until(is_renewed)
    await heartbeat.stop()
    assert failing.has_failed
    assert "it is tried again" in caplog.text


async def test_what_nobody_expected_is_logged_once_and_not_the_end(
    store: StoreClient, scripts: QueueScripts, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as a certificate that cannot be read for a while."""
    await scripts.register("a:1", 60_000, [])
    asked, is_mended = 0, False

    def url() -> StoreUrl:
        nonlocal asked
        asked += 1
        if not is_mended:
            raise SettingsError("no such certificate")
        return store.url

    heartbeat = Heartbeat("a:1", url, LEASE)
    heartbeat.keep("q", Lease(scripts, lambda: None))
    heartbeat.start()
    await until(lambda: asked >= 3)
    assert caplog.text.count("no such certificate") == 1
    is_mended = True

    async def is_renewed() -> bool:
        return await lease_left(store, scripts, "a:1") < 1

    await until(is_renewed)
    await heartbeat.stop()
