"""A worker as its users see it."""

import asyncio
import datetime
import threading
from typing import Annotated

import pytest
from msgspec import Meta

from actionhero.errors import DefinitionError
from actionhero.tasks.task import Task
from tests.workers.house import House, until


async def test_runs_what_is_queued_and_leaves_nothing(house: House) -> None:
    seen: list[tuple[str, int]] = []

    @house.task
    async def send(email: str, n: Annotated[int, Meta(ge=1)] = 1) -> None:
        seen.append((email, n))

    await send("a@b.c").enqueue()
    await send(email="d@e.f", n=2).enqueue()
    assert await house.burst() == 2
    assert sorted(seen) == [("a@b.c", 1), ("d@e.f", 2)]
    assert await house.counts() == {}
    assert house.stats["tasksRun"] == 2
    assert house.stats["tasksEnqueued"] == 2


async def test_works_off_many_more_than_it_runs_at_once(house: House) -> None:
    seen = 0

    @house.task
    async def one(n: int) -> None:
        nonlocal seen
        seen += n

    assert await house.tasks.enqueue_many([one(n) for n in range(3000)]) == 3000
    assert await house.burst(concurrency=7) == 3000
    assert seen == sum(range(3000))


async def test_never_runs_more_at_once_than_it_may(house: House) -> None:
    running = most = 0

    @house.task
    async def one() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1

    await house.tasks.enqueue_many([one() for _ in range(100)])
    await house.burst(concurrency=3)
    assert most == 3


async def test_an_idle_worker_starts_what_comes(house: House) -> None:
    ran = asyncio.Event()

    @house.task
    async def one() -> None:
        ran.set()

    worker = await house.start()
    await until(lambda: worker.is_idle)
    for _ in range(3):
        ran.clear()
        await one().enqueue()
        async with asyncio.timeout(10):
            await ran.wait()


async def test_hands_in_by_type(house: House) -> None:
    class Mailer:
        sent = 0

    house.provided.values[Mailer] = mailer = Mailer()
    seen: list[Task] = []

    @house.task(retries=1, backoff=0)
    async def one(n: int, mailer: Mailer, task: Task) -> None:
        mailer.sent += n
        seen.append(task)
        if task.attempts == 0:
            raise ValueError("again")

    put = await one(n=2).enqueue()
    await house.burst()
    assert mailer.sent == 4
    assert [task.id for task in seen] == [put.id, put.id]
    assert [task.attempts for task in seen] == [0, 1]
    assert seen[0].params == {"n": 2}


async def test_a_type_that_nothing_provides_stops_the_start(house: House) -> None:
    class Mailer: ...

    house.provided.values[Mailer] = Mailer()

    @house.task
    async def one(mailer: Mailer) -> None: ...

    assert one.inputs
    del house.provided.values[Mailer]
    with pytest.raises(DefinitionError, match="nothing provides"):
        await house.start()


async def test_retries_until_it_succeeds(house: House) -> None:
    tries = 0

    @house.task(retries=3, backoff="1ms")
    async def flaky() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise ValueError("not yet")

    await house.start()
    await flaky().enqueue()
    await until(lambda: tries == 3)
    await until(lambda: house.stats["tasksRun"] == 3)
    assert await house.counts() == {}
    assert (house.stats["tasksRetried"], house.stats["tasksFailed"]) == (2, 0)


async def test_a_task_that_fails_for_good_is_kept_with_its_error(house: House) -> None:
    @house.task(retries=1, backoff=0)
    async def broken(n: int) -> None:
        raise ValueError(f"no {n}")

    put = await broken(7).enqueue()
    await house.burst()
    shown = await house.tasks.show(put.id)
    assert (shown.state, shown.attempts, shown.params) == ("failed", 2, {"n": 7})
    assert shown.error is not None
    assert (shown.error["type"], shown.error["message"]) == ("ValueError", "no 7")
    assert "raise ValueError" in shown.error["traceback"]
    assert house.stats["tasksFailed"] == 1


async def test_a_dead_letter_can_be_retried(house: House) -> None:
    is_mended = False

    @house.task
    async def broken() -> None:
        if not is_mended:
            raise ValueError

    put = await broken().enqueue()
    await house.burst()
    is_mended = True
    await house.tasks.retry(put.id)
    await house.burst()
    assert await house.counts() == {}


async def test_a_task_that_takes_too_long_is_cancelled(house: House) -> None:
    cancelled = False

    @house.task(timeout="20ms")
    async def slow() -> None:
        nonlocal cancelled
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled = True
            raise

    put = await slow().enqueue()
    await house.burst()
    shown = await house.tasks.show(put.id)
    assert cancelled
    assert shown.error is not None
    assert shown.error["message"] == "it ran longer than its timeout of 20ms"


@pytest.mark.parametrize("error", [asyncio.CancelledError(), SystemExit(1), TimeoutError()])
async def test_whatever_a_task_raises_is_its_own_failure(
    house: House, error: BaseException
) -> None:
    @house.task(timeout=30)
    async def one() -> None:
        raise error

    put = await one().enqueue()
    await house.burst()
    shown = await house.tasks.show(put.id)
    assert shown.error is not None
    assert shown.error["type"] == type(error).__name__


