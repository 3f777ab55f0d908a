"""Dead letters: chosen, shown, retried, purged."""

import asyncio
import datetime
from collections.abc import AsyncIterator
from typing import Literal

import pytest

from actionhero.errors import NotFoundError, UnknownTaskError
from actionhero.store.client import StoreClient
from actionhero.store.inspection_scripts import SCAN, Chosen, Position
from actionhero.store.keys import Keys
from actionhero.tasks.dead_letters import Sweep
from actionhero.tasks.queue import Tasks
from actionhero.tasks.task import TaskDefinition
from tests.tasks.lab import Lab, Other, periodic
from tests.tasks.queues import MAIL, SEND, SWEEP, URGENT, Failer, open_queues, send

NO_LUCK = '{"type":"ValueError","message":"no \\"luck\\"\\nat all","traceback":"KeyError: x"}'
TIMEOUT = '{"type":"TimeoutError","message":"ran longer than 5s","traceback":"…"}'


@pytest.fixture
async def tasks(store: StoreClient, keys: Keys) -> AsyncIterator[Tasks]:
    tasks = open_queues(store, keys)
    yield tasks
    tasks.close()


async def ids(tasks: Tasks, count: int = 3, **chosen: object) -> list[str]:
    """Those of all pages."""
    seen: list[str] = []
    cursor = None
    while True:
        page = await tasks.failed(cursor=cursor, count=count, **chosen)  # type: ignore[arg-type]
        seen += [one.id for one in page.tasks]
        if (cursor := page.next) is None:
            return seen


async def test_those_of_all_queues_the_newest_first(tasks: Tasks) -> None:
    await tasks.enqueue_many([kind("a", n=n) for n in range(5) for kind in (SEND, MAIL)])
    one, two = Failer(tasks), Failer(tasks, "mail")
    died: list[str] = []
    for _ in range(5):
        for failer in (one, two):
            died += await failer.fail(1)
            await asyncio.sleep(0.002)  # a ms of the store's clock
    assert await ids(tasks) == died[::-1]
    assert set(await ids(tasks, queue="mail")) == set(died[1::2])


async def test_many_of_one_moment_come_once_each(tasks: Tasks) -> None:
    await tasks.enqueue_many([SEND("a", n=n) for n in range(700)])
    died = await Failer(tasks).fail(700)
    assert await ids(tasks, count=99) == sorted(died, reverse=True)


async def test_a_letter_tells_all_that_is_known(tasks: Tasks) -> None:
    sent = await MAIL("a@b.c", n=7).enqueue()
    await Failer(tasks, "mail").fail(1, TIMEOUT)
    (one,) = (await tasks.failed("mail", count=1)).tasks
    assert (one.id, one.name, one.state, one.attempts, one.lapses) == (
        sent.id, "mail", "failed", 1, 0,
    )  # fmt: skip
    assert one.params == {"email": "a@b.c", "n": 7}
    assert one.error == {
        "type": "TimeoutError",
        "message": "ran longer than 5s",
        "traceback": "…",
    }
    assert one.server == "f:1"
    assert (one.finished_at or 0) >= (one.enqueued_at or 0) > 0
    assert one == await tasks.show(sent.id)


async def test_they_are_chosen_by_name_queue_and_error(tasks: Tasks) -> None:
    failer = Failer(tasks)
    for kind, error in ((SEND, NO_LUCK), (URGENT, TIMEOUT), (SEND, TIMEOUT)):
        await kind("a").enqueue(id=f"{kind.name}-{error[9:14]}")
        await failer.fail(1, error)
    await MAIL("a").enqueue(id="mail-1")
    await Failer(tasks, "mail").fail(1, "no JSON at all")
    assert set(await ids(tasks, name="send")) == {"send-Value", "send-Timeo"}
    assert set(await ids(tasks, error="TimeoutError")) == {"urgent-Timeo", "send-Timeo"}
    assert await ids(tasks, error="TimeoutError", name="send") == ["send-Timeo"]
    assert await ids(tasks, error='ValueError: no "luck"\nat') == ["send-Value"]
    assert await ids(tasks, error="KeyError") == []  # it is only in the traceback
    assert await ids(tasks, error="f:1") == []  # it is only the server's name
    assert await ids(tasks, error="JSON at", queue="mail") == ["mail-1"]
    assert await ids(tasks, name="sen") == []


async def test_they_are_chosen_by_age(tasks: Tasks) -> None:
    await SEND("a").enqueue()
    (old,) = await Failer(tasks).fail(1)
    failed_at = (await tasks.show(old)).finished_at or 0
    moment = datetime.datetime.fromtimestamp((failed_at + 1) / 1000, datetime.UTC)
    assert await ids(tasks, newer_than="1h") == [old]
    assert await ids(tasks, older_than="1h") == []
    assert await ids(tasks, older_than=moment) == [old]
    assert await ids(tasks, newer_than=moment) == []
    with pytest.raises(ValueError, match="is not a duration"):
        await tasks.failed(older_than="long")


