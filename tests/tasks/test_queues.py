"""Queues that are more than a name: what may be said of them, and what goes where."""

import asyncio
from typing import Any

import pytest

from actionhero.definitions import Definitions
from actionhero.errors import DefinitionError, NotFoundError, QueueFullError
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from actionhero.tasks.queue import Tasks
from actionhero.tasks.queues import QueueDefinition, shards_of
from actionhero.tasks.task import TaskDefinition


async def send(n: int) -> None:
    """Nothing."""


async def tell(n: int) -> None:
    """Nothing."""


def tasks_of(store: StoreClient, keys: Keys, *queues: QueueDefinition, **options: Any) -> Tasks:
    definitions = {
        "send": TaskDefinition(send, queue="mail"),
        "tell": TaskDefinition(tell, queue="mail", **options),
    }
    return Tasks(store, keys, definitions, queues={one.name: one for one in queues})


@pytest.mark.parametrize(
    "options",
    [
        {"shards": 0},
        {"shards": 257},
        {"shards": True},
        {"shards": 2.0},
        {"max_length": 0},
        {"max_length": 1.5},
        {"shards": 4, "max_length": 3},
    ],
)
def test_what_cannot_be_meant_is_said_where_it_is_defined(options: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError, match="queue 'mail': "):
        QueueDefinition("mail", **options)


def test_a_queue_that_is_not_divided_is_its_own_shard() -> None:
    queue = QueueDefinition("mail", max_length=10)
    assert (queue.shards, queue.room, queue.shard_of("x")) == (("mail",), 10, "mail")
    assert shards_of({}, "mail") == ("mail",)


def test_the_length_is_shared_out() -> None:
    queue = QueueDefinition("mail", shards=4, max_length=10)
    assert queue.shards == ("mail.0", "mail.1", "mail.2", "mail.3")
    assert queue.room == 3
    assert {queue.shard_of(str(n)) for n in range(100)} == set(queue.shards)


def test_two_definitions_of_a_queue_must_agree() -> None:
    definitions = Definitions()
    definitions.add_queue(QueueDefinition("mail", shards=2))
    definitions.add_queue(QueueDefinition("mail", shards=2))
    with pytest.raises(DefinitionError, match="'mail' is defined twice"):
        definitions.add_queue(QueueDefinition("mail", shards=3))


async def test_tasks_are_found_whatever_their_shard(store: StoreClient, keys: Keys) -> None:
    tasks = tasks_of(store, keys, QueueDefinition("mail", shards=4))
    put = [tasks.definitions["send"](n) for n in range(40)]
    assert await tasks.enqueue_many(put) == 40
    lengths = [
        (await tasks.scripts(shard).counts()).pending for shard in await tasks.shards("mail")
    ]
    assert sum(lengths) == 40
    assert all(lengths)
    assert await tasks.queues() == ["mail"]
    assert (await tasks.counts())["mail"].pending == 40
    assert {await task.state() for task in put[:8]} == {"pending"}
    assert (await tasks.show(put[0].id)).queue == "mail"
    assert await put[0].cancel()
    assert await tasks.cancel(put[1].id)
    assert [await put[0].state(), await put[1].state()] == ["unknown", "unknown"]


async def test_tasks_are_found_though_the_queue_was_divided_anew(
    store: StoreClient, keys: Keys
) -> None:
    before = tasks_of(store, keys, QueueDefinition("mail", shards=4))
    put = [before.definitions["send"](n) for n in range(20)]
    await before.enqueue_many(put)
    after = tasks_of(store, keys, QueueDefinition("mail", shards=2))
    assert {await after.state(task) for task in put} == {"pending"}
    assert all([await after.cancel(task) for task in put])


@pytest.mark.parametrize("options", [{"concurrency": 2}, {"unique": "drop", "unique_by": ()}])
async def test_what_must_stay_together_does(
    store: StoreClient, keys: Keys, options: dict[str, Any]
) -> None:
    tasks = tasks_of(store, keys, QueueDefinition("mail", shards=8), **options)
    number = 7 if "unique" in options else None
    put = [tasks.definitions["tell"](number or n) for n in range(20)]
    await tasks.enqueue_many(put)
    lengths = [
        (await tasks.scripts(shard).counts()).pending for shard in await tasks.shards("mail")
    ]
    assert sorted(lengths) == [0] * 7 + [1 if number else 20]
    assert len({task.id for task in put}) == (1 if number else 20)


@pytest.mark.parametrize("delay", [None, "1m"])
async def test_those_that_do_not_fit_are_named(
    store: StoreClient, keys: Keys, delay: str | None
) -> None:
    tasks = tasks_of(store, keys, QueueDefinition("mail", max_length=3))
    put = [tasks.definitions["send"](n) for n in range(5)]
    with pytest.raises(QueueFullError, match="queue 'mail' is full: 2 of the tasks") as caught:
        await tasks.enqueue_many(put, delay=delay)
    assert caught.value.ids == (put[3].id, put[4].id)
    assert caught.value.status == 503
    assert [await task.state() for task in put[3:]] == ["unknown"] * 2
    assert await tasks.enqueue_many(put[:3], delay=delay) == 0, "what is in needs no room"


async def test_each_caller_hears_of_its_own_task(store: StoreClient, keys: Keys) -> None:
    tasks = tasks_of(store, keys, QueueDefinition("mail", max_length=2))
    put = [tasks.definitions["send"](n) for n in range(4)]
    told = await asyncio.gather(*(task.enqueue() for task in put), return_exceptions=True)
    assert told[:2] == put[:2]
    assert [one.ids for one in told[2:] if isinstance(one, QueueFullError)] == [
        (put[2].id,),
        (put[3].id,),
    ]
    assert await put[0].cancel()
    await put[3].enqueue()


async def test_callers_of_unique_tasks_hear_which_one_stands(
    store: StoreClient, keys: Keys
) -> None:
    tasks = tasks_of(store, keys, unique="drop")
    first, second, other = (tasks.definitions["tell"](n) for n in (1, 1, 2))
    own = [first.id, second.id, other.id]
    plain = tasks.definitions["send"](1)
    await asyncio.gather(*(one.enqueue() for one in (first, plain, second, other)))
    assert [first.id, second.id, other.id] == [own[0], own[0], own[2]]
    assert await tasks.enqueue_many([tasks.definitions["tell"](n) for n in (1, 2, 3)]) == 1
    assert (await tasks.counts())["mail"].pending == 4


async def test_all_shards_are_paused(store: StoreClient, keys: Keys) -> None:
    tasks = tasks_of(store, keys, QueueDefinition("mail", shards=3))
    assert await tasks.pause("mail")
    assert not await tasks.pause("mail")
    shards = await tasks.shards("mail")
    assert [(await tasks.scripts(shard).counts()).paused for shard in shards] == [1, 1, 1]
    assert await tasks.resume("mail")
    assert not await tasks.resume("mail")
    with pytest.raises(NotFoundError, match="no queue 'letters'"):
        await tasks.pause("letters")
