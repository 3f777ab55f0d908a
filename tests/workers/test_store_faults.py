"""What a worker does when its store is full, emptied, slow, silent, or gone."""

import asyncio
import contextlib
import re
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actionhero.errors import StoreFullError
from actionhero.store.client import StoreClient
from actionhero.store.keys import QUEUE_KEYS, Keys
from actionhero.tasks.task import Task
from tests.store.fakes import Proxy
from tests.torture.processes import Store
from tests.workers.house import House, until


@pytest.fixture
async def own_house(own_store: StoreClient, keys: Keys) -> AsyncIterator[House]:
    """A house whose store the test may harm."""
    house = House(own_store, keys)
    yield house
    await house.aclose()


async def fill(store: StoreClient) -> None:
    """Its memory has reached its bound."""
    await store.execute("CONFIG", "SET", "maxmemory", 1)


async def until_ticked(store: StoreClient, times: int) -> None:
    """Its workers have called scripts so often since now."""

    async def calls() -> int:
        stats = (await store.execute("INFO", "commandstats")).decode()
        found = re.search(r"cmdstat_evalsha:calls=(\d+)", stats)
        return int(found.group(1)) if found else 0

    goal = await calls() + times

    async def has_ticked() -> bool:
        return await calls() >= goal

    await until(has_ticked)


async def test_a_full_store_takes_outcomes_while_every_slot_is_taken(own_house: House) -> None:
    goes_on, ran = asyncio.Event(), 0

    @own_house.task
    async def one() -> None:
        nonlocal ran
        await goes_on.wait()
        ran += 1

    await own_house.tasks.enqueue_many([one() for _ in range(6)])
    worker = await own_house.start(concurrency=2)
    await until(lambda: not worker.is_idle)
    await fill(own_house.client)
    with pytest.raises(StoreFullError):
        await one().enqueue()
    await until_ticked(own_house.client, 2)
    goes_on.set()
    await until(lambda: ran == 6)
    await until(lambda: own_house.stats["tasksRun"] == 6)
    assert await own_house.counts() == {}


async def test_a_worker_can_start_in_a_full_store(own_house: House) -> None:
    ran = 0

    @own_house.task(queue="mail")
    async def one() -> None:
        nonlocal ran
        ran += 1

    await own_house.tasks.enqueue_many([one() for _ in range(3)])
    await fill(own_house.client)
    await own_house.start()
    await until(lambda: ran == 3)


async def test_periodic_and_delayed_tasks_go_on_in_a_full_store(own_house: House) -> None:
    swept = ran = 0

    @own_house.task(every="20ms")
    async def sweep() -> None:
        nonlocal swept
        swept += 1

    @own_house.task(retries=1, backoff="1ms")
    async def flaky(task: Task) -> None:
        nonlocal ran
        ran += 1
        if not task.attempts:
            raise ValueError

    await flaky().enqueue(delay="200ms")
    await own_house.start()
    await until(lambda: swept == 1)
    await fill(own_house.client)
    await until(lambda: swept > 3 and ran == 2)


async def test_a_store_that_has_room_again_takes_tasks(own_house: House) -> None:
    ran = asyncio.Event()

    @own_house.task
    async def one() -> None:
        ran.set()

    await own_house.start()
    await fill(own_house.client)
    with pytest.raises(StoreFullError):
        await own_house.tasks.enqueue_many([one()])
    await own_house.client.execute("CONFIG", "SET", "maxmemory", 0)
    await one().enqueue()
    await until(ran.is_set)


async def test_an_emptied_store_is_begun_anew(own_house: House) -> None:
    """Nothing is left of what it knew: servers, periodic types, queues, and what runs."""
    swept, begun, cancelled, ran = 0, asyncio.Event(), asyncio.Event(), asyncio.Event()

    @own_house.task(every="20ms")
    async def sweep() -> None:
        nonlocal swept
        swept += 1

    @own_house.task(every="20ms", scope="all")
    async def sweep_all() -> None:
        nonlocal swept
        swept += 1

    @own_house.task
    async def forgotten() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    @own_house.task
    async def new() -> None:
        ran.set()

    for name in ("a", "b"):
        await own_house.start(name=name, lease=1.0)
    await forgotten().enqueue()
    await until(lambda: begun.is_set() and swept > 3)
    await own_house.client.execute("FLUSHALL")
    await until(cancelled.is_set)
    swept = 0
    await new().enqueue()
    await until(lambda: ran.is_set() and swept > 6)
    assert await own_house.tasks.queues() == ["default"]
    assert (await own_house.tasks.details())["default"]["servers"] == 2
    assert {one.name for one in await own_house.tasks.periodic()} == {"sweep", "sweep_all"}