@pytest.mark.parametrize("cursor", ["", "zz", "5b5d", "7b7d"])
async def test_what_is_no_cursor(tasks: Tasks, cursor: str) -> None:
    with pytest.raises(NotFoundError, match="is no cursor"):
        await tasks.failed(cursor=cursor)


async def test_a_page_goes_on_where_its_last_letter_is_gone(tasks: Tasks) -> None:
    await tasks.enqueue_many([SEND("a", n=n) for n in range(6)])
    died = sorted(await Failer(tasks).fail(6), reverse=True)
    page = await tasks.failed(count=3)
    for gone in died[1:4]:
        await tasks.purge(gone)
    await SEND("a").enqueue()
    await Failer(tasks, server="f:2").fail(1)
    rest = await tasks.failed(count=3, cursor=page.next)
    assert [one.id for one in rest.tasks] == died[4:]


async def test_retrying_one(tasks: Tasks) -> None:
    task = await MAIL("a").enqueue()
    with pytest.raises(UnknownTaskError, match="has not failed: it is pending"):
        await tasks.retry(task.id)
    await Failer(tasks, "mail").fail()
    await tasks.retry(task.id)
    shown = await tasks.show(task.id)
    assert (shown.state, shown.attempts, shown.error) == ("pending", 0, None)
    with pytest.raises(UnknownTaskError, match="there is no task"):
        await tasks.retry("unheard-of")


async def test_purging_one(tasks: Tasks) -> None:
    task = await MAIL("a").enqueue()
    with pytest.raises(UnknownTaskError, match="has not failed: it is pending"):
        await tasks.purge(task.id)
    await Failer(tasks, "mail").fail()
    await tasks.purge(task.id)
    assert await task.state() == "unknown"
    with pytest.raises(UnknownTaskError, match="there is no task"):
        await tasks.purge(task.id)


async def test_retrying_the_copy_of_a_server_that_is_gone(tasks: Tasks) -> None:
    await SWEEP().enqueue()
    await Failer(tasks).fail()
    await tasks.scripts("default").leave("f:1")
    (copy,) = (await tasks.failed()).tasks
    with pytest.raises(UnknownTaskError, match="a server that is gone"):
        await tasks.retry(copy.id)
    assert await tasks.retry_failed() == Sweep(total=1, looked=1, found=1, done=0)
    assert await tasks.purge_failed() == Sweep(total=1, looked=1, found=1, done=1)


async def test_a_unique_one_is_not_retried_while_another_stands(
    store: StoreClient, keys: Keys
) -> None:
    once = TaskDefinition(send, name="once", unique="drop", unique_by=("email",))
    tasks = Tasks(store, keys, {"once": once})
    first = await once("a").enqueue()
    await Failer(tasks).fail()
    second = await once("a", n=2).enqueue()
    assert second.id != first.id
    with pytest.raises(UnknownTaskError, match="another one stands in its place"):
        await tasks.retry(first.id)
    assert await tasks.retry_failed() == Sweep(total=1, looked=1, found=1, done=0)
    assert await second.cancel()
    await tasks.retry(first.id)
    assert await first.state() == "pending"
    tasks.close()


