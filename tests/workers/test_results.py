"""What comes of tasks: results, states, cancelling, progress."""

import asyncio
import contextlib
import datetime
import os
import signal
import tempfile
import threading
from typing import Any

import pytest
from msgspec import Struct

from actionhero.errors import (
    NoResultError,
    ResultTimeoutError,
    StoreReplyError,
    StoreUnavailableError,
    TaskCancelledError,
    TaskFailedError,
    UnknownTaskError,
)
from actionhero.store.client import StoreClient
from actionhero.store.embedded import open_store
from actionhero.store.keys import Keys
from actionhero.tasks.results import MOST
from actionhero.tasks.retry import Discard, Retry
from actionhero.tasks.task import Task
from tests.workers.house import House, until
from tests.workers.test_lane import pid_of


class Point(Struct):
    x: int
    when: datetime.date


async def test_a_result_has_the_type_that_was_promised(house: House) -> None:
    @house.task(keep_result="1h")
    async def locate(x: int) -> Point:
        return Point(x, datetime.date(2026, 1, 31))

    await house.start()
    task = await locate(7).enqueue()
    assert await task.result(timeout="20s") == Point(7, datetime.date(2026, 1, 31))
    assert await task.state() == "completed"
    assert await task.result() == Point(7, datetime.date(2026, 1, 31))
    assert await house.counts() == {}


async def test_who_waits_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actionhero.tasks.results._LOOK", 600)
    gate = asyncio.Event()

    @house.task(keep_result="1h")
    async def one() -> str:
        await gate.wait()
        return "done"

    await house.start()
    task = await one().enqueue()
    waiting = [asyncio.create_task(task.result(timeout=20)) for _ in range(3)]
    await until(lambda: len(house.client._subscriptions) == 1)
    gate.set()
    assert await asyncio.gather(*waiting) == ["done"] * 3


async def test_without_messages_there_is_a_slow_look(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*channels: str) -> None:
        raise StoreReplyError("NOPERM no channels for you")

    monkeypatch.setattr(house.client, "subscribe", refuse)
    monkeypatch.setattr("actionhero.tasks.results._LOOK", 0.02)

    @house.task(keep_result="1h")
    async def one() -> str:
        return "done"

    task = await one().enqueue()
    waiting = asyncio.create_task(task.result(timeout=20))
    await house.burst()
    assert await waiting == "done"


async def test_a_store_that_restarts_is_waited_for(keys: Keys) -> None:
    with tempfile.TemporaryDirectory(prefix="ah-") as directory:
        client = await open_store(f"embedded:{directory}")
        house = House(client, keys)
        gate = asyncio.Event()

        @house.task(keep_result="1h")
        async def one() -> str:
            await gate.wait()
            return "done"

        await house.start()
        task = await one().enqueue()
        waiting = asyncio.create_task(task.result(timeout=30))
        await until(lambda: len(client._subscriptions) == 1)
        os.kill(await pid_of(client), signal.SIGKILL)
        await until(lambda: client.reconnects > 0)
        gate.set()
        assert await waiting == "done"
        await house.aclose()
        await client.aclose()


async def test_who_waits_when_all_is_closed_is_told(own_store: StoreClient, keys: Keys) -> None:
    house = House(own_store, keys)

    @house.task(keep_result="1h")
    async def one() -> None: ...

    waiting = asyncio.create_task((await one().enqueue()).result())
    await until(lambda: len(own_store._subscriptions) == 1)
    await own_store.aclose()
    house.tasks.close()
    with pytest.raises(StoreUnavailableError):
        await waiting


async def test_a_result_that_comes_too_late_is_no_longer_waited_for(house: House) -> None:
    @house.task(keep_result="1h")
    async def one() -> None: ...

    task = await one().enqueue()
    with pytest.raises(ResultTimeoutError, match="has not ended within 50ms") as raised:
        await task.result(timeout="50ms")
    assert isinstance(raised.value, TimeoutError)
    assert await task.state() == "pending"


async def test_a_failed_task_tells_what_it_raised(house: House) -> None:
    @house.task(keep_result="1h")
    async def one() -> None:
        raise ValueError("no such address")

    task = await one().enqueue()
    await house.burst()
    with pytest.raises(TaskFailedError, match="ValueError: no such address") as raised:
        await task.result(timeout=20)
    assert raised.value.error["type"] == "ValueError"
    assert "in one" in raised.value.error["traceback"]
    assert await task.state() == "failed"