async def test_a_sync_function_runs_in_a_thread(house: House) -> None:
    where: list[int] = []

    @house.task
    def one(n: int) -> None:
        where.append(threading.get_ident())
        if n:
            raise ValueError("from a thread")

    await one(0).enqueue()
    put = await one(1).enqueue()
    await house.burst()
    assert threading.get_ident() not in where
    assert (await house.tasks.show(put.id)).state == "failed"


async def test_parks_what_it_cannot_run(house: House) -> None:
    @house.task
    async def one(n: int) -> None: ...

    arrivals = {
        "other": b'1no-{"name":"unheard_of","params":{}}',
        "misfit": b'1no-{"name":"one","params":{"n":"x"}}',
        "missing": b'1no-{"name":"one","params":{}}',
        "newer": b'9no-{"name":"one","params":{"n":1}}',
        "garbage": b"1no-{nonsense",
    }
    await put_raw(house, arrivals)
    await house.burst()
    page = await house.tasks.failed()
    errors = {one.id: one.error for one in page.tasks}
    assert set(errors) == set(arrivals)
    assert {one.attempts for one in page.tasks} == {0}
    types = {id: (error or {})["type"] for id, error in errors.items()}
    assert types == {
        "other": "UnknownTaskError",
        "misfit": "InvalidInputError",
        "missing": "InvalidInputError",
        "newer": "UnreadableRecordError",
        "garbage": "UnreadableRecordError",
    }


async def put_raw(house: House, records: dict[str, bytes]) -> None:
    from actionhero.store.task_scripts import Arrivals

    arrivals = Arrivals()
    for id, record in records.items():
        arrivals.add_ready("n", id, record)
    await house.tasks.scripts("default").enqueue(arrivals)


async def test_a_delayed_task_is_not_early(house: House) -> None:
    ran: list[datetime.datetime] = []

    @house.task
    async def one() -> None:
        ran.append(datetime.datetime.now(datetime.UTC))

    await house.start()
    due = datetime.datetime.now(datetime.UTC) + datetime.timedelta(milliseconds=150)
    await one().enqueue(at=due)
    await until(lambda: bool(ran))
    assert ran[0] >= due.replace(microsecond=due.microsecond // 1000 * 1000)


async def test_a_periodic_task_runs_again_and_again_even_if_it_raises(house: House) -> None:
    runs = 0

    @house.task(every="5ms")
    async def sweep(depth: int = 3) -> None:
        nonlocal runs
        runs += depth
        raise ValueError

    await house.start()
    await until(lambda: runs >= 9)
    assert (await house.counts())["failed"] == 1


async def test_a_task_on_all_servers_runs_once_on_each(house: House) -> None:
    runs: list[Task] = []

    @house.task(scope="all")
    async def everywhere(task: Task) -> None:
        runs.append(task)

    await house.start(name="a")
    await house.start(name="b")
    put = await everywhere().enqueue()
    await until(lambda: len(runs) == 2)
    assert {task.parent for task in runs} == {put.id}
    assert all(task.is_copy for task in runs)

    async def is_over() -> bool:
        return await put.state() == "unknown"

    await until(is_over)


async def test_a_burst_runs_what_its_tasks_enqueue(house: House) -> None:
    @house.task
    async def first() -> None:
        await second().enqueue()

    ran = False

    @house.task(queue="other")
    async def second() -> None:
        nonlocal ran
        ran = True

    await first().enqueue()
    assert await house.burst() == 2
    assert ran


async def test_a_burst_does_not_wait_for_later(house: House) -> None:
    @house.task
    async def one() -> None: ...

    await one().enqueue(delay="1h")
    assert await house.burst() == 0
    assert await house.counts() == {"delayed": 1}


async def test_works_only_the_queues_it_is_told(house: House) -> None:
    @house.task(queue="mine")
    async def mine() -> None: ...

    @house.task(queue="theirs")
    async def theirs() -> None: ...

    await mine().enqueue()
    await theirs().enqueue()
    assert await house.burst(queues=["mine"]) == 1
    assert await house.counts("theirs") == {"pending": 1}


async def test_many_queues_share_the_slots(house: House) -> None:
    running = most = total = 0

    async def one() -> None:
        nonlocal running, most, total
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        total += 1

    types = [house.task(queue=f"q{n}", name=f"t{n}")(one) for n in range(4)]
    await house.tasks.enqueue_many([kind() for kind in types for _ in range(40)])
    await house.burst(concurrency=2)
    assert (most, total) == (2, 160)


async def test_two_workers_of_one_server_do_not_meet(house: House) -> None:
    runs: list[int] = []

    @house.task
    async def one(n: int) -> None:
        runs.append(n)
        await asyncio.sleep(0.001)

    await house.tasks.enqueue_many([one(n) for n in range(200)])
    await asyncio.gather(*(house.burst(server="same:1", concurrency=3) for _ in range(2)))
    assert sorted(runs) == list(range(200))


@pytest.mark.parametrize("server", ["no-colon", "a b@c:1", ":1", "täst:x"])
async def test_any_name_will_do(house: House, server: str) -> None:
    ran: list[Task] = []

    @house.task(scope="all")
    async def one(task: Task) -> None:
        ran.append(task)

    put = await one().enqueue()
    await house.burst(server=server)
    assert ran[0].parent == put.id
    assert await put.state() == "unknown"