async def test_many_are_retried_the_oldest_first(tasks: Tasks) -> None:
    await tasks.enqueue_many([SEND("a", n=n) for n in range(SCAN + 20)])
    died: list[str] = []
    for _ in range(2):
        died += sorted(await Failer(tasks, server=f"f:{len(died)}").fail(SCAN // 2 + 10))
        await asyncio.sleep(0.002)  # a ms of the store's clock
    sweeps: list[Sweep] = []
    ended = await tasks.retry_failed(told=sweeps.append)
    assert ended == Sweep(total=len(died), looked=len(died), found=len(died), done=len(died))
    assert [one.looked for one in sweeps] == [SCAN, SCAN + 20]
    pages = [await tasks.list("default", "pending", count=1000)]
    assert [one.id for one in pages[0].tasks] == died


async def test_only_those_that_fit_are_purged(tasks: Tasks) -> None:
    await tasks.enqueue_many([SEND("a", n=n) for n in range(30)])
    await Failer(tasks).fail(10, NO_LUCK)
    await Failer(tasks, server="f:2").fail(10, TIMEOUT)
    assert (await tasks.purge_failed("mail")).done == 0
    assert (await tasks.purge_failed(older_than="1h")).done == 0
    assert (await tasks.purge_failed(error='no "luck')).done == 10
    assert (await tasks.retry_failed(name="urgent")).done == 0
    assert (await tasks.retry_failed(name="send")).done == 10
    counts = (await tasks.counts())["default"]
    assert (counts.failed, counts.pending) == (0, 20)


# the scripts


async def fail(lab: Lab, *ids: str) -> None:
    await lab.put(*ids)
    server = await lab.server("f:1")
    await server.claim()
    await server.tick(0, others=[Other("f", id, server.number, 0, "{}") for id in ids])


@pytest.mark.parametrize("action", ["retry", "purge"])
async def test_a_sweep_sent_twice_changes_nothing_more(
    lab: Lab, action: Literal["retry", "purge"]
) -> None:
    await fail(lab, "t1", "t2")
    look = await lab.scripts.look("failed", 10, has_records=False)
    assert await lab.scripts.sweep(action, look.found) == 2
    once = await lab.dump()
    assert await lab.scripts.sweep(action, look.found) == 0
    assert await lab.dump() == once


async def test_a_sweep_leaves_what_has_failed_again_since(lab: Lab) -> None:
    await fail(lab, "t1")
    look = await lab.scripts.look("failed", 10)
    await lab.scripts.retry("t1")
    await lab.advance(5)
    server = await lab.server("f:2")
    await server.claim()
    await server.tick(0, others=[Other("f", "t1", server.number, 0, "{}")])
    assert await lab.scripts.sweep("purge", look.found) == 0
    assert await lab.state("t1") == "failed"


async def test_a_look_is_bounded_and_changes_nothing(lab: Lab) -> None:
    await fail(lab, *(f"t{n}" for n in range(10, 19)))
    before = await lab.dump()
    look = await lab.scripts.look("failed", 10, None, Chosen(name="nobody"), scan=4)
    assert (look.looked, look.found) == (4, [])
    assert look.last == Position(lab.now, "t13")
    rest = await lab.scripts.look("failed", 10, look.last, has_records=False)
    assert [one.id for one in rest.found] == [f"t{n}" for n in range(14, 19)]
    assert rest.last is None
    again = await lab.scripts.look("failed", 1, look.last._replace(is_to_come=True))
    assert [one.id for one in again.found] == ["t13"]
    assert await lab.dump() == before


async def test_ids_are_compared_as_the_store_orders_them(lab: Lab) -> None:
    names = ["B", "a", "b", "b1", "ba", "~", "ä", "Z", "a" * 200]
    await fail(lab, *names)
    for is_back in (False, True):
        seen: list[str] = []
        after = None
        while True:
            look = await lab.scripts.look("failed", 1, after, is_back=is_back)
            seen += [one.id for one in look.found]
            if (after := look.last) is None:
                break
        assert seen == sorted(names, key=str.encode, reverse=is_back)


async def test_a_purged_occurrence_leaves_no_grave(lab: Lab) -> None:
    server = await lab.server("a:1", periodic("sweep", 100), periodic("purge", 100, scope="all"))
    for how in ("purge", "retry"):
        await lab.advance(100)
        held = await server.claim()
        assert len(held) == 2
        others = [Other("f", id, server.number, 0, "{}") for id in held]
        await server.tick(0, others=others)
        graves = [
            key for key in await lab.client.execute("HKEYS", _occurrence(lab)) if key[:1] == b"!"
        ]
        assert sorted(graves) == [b"!purge@a", b"!sweep"]
        for id in held:
            assert (
                await getattr(lab.scripts, how)(id) == {"purge": "purged", "retry": "retried"}[how]
            )
        kept = await lab.client.execute("HKEYS", _occurrence(lab))
        assert not [key for key in kept if key[:1] == b"!"]


async def test_a_retried_copy_is_booked_back_and_a_purged_one_stays_booked(lab: Lab) -> None:
    one, two = await lab.server("a:1"), await lab.server("b:1")
    await lab.put("p", scope="all")
    await one.tick(0)
    assert await one.claim() == ["p@a:1"]
    await one.tick(0, others=[Other("f", "p@a:1", one.number, 0, "{}")])
    assert await lab.scripts.retry("p@a:1") == "retried"
    shown = await lab.scripts.show("p")
    assert shown is not None
    assert shown.place == "2 0 0 0"
    assert await one.claim() == ["p@a:1"]
    await one.tick(0, others=[Other("f", "p@a:1", one.number, 0, "{}")])
    assert await lab.scripts.purge("p@a:1") == "purged"
    assert await two.claim() == ["p@b:1"]
    await two.tick(0, others=[Other("d", "p@b:1", two.number)])
    assert await lab.ids() == []


def _occurrence(lab: Lab) -> str:
    return next(key for key in lab.keys.for_scripts if key.endswith(":occurrence"))