async def test_a_failed_task_that_is_retried_is_waited_for_anew(house: House) -> None:
    fails = True

    @house.task(keep_result="1h")
    async def one() -> int:
        if fails:
            raise ValueError
        return 1

    task = await one().enqueue()
    await house.burst()
    fails = False
    await house.tasks.retry(task.id)
    with pytest.raises(ResultTimeoutError):
        await task.result(timeout=0.01)
    await house.burst()
    assert await task.result(timeout=20) == 1


async def test_without_keeping_there_is_no_result(house: House) -> None:
    @house.task
    async def one() -> int:
        return 1

    task = await one().enqueue()
    with pytest.raises(NoResultError, match=r"keeps no results; define it with keep_result"):
        await task.result()


async def test_one_that_was_never_enqueued_is_unknown(house: House) -> None:
    @house.task(keep_result="1h")
    async def one() -> int:
        return 1

    with pytest.raises(UnknownTaskError, match="was not enqueued, or it ended longer ago"):
        await one().result()


@pytest.mark.parametrize(
    ("value", "said"),
    [(object(), "it is no JSON: .*object"), ("x" * MOST, r"1,048,578 bytes as JSON")],
)
async def test_a_result_that_cannot_be_kept(house: House, value: Any, said: str) -> None:
    @house.task(keep_result="1h")
    async def one() -> Any:
        return value

    task = await one().enqueue()
    await house.burst()
    assert await task.state() == "completed"  # it did its work, and must not do it again
    with pytest.raises(NoResultError, match=said):
        await task.result()
    assert await house.counts() == {}


async def test_a_result_that_is_not_what_was_promised(house: House) -> None:
    @house.task(keep_result="1h")
    async def one() -> int:
        return "one"  # type: ignore[return-value]

    task = await one().enqueue()
    await house.burst()
    with pytest.raises(NoResultError, match="not what its function promises"):
        await task.result()


async def test_what_is_kept_stands_for_an_id_that_comes_again(house: House) -> None:
    runs = 0

    @house.task(keep_result="1h")
    async def pay(amount: int) -> int:
        nonlocal runs
        runs += 1
        return amount

    for amount in (7, 8):
        task = await pay(amount).enqueue(id="invoice-7")
        await house.burst()
        assert await task.result(timeout=20) == 7
    assert runs == 1


async def test_a_duplicate_is_another_task(house: House) -> None:
    @house.task(keep_result="1h")
    async def double(n: int) -> int:
        return 2 * n

    one = await double(4).enqueue()
    two = await one.duplicate().enqueue()
    await house.burst()
    assert one.id != two.id
    assert [await task.result(timeout=20) for task in (one, two)] == [8, 8]
    assert await one.run() == 8  # here and now, past the queue


async def test_a_fan_out_has_an_account(house: House) -> None:
    @house.task(keep_result="1h", scope="all")
    async def one(task: Task) -> str:
        if task.id.split("@")[1].startswith("bad"):
            raise ValueError
        return "copy"

    await house.start(name="good")
    await house.start(name="bad")
    task = await one().enqueue()
    told = await task.result(timeout=20)
    assert told == {"expected": 2, "done": 1, "failed": 1, "absent": 0}


async def test_many_tasks_are_waited_for_over_one_subscription(house: House) -> None:
    @house.task(keep_result="1h")
    async def double(n: int) -> int:
        return 2 * n

    tasks = [double(n) for n in range(200)]
    await house.tasks.enqueue_many(tasks)
    waiting = [asyncio.create_task(task.result(timeout=20)) for task in tasks]
    await house.start()
    assert await asyncio.gather(*waiting) == [2 * n for n in range(200)]
    assert len(house.client._subscriptions) == 1


# what a task asks for


async def test_a_task_may_ask_to_run_again(house: House) -> None:
    seen: list[int] = []

    @house.task(keep_result="1h")
    async def one(task: Task) -> str:
        seen.append(task.attempts)
        if task.attempts < 2:
            raise Retry("not yet", after=0.001)
        return "ready"

    await house.start()
    assert await (await one().enqueue()).result(timeout=20) == "ready"
    assert seen == [0, 1, 2]


async def test_a_task_may_ask_to_be_discarded(house: House) -> None:
    @house.task(keep_result="1h", retries=5)
    async def one() -> None:
        raise Discard("the order is gone")

    task = await one().enqueue()
    await house.burst()
    assert await house.counts() == {}
    assert house.stats["tasksDiscarded"] == 1
    assert await task.state() == "cancelled"
    with pytest.raises(TaskCancelledError, match="was discarded: the order is gone"):
        await task.result()