async def test_connections_that_break_double_and_lose_nothing(own_house: House) -> None:
    runs: Counter[int] = Counter()

    @own_house.task
    async def one(n: int) -> None:
        runs[n] += 1
        await asyncio.sleep(0.002)

    await own_house.start(concurrency=5)
    await own_house.tasks.enqueue_many([one(n) for n in range(500)])
    async with contextlib.AsyncExitStack() as exits:
        breaker = await StoreClient.connect(own_house.client.url)
        exits.push_async_callback(breaker.aclose)
        for goal in (100, 200, 300, 400):
            await until(lambda goal=goal: runs.total() >= goal)  # type: ignore[misc]
            await breaker.execute("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await until(lambda: own_house.stats["tasksRun"] == 500)
    assert runs == dict.fromkeys(range(500), 1)
    assert own_house.stats["settlementsRefused"] == 0


async def test_a_connection_that_breaks_at_the_start_ends_no_server(own_house: House) -> None:
    ran: Counter[str] = Counter()

    @own_house.task
    async def one() -> None:
        ran["one"] += 1

    @own_house.task(queue="mail")
    async def two() -> None:
        ran["two"] += 1

    await own_house.tasks.enqueue_many([one(), two()])
    breaker = await StoreClient.connect(own_house.client.url)
    starting = asyncio.create_task(own_house.start())
    await breaker.execute("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await starting
    await breaker.aclose()
    await until(lambda: ran == {"one": 1, "two": 1})


async def test_a_connection_that_swallows_is_left(own_store: StoreClient, keys: Keys) -> None:
    """Half open: what we send is taken, and nothing comes back."""
    async with Proxy(own_store.url.path) as proxy:
        url = f"valkey://127.0.0.1:{proxy.port}"
        client = await StoreClient.connect(url, command_timeout=0.5)
        house, runs = House(client, keys), Counter[int]()

        @house.task
        async def one(n: int) -> None:
            runs[n] += 1
            await asyncio.sleep(0.002)

        producer = House(own_store, keys)
        await house.start(concurrency=5, lease=1.0)
        await one(0).enqueue()
        await until(lambda: runs.total() == 1)
        proxy.freeze()
        await until(lambda: not client.is_connected)
        producer.definitions.update(house.definitions)
        await producer.tasks.enqueue_many([one(n) for n in range(1, 50)])
        proxy.thaw()
        async with asyncio.timeout(10):
            await until(lambda: house.stats["tasksRun"] == 50)
        assert runs == dict.fromkeys(range(50), 1)
        await house.aclose()
        await client.aclose()


@pytest.mark.parametrize("appendfsync", ["always", "everysec"])
async def test_a_store_that_restarts_gives_back_what_it_had(
    tmp_path: Path, keys: Keys, appendfsync: str
) -> None:
    store = Store(tmp_path, appendfsync)
    await store.start()
    client = await store.connect()
    house, runs, lapses = House(client, keys), Counter[int](), set[int]()

    @house.task
    async def one(n: int, task: Task) -> None:
        runs[n] += 1
        lapses.add(task.lapses)
        await asyncio.sleep(0.002)

    try:
        await house.tasks.enqueue_many([one(n) for n in range(400)])
        await house.start(concurrency=5)
        for goal in (100, 300):
            await until(lambda goal=goal: runs.total() >= goal)  # type: ignore[misc]
            await store.kill()
            await store.start()
        async with asyncio.timeout(10):
            await until(lambda: len(runs) == 400 and house.workers[0].is_idle)
        if appendfsync == "always":
            assert set(runs.values()) == {1}
            assert house.stats["settlementsRefused"] == 0
        assert lapses == {0}
        assert await house.counts() == {}
    finally:
        await house.aclose()
        await client.aclose()
        await store.kill()


async def test_a_store_that_forgot_agrees_again(own_house: House) -> None:
    """It says that we hold what we settled, and not what we hold: as many, but others."""
    goes_on, seen = asyncio.Event(), list[str]()

    @own_house.task
    async def one(task: Task) -> None:
        seen.append(task.id)
        await goes_on.wait()

    await one().enqueue()
    worker = await own_house.start()
    await until(lambda: len(seen) == 1)
    client = own_house.client
    keys = own_house.tasks.scripts("default").keys.for_scripts
    data, processing = (keys[QUEUE_KEYS.index(name)] for name in ("data", "processing:"))
    (held,) = [key.decode() for key in await client.execute("KEYS", f"{processing}*")]
    record, token = await client.execute_many([("HGET", data, seen[0]), ("HGET", held, seen[0])])
    await client.execute_many(
        [
            ("HDEL", held, seen[0]),
            ("HDEL", data, seen[0]),
            ("HSET", held, "settled", token),
            ("HSET", data, "settled", record),
        ]
    )
    await client.execute("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")
    await until(lambda: "settled" in seen)
    goes_on.set()
    await until(lambda: worker.is_idle)
    assert await own_house.counts() == {}


async def test_a_disk_that_is_full_stops_nothing_for_ever(
    tmp_path: Path, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    """The store refuses every write until it can save again."""
    store = Store(tmp_path, "always")
    await store.start()
    client = await store.connect()
    house, goes_on, ran = House(client, keys), asyncio.Event(), 0

    @house.task
    async def one() -> None:
        nonlocal ran
        await goes_on.wait()
        ran += 1

    async def refuses() -> bool:
        replies = await client.execute_many([("SET", "probe", "1")])
        return isinstance(replies[0], StoreFullError)

    try:
        await house.tasks.enqueue_many([one() for _ in range(4)])
        await house.start(concurrency=2)
        await until(lambda: house.workers[0].runs == 0)
        await client.execute("CONFIG", "SET", "save", "3600 1")
        shutil.rmtree(tmp_path / "store")
        await client.execute("BGSAVE")
        await until(refuses)
        goes_on.set()
        await until(lambda: "until the store takes it" in caplog.text)
        assert "Traceback" not in caplog.text
        assert "MISCONF" in house.workers[0].problems[0]
        with pytest.raises(StoreFullError):
            await one().enqueue()
        await client.execute("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
        async with asyncio.timeout(10):
            await until(lambda: house.stats["tasksRun"] == 4)
        assert ran == 4
        assert house.workers[0].problems == []
    finally:
        await house.aclose()
        await client.aclose()
        await store.kill()
