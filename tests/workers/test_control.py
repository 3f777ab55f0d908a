"""Limits, shards, unique tasks and pauses, as workers meet them."""

import asyncio
from collections import Counter

import pytest

from actionhero.tasks.ids import new_id
from tests.workers.house import House, until


async def test_all_shards_are_worked(house: House) -> None:
    done: Counter[int] = Counter()

    @house.task(queue="mail")
    async def send(n: int) -> None:
        done[n] += 1

    house.queue("mail", shards=4)
    await house.tasks.enqueue_many([send(n) for n in range(100)])
    assert await house.burst() == 100
    assert done == dict.fromkeys(range(100), 1)


async def test_one_slot_visits_all_shards(house: House) -> None:
    """A full shard does not keep the others from their turn."""
    order: list[str] = []
    queue = house.queue("mail", shards=2)

    @house.task(queue="mail")
    async def send(shard: str) -> None:
        order.append(shard)
        await asyncio.sleep(0.001)

    @house.task(queue="mail", concurrency=5)
    async def keep(shard: str) -> None:
        order.append(shard)
        await asyncio.sleep(0.001)

    full = queue.shard_of("keep")
    other = next(shard for shard in queue.shards if shard != full)
    await house.tasks.enqueue_many([keep(full) for _ in range(60)])
    ids = (new_id() for _ in range(1000))
    for id in [id for id in ids if queue.shard_of(id) == other][:3]:
        await send(other).enqueue(id=id)
    await house.burst(concurrency=1)
    assert len(order) == 63
    assert max(place for place, shard in enumerate(order) if shard == other) < 50


async def test_shards_that_a_queue_no_longer_has_are_worked_off(house: House) -> None:
    @house.task(queue="mail")
    async def send(n: int) -> None: ...

    house.queue("mail", shards=4)
    await house.tasks.enqueue_many([send(n) for n in range(40)])
    house.queue("mail")
    await send(40).enqueue()
    assert await house.burst() == 41


@pytest.mark.parametrize("ending", ["well", "badly"])
async def test_two_servers_keep_one_limit(house: House, ending: str) -> None:
    running = peak = 0

    @house.task(concurrency=2, retries=1, backoff=0.001)
    async def work(n: int) -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(0.002)
        running -= 1
        if ending == "badly":
            raise RuntimeError("badly")

    await house.tasks.enqueue_many([work(n) for n in range(20)])
    for _ in range(2):
        await house.start()
    column = "tasksFailed" if ending == "badly" else "tasksRun"
    await until(lambda: house.stats[column] == 20)
    assert peak == 2
    assert await house.counts() == ({"failed": 20} if ending == "badly" else {})


async def test_a_rate_paces_an_idle_worker(house: House) -> None:
    loop = asyncio.get_running_loop()
    starts: list[float] = []

    @house.task(rate="2/100ms")
    async def work(n: int) -> None:
        starts.append(loop.time())

    await house.start()
    await house.tasks.enqueue_many([work(n) for n in range(6)])
    await until(lambda: len(starts) == 6)
    assert starts[-1] - starts[0] >= 0.18, "two at once, then one in 50 ms"


async def test_a_burst_leaves_a_paused_queue_alone(house: House) -> None:
    @house.task
    async def work() -> None: ...

    await work().enqueue()
    await house.tasks.pause("default")
    assert await house.burst() == 0
    await house.tasks.resume("default")
    assert await house.burst() == 1


async def test_an_idle_worker_goes_on_when_it_is_resumed(house: House) -> None:
    done = asyncio.Event()

    @house.task
    async def work() -> None:
        done.set()

    worker = await house.start()
    await house.tasks.pause("default")
    await work().enqueue()
    await until(lambda: worker.is_idle)
    assert not done.is_set()
    await house.tasks.resume("default")
    async with asyncio.timeout(20):
        await done.wait()


async def test_a_debounced_task_runs_once_with_the_last_parameters(house: House) -> None:
    told: list[str] = []

    @house.task(unique="debounce", unique_by=("to",))
    async def tell(to: str, text: str) -> None:
        told.append(f"{to} {text}")

    for text in ("one", "two", "three"):
        await tell("ada", text).enqueue(delay="50ms")
    await tell("ben", "one").enqueue(delay="50ms")
    await house.start()
    await until(lambda: len(told) == 2)
    assert sorted(told) == ["ada three", "ben one"]
    assert await house.counts() == {}


async def test_a_periodic_type_is_fired_by_one_shard(house: House) -> None:
    runs = 0

    @house.task(queue="mail", every="5ms", concurrency=1)
    async def sweep() -> None:
        nonlocal runs
        runs += 1

    house.queue("mail", shards=3)
    await house.start()
    await until(lambda: runs > 3)
    assert len(await house.tasks.periodic()) == 1
