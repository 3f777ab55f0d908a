"""The thread that keeps leases."""

import asyncio
import time

import pytest

from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from actionhero.store.task_scripts import QueueScripts
from actionhero.store.url import StoreUrl
from actionhero.workers.heartbeat import Heartbeat, Lease
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
    heartbeat = Heartbeat("a:1", lambda: store.url, LEASE, stuck_limit=0.05)
    heartbeat.keep("q", Lease(scripts, lambda: None))
    heartbeat.start()
    deadline = time.monotonic() + 20
    while "has not turned" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.01)  # noqa: ASYNC251  that is the test: the loop stands still
    assert "has not turned" in caplog.text
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
