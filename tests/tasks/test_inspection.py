"""The view inside the queues."""

from collections.abc import AsyncIterator

import pytest

from actionhero.errors import NotFoundError, UnknownTaskError
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from actionhero.store.task_scripts import Arrivals
from actionhero.tasks.queue import Tasks
from actionhero.tasks.task import TaskDefinition
from tests.tasks.lab import Lab, record
from tests.tasks.queues import SEND, SWEEP, URGENT, open_queues, send


@pytest.fixture
async def tasks(store: StoreClient, keys: Keys) -> AsyncIterator[Tasks]:
    tasks = open_queues(store, keys)
    yield tasks
    tasks.close()


async def read_all(tasks: Tasks, queue: str, state: str, count: int) -> list[object]:
    """What `n` the tasks of all pages have."""
    seen: list[object] = []
    cursor = None
    while True:
        page = await tasks.list(queue, state, cursor, count)
        assert len(page.tasks) <= count
        seen += [one.params.get("n") for one in page.tasks]
        if (cursor := page.next) is None:
            return seen


async def test_pages_of_what_waits(tasks: Tasks) -> None:
    await tasks.enqueue_many([SEND("a", n=n) for n in range(25)])
    assert await read_all(tasks, "default", "pending", 10) == list(range(25))
    assert await read_all(tasks, "mail", "pending", 10) == []


async def test_pages_of_what_is_delayed_go_by_time_and_then_id(tasks: Tasks) -> None:
    await tasks.enqueue_many([SEND("a", n=n) for n in range(25)], delay="2h")
    await tasks.enqueue_many([SEND("a", n=n) for n in range(25, 30)], delay="1h")
    assert await read_all(tasks, "default", "delayed", 7) == [*range(25, 30), *range(25)]


async def test_a_page_goes_on_where_tasks_went_and_came(tasks: Tasks) -> None:
    many = [SEND("a", n=n) for n in range(6)]
    await tasks.enqueue_many(many, delay="2h")
    page = await tasks.list("default", "delayed", count=3)
    for gone in many[:4]:
        assert await gone.cancel()
    await tasks.enqueue_many([SEND("a", n=n) for n in range(100, 105)], delay="1h")
    page = await tasks.list("default", "delayed", page.next, count=3)
    assert [one.params["n"] for one in page.tasks] == [4, 5]
    assert page.next is None


@pytest.mark.parametrize("state", ["pending", "failed"])
@pytest.mark.parametrize("cursor", ["", "x", "7b7d", "default", "default:x", "elsewhere:0"])
async def test_what_is_no_cursor(tasks: Tasks, state: str, cursor: str) -> None:
    with pytest.raises(NotFoundError, match="is no cursor"):
        await tasks.list("default", state, cursor)


async def test_there_are_only_these_states(tasks: Tasks) -> None:
    with pytest.raises(NotFoundError, match="there are pending, local"):
        await tasks.list("default", "done")


async def test_lists_what_servers_hold_and_what_waits_for_them(tasks: Tasks) -> None:
    scripts = tasks.scripts("default")
    await SWEEP().enqueue()
    one = await SEND("a").enqueue()
    for server in ("a:1", "b:1"):
        await scripts.register(server, 60_000, [])
    await scripts.tick(["a:1", 1_800_000_000_123, 10, 1, 3, 0, 0])
    held = (await tasks.list("default", "processing")).tasks
    assert {task.server for task in held} == {"a:1"}
    assert {task.started_at for task in held} == {1_800_000_000_123}
    assert one.id in {task.id for task in held}
    (waiting,) = (await tasks.list("default", "local")).tasks
    assert (waiting.scope, waiting.is_copy, waiting.server) == ("all", True, "b:1")
    assert waiting.parent is not None
    assert await tasks.show(waiting.id) == waiting
    parent = await tasks.show(waiting.parent)
    assert parent.state == "processing"
    assert parent.account == {"expected": 2, "done": 0, "failed": 0, "absent": 0}


async def test_shows_what_a_task_is(tasks: Tasks) -> None:
    urgent = await URGENT("a@b.c", n=2).enqueue()
    shown = await tasks.show(urgent.id)
    assert (shown.name, shown.queue, shown.state) == ("urgent", "default", "pending")
    assert (shown.priority, shown.scope, shown.is_periodic) == ("high", "any", False)
    assert shown.params == {"email": "a@b.c", "n": 2}
    with pytest.raises(UnknownTaskError, match="it completed, was cancelled, or never was"):
        await tasks.show("unheard-of")


async def test_shows_what_is_kept_of_a_task_that_ended(tasks: Tasks, store: StoreClient) -> None:
    scripts = tasks.scripts("mail")
    place = scripts.keys.for_scripts[scripts.keys.for_scripts.index(scripts.keys.progress) - 1]
    kept = '{"state":"completed","name":"mail","finished_at":1800000000456,"result":{"sent":2}}'
    await tasks.announce("mail")
    await store.execute("SET", f"{place}t1", kept)
    shown = await tasks.show("t1")
    assert (shown.state, shown.name, shown.queue) == ("completed", "mail", "mail")
    assert (shown.finished_at, shown.result) == (1_800_000_000_456, {"sent": 2})


async def test_knows_every_queue_that_ever_was(
    tasks: Tasks, store: StoreClient, keys: Keys
) -> None:
    other = Tasks(store, keys, {"x": TaskDefinition(send, name="x", queue="elsewhere")})
    await other.definitions["x"]("a").enqueue()
    assert await tasks.queues() == ["default", "elsewhere", "mail"]


async def test_the_shards_of_a_queue_are_seen_as_one(tasks: Tasks, store: StoreClient) -> None:
    for shard, count in (("mail.0", 2), ("mail.1", 3)):
        await tasks.announce(shard)
        arrivals = Arrivals()
        for n in range(count):
            arrivals.add_ready("n", f"{shard}-{n}", record())
        await tasks.scripts(shard).enqueue(arrivals)
    assert await tasks.queues() == ["default", "mail"]
    assert (await tasks.counts())["mail"].pending == 5
    assert (await tasks.show("mail.1-2")).queue == "mail"
    assert len(await read_all(tasks, "mail", "pending", 2)) == 5


async def test_what_waits_for_its_type_is_pending(lab: Lab) -> None:
    names = lab.keys.for_scripts
    limits = next(key for key in names if key.endswith("}:limits"))
    waiting = next(key for key in names if key.endswith("}:waiting:"))
    await lab.put("t1", "t2")
    await lab.client.execute("HSET", limits, "work", "1 0 0")
    await lab.client.execute("RPUSH", f"{waiting}work", "t3")
    await lab.client.execute("HSET", names[0], "t3", b"1nob1800000000000" + record()[4:])
    assert await lab.pending() == ["t1", "t2", "t3"]
    assert (await lab.scripts.counts()).pending == 3