async def test_some_errors_are_not_retried(house: House) -> None:
    seen = 0

    @house.task(retries=5, backoff=0, fail_for=(LookupError,))
    async def one() -> None:
        nonlocal seen
        seen += 1
        if seen == 2:
            raise KeyError
        raise ValueError

    await one().enqueue()
    await house.start()
    await until(lambda: seen == 2 and house.stats["tasksFailed"] == 1)


# cancelling


async def test_a_pending_task_is_cancelled_at_once(house: House) -> None:
    @house.task(keep_result="1h")
    async def one() -> None: ...

    task = await one().enqueue()
    assert await task.cancel()
    assert not await task.cancel()
    assert await task.state() == "cancelled"
    with pytest.raises(TaskCancelledError, match="was cancelled"):
        await task.result()
    assert await house.burst() == 0
    assert house.stats["tasksCancelled"] == 1


@pytest.mark.parametrize("concurrency", [1, 10])
async def test_a_running_task_is_cancelled(house: House, concurrency: int) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    @house.task(keep_result="1h", retries=5)
    async def one() -> None:
        begun.set()
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()

    await house.start(concurrency=concurrency)
    task = await one().enqueue()
    await begun.wait()
    assert await task.cancel()
    with pytest.raises(TaskCancelledError, match="was cancelled"):
        await task.result(timeout=20)
    assert ended.is_set()
    assert await house.counts() == {}
    await until(lambda: house.stats["tasksCancelled"] == 1)


async def test_a_task_that_ends_all_the_same_has_completed(house: House) -> None:
    begun = asyncio.Event()

    @house.task(keep_result="1h")
    async def one() -> str:
        begun.set()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(600)
        return "saved what there was"

    await house.start()
    task = await one().enqueue()
    await begun.wait()
    assert await task.cancel()
    assert await task.result(timeout=20) == "saved what there was"


async def test_a_thread_goes_on_but_counts_for_nothing(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    begun, gate, ended = threading.Event(), threading.Event(), threading.Event()

    @house.task(keep_result="1h")
    def one() -> str:
        begun.set()
        gate.wait(60)
        ended.set()
        return "too late"

    await house.start()
    task = await one().enqueue()
    await until(begun.is_set)
    assert await task.cancel()
    with pytest.raises(TaskCancelledError):
        await task.result(timeout=20)
    assert not ended.is_set()
    gate.set()
    await until(ended.is_set)
    assert await task.state() == "cancelled"
    assert "a thread cannot be stopped" in caplog.text


# progress


async def test_progress_is_told_while_it_runs(house: House) -> None:
    gate = asyncio.Event()

    @house.task
    async def one(task: Task) -> None:
        await task.set_progress(0.1)
        await task.set_progress(0.5, "halfway")
        await gate.wait()

    await house.start()
    task = await one().enqueue()
    assert await task.progress() is None

    async def is_halfway() -> bool:
        told = await task.progress()
        return told is not None and (told.fraction, told.note) == (0.5, "halfway")

    await until(is_halfway)
    shown = (await house.tasks.show(task.id)).progress
    assert shown is not None
    assert shown.fraction == 0.5
    gate.set()

    async def is_gone() -> bool:
        return await task.state() == "unknown"

    await until(is_gone)
    assert await task.progress() is None
    assert await house.client.execute("KEYS", "*:progress") == []


async def test_a_tight_loop_does_not_flood_the_store(house: House) -> None:
    @house.task
    async def one(task: Task) -> None:
        for n in range(5000):
            await task.set_progress(n / 5000)

    before = await _commands(house)
    await one().enqueue()
    await house.burst()
    assert await _commands(house) - before < 200


async def _commands(house: House) -> int:
    found = await house.client.execute("INFO", "stats")
    line = next(one for one in found.split(b"\r\n") if one.startswith(b"total_commands_processed"))
    return int(line.split(b":")[1])


async def test_progress_from_a_thread(house: House) -> None:
    gate = threading.Event()

    @house.task
    def one(task: Task) -> None:
        task.set_progress_nowait(0.25, "in a thread")
        gate.wait(60)

    await house.start()
    task = await one().enqueue()

    async def is_told() -> bool:
        told = await task.progress()
        return told is not None and told.note == "in a thread"

    await until(is_told)
    gate.set()


async def test_progress_is_from_0_to_1(house: House) -> None:
    @house.task
    async def one() -> None: ...

    with pytest.raises(ValueError, match="from 0 to 1, not 50"):
        await one().set_progress(50)
    await one().set_progress(1.0)  # inline, nobody is told
