import asyncio
from collections.abc import AsyncIterator

import pytest

from actionhero import stats as stats_module
from actionhero.errors import StoreUnavailableError
from actionhero.stats import Stats
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys


@pytest.fixture
async def stats(store: StoreClient, keys: Keys) -> Stats:
    return Stats(store, keys, "one:1")


@pytest.fixture
async def other(store: StoreClient, keys: Keys) -> Stats:
    return Stats(store, keys, "two:1")


async def test_an_increment_counts_globally_and_locally(stats: Stats, other: Stats) -> None:
    stats.increment("a")
    stats.increment("a", 4)
    other.increment("a", 10)
    assert await stats.get("a") == 5
    await other.flush()
    assert await stats.get("a") == 15
    assert await stats.get("a", "local") == 5
    assert await other.get("a", "local") == 10


async def test_a_set_value_is_local_only(stats: Stats, other: Stats) -> None:
    stats.increment("gauge", 2)
    stats.set("gauge", 0.5)
    assert await stats.get("gauge", "local") == 0.5
    assert await stats.get("gauge") == 2
    assert await other.get("gauge", "local") == 0


async def test_an_unknown_key_is_zero(stats: Stats) -> None:
    assert await stats.get("never") == 0
    assert await stats.get("never", "local") == 0


async def test_all_values_come_in_both_tables_by_key(stats: Stats) -> None:
    stats.increment("b")
    stats.increment("a", -3)
    stats.set("c", 1.5)
    assert await stats.get_all() == {
        "global": {"a": -3, "b": 1},
        "local": {"a": -3, "b": 1, "c": 1.5},
    }
    assert list((await stats.get_all())["global"]) == ["a", "b"]


async def test_a_flush_sent_twice_counts_once(
    stats: Stats, store: StoreClient, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = stats._send

    async def lose_the_reply(batch: stats_module._Batch) -> None:
        await send(batch)
        raise StoreUnavailableError("the reply was lost", maybe_done=True)

    stats.increment("a", 5)
    monkeypatch.setattr(stats, "_send", lose_the_reply)
    with pytest.raises(StoreUnavailableError):
        await stats.flush()
    monkeypatch.setattr(stats, "_send", send)
    stats.increment("a", 2)
    assert await stats.get("a") == 7


async def test_what_could_not_be_sent_goes_later(
    store: StoreClient, keys: Keys, stats: Stats
) -> None:
    stats.increment("a", 5)
    await store.aclose()
    with pytest.raises(StoreUnavailableError):
        await stats.flush()
    stats.increment("a")
    assert await stats.get("a", "local") == 6


async def test_it_flushes_by_itself_and_at_the_end(
    store: StoreClient, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stats_module, "FLUSH_INTERVAL", 0.01)
    stats = Stats(store, keys, "one:1")
    await stats.start()
    stats.increment("a")
    async with asyncio.timeout(20):
        while await store.execute("HGET", keys.stats_global, "a") != b"1":
            await asyncio.sleep(0.01)
    stats.increment("a")
    await stats.aclose()
    assert await store.execute("HGET", keys.stats_global, "a") == b"2"


async def test_a_last_flush_that_fails_is_logged(
    store: StoreClient, stats: Stats, caplog: pytest.LogCaptureFixture
) -> None:
    stats.increment("a")
    await store.aclose()
    await stats.aclose()
    assert "could not be stored" in caplog.text


async def test_the_local_table_leaves_with_its_server(
    stats: Stats, store: StoreClient, keys: Keys
) -> None:
    stats.increment("a")
    await stats.flush()
    for key in keys.stats("one:1")[1:]:
        assert 0 < int(await store.execute("PTTL", key) or 0) <= 3_600_000


async def test_an_idle_server_keeps_its_local_table(
    stats: Stats, store: StoreClient, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    stats.set("gauge", 1)
    await stats.flush()
    monkeypatch.setattr(stats_module, "LOCAL_TTL", 0.0)
    stats._keep_alive()
    monkeypatch.setattr(stats_module, "LOCAL_TTL", 60.0)
    await store.execute("DEL", keys.stats("one:1")[1])
    await stats.flush()
    assert await store.execute("HGET", keys.stats("one:1")[1], "gauge") == b"1"


async def test_the_tables_of_all_servers_can_be_seen(
    stats: Stats, other: Stats, store: StoreClient, keys: Keys
) -> None:
    assert await stats.get_servers() == {}
    stats.increment("b")
    stats.increment("a")
    other.set("gauge", 0.5)
    await other.flush()
    found = await stats.get_servers()
    assert found == {"one:1": {"a": 1, "b": 1}, "two:1": {"gauge": 0.5}}
    assert list(found["one:1"]) == ["a", "b"]
    await store.execute("DEL", keys.stats("two:1")[1])  # as if it had expired
    assert list(await stats.get_servers()) == ["one:1"]
    await store.execute("ZADD", keys.stats_servers, 1, "three:1")
    stats.increment("a")
    await stats.flush()
    assert await store.execute("ZSCORE", keys.stats_servers, "three:1") is None


@pytest.fixture(autouse=True)
async def no_task_is_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    assert not {task for task in asyncio.all_tasks() - before if task.get_name() == "stats flush"}


async def test_a_meter_counts_where_an_increment_does(stats: Stats, other: Stats) -> None:
    meter = stats.meter("a")
    meter.count += 2
    stats.increment("a")
    assert await stats.get("a", "local") == 3
    await stats.flush()
    stats.meter("a").count += 4
    assert await stats.get("a", "local") == await stats.get("a") == await other.get("a") == 7


async def test_a_histogram_is_told_in_bounded_keys(stats: Stats, other: Stats) -> None:
    times = stats.histogram("t")
    assert stats.histogram("t") is times
    for seconds in (0.0005, 0.003, 0.003, 0.7, 4000.0):
        times.observe(seconds)
    times.again += 1  # one more that took as long
    times.quick += 2
    times.seconds += 0.0002
    expected = {"t": 8, "t:sum": 8000706700, "t:0.001": 3, "t:0.005": 2, "t:1": 1, "t:inf": 2}
    assert await stats.get("t", "local") == 8
    assert (await stats.get_all())["global"] == expected
    assert (await stats.get_all())["local"] == expected
    stats.histogram("t").observe(0.7)
    other.histogram("t").observe(0.7)
    await other.flush()
    assert await stats.get("t") == 10
    assert await stats.get("t:1") == 3
    assert await stats.get("t:1", "local") == 2


async def test_a_histogram_loses_no_part_of_a_microsecond(stats: Stats) -> None:
    times = stats.histogram("t")
    for _ in range(10):
        times.observe(0.000_000_25)
        await stats.flush()
    assert await stats.get("t:sum") == 2
