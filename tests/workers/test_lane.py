"""The loop of one queue when things go wrong: the store away, a lease lost, replies lost."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Sequence

import pytest

from actionhero.errors import StoreUnavailableError
from actionhero.store.client import StoreClient
from actionhero.store.embedded import open_store
from actionhero.store.keys import QUEUE_KEYS, Keys
from actionhero.store.link import Arg
from actionhero.store.task_scripts import QueueScripts, TickReply
from tests.workers.house import House, until


def key(house: House, name: str) -> str:
    return dict(zip(QUEUE_KEYS, house.keys.queue("default").for_scripts, strict=True))[name]


async def held_by(house: House) -> dict[str, list[str]]:
    """The ids that each server holds, by its key."""
    found = {}
    for processing in await house.client.execute("KEYS", key(house, "processing:") + "*"):
        ids = await house.client.execute("HKEYS", processing)
        found[processing.decode()] = sorted(id.decode() for id in ids if id)
    return found


async def test_gives_back_what_it_claimed_ahead_and_cannot_start(house: House) -> None:
    gate = asyncio.Event()
    order: list[int] = []

    @house.task
    async def one(n: int) -> None:
        order.append(n)
        if n == 50:
            await gate.wait()

    await house.tasks.enqueue_many([one(n) for n in range(100)])
    await house.start(concurrency=1)

    async def all_the_others_wait_in_the_queue() -> bool:
        return (await house.counts()) == {"pending": 49, "processing": 1}

    await until(all_the_others_wait_in_the_queue)
    gate.set()
    await until(lambda: len(order) == 100)
    assert order == list(range(100))


async def test_a_lost_lease_cancels_what_runs_and_registers_anew(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    @house.task
    async def long() -> None:
        started.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    ran = asyncio.Event()

    @house.task
    async def short() -> None:
        ran.set()

    await house.start(lease=0.3)
    await long().enqueue()
    await started.wait()
    (processing,) = await held_by(house)
    await house.client.execute_many([("DEL", processing), ("DEL", key(house, "servers"))])
    async with asyncio.timeout(20):
        await cancelled.wait()
        await short().enqueue()
        await ran.wait()
    assert house.stats["leasesLost"] == 1
    assert "run elsewhere, ours are cancelled" in caplog.text


async def test_takes_up_what_the_store_says_it_holds_and_it_does_not_know(house: House) -> None:
    runs: list[int] = []

    @house.task
    async def one(n: int) -> None:
        runs.append(n)

    worker = await house.start()
    await until(lambda: worker.is_idle)
    (processing,) = await held_by(house)
    await house.client.execute("HSET", key(house, "data"), "ghost", _record(9))
    await house.client.execute("HSET", processing, "ghost", "1")
    await one(1).enqueue()
    await until(lambda: sorted(runs) == [1, 9])
    await until(lambda: worker.is_idle)
    assert await house.counts() == {}


def _record(n: int) -> str:
    return f'1no-1800000000000{{"name":"one","params":{{"n":{n}}}}}'


async def test_drops_what_the_store_took_away(house: House) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    @house.task
    async def one() -> None:
        started.set()
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    await house.start()
    put = await one().enqueue()
    await started.wait()
    (processing,) = await held_by(house)
    await house.client.execute("HDEL", processing, put.id)
    async with asyncio.timeout(20):
        await cancelled.wait()


async def test_a_tick_whose_reply_is_lost_is_sent_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, lost = QueueScripts.tick, 0

    async def lossy(self: QueueScripts, args: object) -> TickReply:
        nonlocal lost
        reply = await real(self, args)  # type: ignore[arg-type]
        if reply.ids and lost < 5:
            lost += 1
            raise StoreUnavailableError("the reply is lost", maybe_done=True)
        return reply

    monkeypatch.setattr(QueueScripts, "tick", lossy)
    runs: list[int] = []

    @house.task
    async def one(n: int) -> None:
        runs.append(n)

    await house.tasks.enqueue_many([one(n) for n in range(100)])
    await house.burst(concurrency=8)
    assert lost == 5
    assert sorted(runs) == list(range(100))


async def test_goes_on_after_an_error_of_the_store(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real, failures = QueueScripts.tick, 0

    async def failing(self: QueueScripts, args: object) -> TickReply:
        nonlocal failures
        failures += 1
        if failures == 1:
            raise ValueError("a bug")
        return await real(self, args)  # type: ignore[arg-type]

    monkeypatch.setattr(QueueScripts, "tick", failing)
    monkeypatch.setattr("actionhero.workers.lane._AFTER_ERROR", 0.01)
    ran = asyncio.Event()

    @house.task
    async def one() -> None:
        ran.set()

    await house.start()
    await one().enqueue()
    async with asyncio.timeout(20):
        await ran.wait()
    assert "goes on in a second" in caplog.text


async def test_resumes_on_a_store_that_lost_everything(own_store: StoreClient, keys: Keys) -> None:
    house = House(own_store, keys)
    runs = 0

    @house.task
    async def one() -> None:
        nonlocal runs
        runs += 1

    worker = await house.start()
    await until(lambda: worker.is_idle)
    os.kill(await pid_of(own_store), signal.SIGKILL)
    await until(lambda: own_store.reconnects > 0)
    await one().enqueue()
    await until(lambda: runs == 1)
    await house.aclose()


async def test_leaves_quietly_when_the_store_is_gone_for_good(
    own_store: StoreClient,
    keys: Keys,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("actionhero.workers.worker._LAST_WORDS", 0.05)
    house = House(own_store, keys)

    @house.task
    async def one() -> None: ...

    worker = await house.start()
    await own_store.aclose()
    await worker.drain(0.01)
    assert "could not be left" in caplog.text
    house.tasks.close()


async def pid_of(client: StoreClient) -> int:
    facts = (await client.execute("INFO", "server")).decode()
    return int(facts.partition("process_id:")[2].split()[0])


@pytest.fixture
async def impatient(keys: Keys) -> AsyncIterator[House]:
    """A house whose store must answer within 0.4 s."""
    client = await open_store("embedded::memory:", command_timeout=0.4)
    house = House(client, keys)
    yield house
    await house.aclose()
    await client.aclose()


async def test_survives_a_store_that_stands_still(impatient: House) -> None:
    """A half-open connection: nothing breaks, and nothing is answered."""
    house, client = impatient, impatient.client
    runs: list[int] = []

    @house.task
    async def one(n: int) -> None:
        runs.append(n)
        await asyncio.sleep(0.002)

    await house.tasks.enqueue_many([one(n) for n in range(300)])
    worker = await house.start(concurrency=4, lease=60)
    await until(lambda: len(runs) > 20)
    pid = await pid_of(client)
    os.kill(pid, signal.SIGSTOP)
    try:
        await until(lambda: not client.is_connected)
    finally:
        os.kill(pid, signal.SIGCONT)
    await until(lambda: worker.is_idle and len(runs) >= 300)
    assert sorted(runs) == list(range(300))
    assert await house.counts() == {}


async def test_the_log_tells_what_it_is_about(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    @house.task
    async def one() -> None:
        logging.getLogger("mine").warning("from within")
        raise ValueError("no")

    put = await one().enqueue()
    await house.burst()
    failed = next(line for line in caplog.records if line.message == "task failed: no")
    assert vars(failed)["task_id"] == put.id


async def test_what_a_tick_gave_long_ago_is_given_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = 0
    tick = QueueScripts.tick
    late: list[int] = []

    @house.task
    async def one() -> None:
        nonlocal ran
        ran += 1

    async def slow(scripts: QueueScripts, args: Sequence[Arg]) -> TickReply:
        told = await tick(scripts, args)
        for lane in worker._lanes:
            lane.late = 60.0 if late else 0.0
        if told.ids:
            late.append(len(told.ids))
        return told

    monkeypatch.setattr(QueueScripts, "tick", slow)
    await house.tasks.enqueue_many([one() for _ in range(5)])
    worker = await house.start(concurrency=5)
    await until(lambda: ran == 5)
    await until(lambda: house.stats["tasksRun"] == 5)
    assert late[0] == 5
    assert house.stats["tasksGivenBack"] == 5
    assert worker._lanes
    assert await house.counts() == {}
