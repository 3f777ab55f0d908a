"""The queues as an app uses them."""

import asyncio
import datetime
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from actionhero.errors import (
    DefinitionError,
    InvalidInputError,
    NotConnectedError,
    StoreUnavailableError,
    UnknownTaskError,
)
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from actionhero.tasks.queue import Tasks
from actionhero.tasks.task import TaskDefinition


async def send(email: str, n: int = 1) -> None: ...
async def sweep() -> None: ...


class Stats:
    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()

    def increment(self, key: str, n: int = 1) -> None:
        self.counted[key] += n


SEND = TaskDefinition(send)
URGENT = TaskDefinition(send, name="urgent", priority="high")
MAIL = TaskDefinition(send, name="mail", queue="mail")
SWEEP = TaskDefinition(sweep, scope="all")


@pytest.fixture
def stats() -> Stats:
    return Stats()


@pytest.fixture
async def tasks(store: StoreClient, keys: Keys, stats: Stats) -> AsyncIterator[Tasks]:
    definitions = {one.name: one for one in (SEND, URGENT, MAIL, SWEEP)}
    tasks = Tasks(store, keys, definitions, stats=stats)
    yield tasks
    tasks.close()


async def test_enqueues_and_shows(tasks: Tasks) -> None:
    task = await SEND("a@b.c", n=2).enqueue()
    assert await task.state() == "pending"
    shown = await tasks.show(task.id)
    assert (shown.queue, shown.name, shown.params) == (
        "default",
        "send",
        {"email": "a@b.c", "n": 2},
    )
    assert (shown.enqueued_at or 0) > 1_700_000_000_000
    assert (shown.attempts, shown.lapses, shown.error, shown.parent) == (0, 0, None, None)


async def test_an_id_of_ones_own_is_enqueued_once(tasks: Tasks, stats: Stats) -> None:
    for _ in range(3):
        await SEND("a").enqueue(id="welcome-a")
    assert (await tasks.details())["default"]["pending"] == 1
    with pytest.raises(InvalidInputError):
        await SEND("a").enqueue(id="not an id")


async def test_the_same_object_again_changes_nothing(tasks: Tasks) -> None:
    task = SEND("a")
    await task.enqueue()
    await task.enqueue()
    await task.duplicate().enqueue()
    assert (await tasks.details())["default"]["pending"] == 2


async def test_later_is_by_a_delay_or_a_time(tasks: Tasks) -> None:
    soon = await SEND("a").enqueue(delay="10m")
    at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    later = await SEND("a").enqueue(at=at)
    shown = await tasks.show(soon.id)
    assert shown.state == "delayed"
    assert (shown.run_at or 0) - (shown.enqueued_at or 0) == 600_000
    assert (await tasks.show(later.id)).run_at == round(at.timestamp() * 1000)


@pytest.mark.parametrize(
    "when",
    [
        {"delay": "soon"},
        {"delay": -1},
        {"at": datetime.datetime(2030, 1, 1)},
        {"delay": 1, "at": datetime.datetime.now(datetime.UTC)},
    ],
)
async def test_what_is_no_time(tasks: Tasks, when: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"duration|zone|not both"):
        await SEND("a").enqueue(**when)


async def test_many_go_in_one_round_trip_whatever_their_queues(tasks: Tasks, stats: Stats) -> None:
    many = [kind("a", n=n) for n in range(1200) for kind in (SEND, MAIL)]
    assert await tasks.enqueue_many([*many, many[0]]) == 2400
    assert await tasks.enqueue_many(many) == 0
    counts = await tasks.counts()
    assert (counts["default"].pending, counts["mail"].pending) == (1200, 1200)
    assert stats.counted["tasks:tasksEnqueued"] == 2400
    assert await tasks.enqueue_many([]) == 0


async def test_many_that_cannot_be_stored_raise_the_stores_error(
    tasks: Tasks, store: StoreClient
) -> None:
    await store.aclose()
    with pytest.raises(StoreUnavailableError):
        await tasks.enqueue_many([SEND("a")])


async def test_many_with_a_time_that_is_none_store_nothing(tasks: Tasks) -> None:
    with pytest.raises(ValueError, match="duration"):
        await tasks.enqueue_many([SEND("a"), MAIL("b")], delay="soon")
    assert not any(counts.pending for counts in (await tasks.counts()).values())


async def test_many_later(tasks: Tasks) -> None:
    await tasks.enqueue_many([SEND("a", n=n) for n in range(3)], delay="1h")
    page = await tasks.list("default", "delayed")
    assert [one.params["n"] for one in page.tasks] == [0, 1, 2]


async def test_concurrent_enqueues_share_calls(tasks: Tasks, store: StoreClient) -> None:
    await SEND("a").enqueue()
    before = store.commands_answered
    await asyncio.gather(*(SEND("a", n=n).enqueue() for n in range(200)))
    assert store.commands_answered == before + 4  # of 50 each
    assert (await tasks.details())["default"]["pending"] == 201


async def test_priorities_go_ahead(tasks: Tasks) -> None:
    await SEND("a").enqueue()
    urgent = await URGENT("a").enqueue()
    page = await tasks.list("default", "pending")
    assert page.tasks[0].id == urgent.id


async def test_enqueueing_fails_when_the_store_is_away(own_store: StoreClient, keys: Keys) -> None:
    store, tasks = own_store, Tasks(own_store, keys, {"send": SEND})
    await SEND("a").enqueue()
    facts = (await store.execute("INFO", "server")).decode()
    pid = int(facts.partition("process_id:")[2].split()[0])
    os.kill(pid, signal.SIGSTOP)
    waiting = [asyncio.create_task(SEND("a").enqueue()) for _ in range(3)]
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    for one in waiting:
        with pytest.raises(StoreUnavailableError):
            await one
    tasks.close()


async def test_a_caller_that_leaves_does_not_disturb_the_others(tasks: Tasks) -> None:
    await SEND("a").enqueue()
    one, two = (asyncio.create_task(SEND("a").enqueue()) for _ in range(2))
    await asyncio.sleep(0)
    one.cancel()
    await two
    assert (await tasks.details())["default"]["pending"] == 3


async def test_cancelling(tasks: Tasks) -> None:
    pending, delayed = await SEND("a").enqueue(), await MAIL("a").enqueue(delay=60)
    assert await pending.cancel()
    assert not await pending.cancel()
    assert await tasks.cancel(delayed.id)
    assert not await tasks.cancel("unheard-of")
    assert await pending.state() == "unknown"
    with pytest.raises(UnknownTaskError, match="there is no task"):
        await tasks.show(delayed.id)


async def test_after_closing_there_is_no_queue(tasks: Tasks) -> None:
    tasks.close()
    with pytest.raises(NotConnectedError):
        await SEND("a").enqueue()


async def test_provides_what_its_provider_does(store: StoreClient, keys: Keys) -> None:
    class Provider:
        def provides(self, kind: Any) -> bool:
            return kind is int

        def provide(self, kind: Any) -> Any:
            return 7

    async def one(seven: int, word: str) -> str:
        return f"{seven} {word}"

    definition = TaskDefinition(one)
    assert list(definition.inputs.fields) == ["seven", "word"]
    tasks = Tasks(store, keys, {"one": definition}, provider=Provider())
    assert list(definition.inputs.fields) == ["word"]
    assert await definition(word="w").run() == "7 w"
    with pytest.raises(DefinitionError, match="nothing provides"):
        tasks.provide(str)
