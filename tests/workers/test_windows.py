"""The moments in which other task queues lose or double a task, one by one: by whole workers.

What the scripts do in them, with a clock that the test sets, is in `tests/tasks/test_windows.py`;
five servers that race one occurrence are in `tests/tasks/test_by_clock.py`.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from actionhero.errors import StoreUnavailableError
from actionhero.store.keys import QUEUE_KEYS
from actionhero.store.lease_link import LeaseLink
from actionhero.store.link import Arg
from actionhero.store.task_scripts import SCRIPTS, QueueScripts, TickReply
from actionhero.tasks.task import Task
from tests.workers.house import House, until

LEASE = 0.3
BLOCKED = 20.0
"""Seconds after which a blocked loop is let go, whatever happened."""


class Synchronous:
    """Another process, played while our loop stands still: it speaks to the store by itself."""

    def __init__(self, house: House, name: str = "other:1") -> None:
        self._house = house
        self._name = name
        self._keys = house.tasks.scripts("default").keys
        self._link = LeaseLink(timeout=10.0)
        self._number = 0

    def key(self, name: str) -> str:
        """A key of the queue."""
        return self._keys.for_scripts[QUEUE_KEYS.index(name)]

    def ask(self, *command: Arg) -> Any:
        (reply,) = self._link.execute_many(self._house.client.url, [command])
        return reply

    def call(self, script: str, *args: Arg) -> Any:
        keys = self._keys.for_scripts
        return self.ask("EVAL", SCRIPTS[script].source, len(keys), *keys, *args)

    def register(self) -> None:
        self.call("register", self._name, 60_000, 1)

    def claim(self) -> list[bytes]:
        """The ids that a tick gets."""
        self._number += 1
        reply = self.call("tick", self._name, self._number, 10, 1, 3, 0, 0)
        return list(reply[3])

    def lease_of(self, server: str) -> float:
        """Until when, in ms; 0 without one."""
        found = self.ask("ZRANGE", self.key("servers"), 0, -1, "WITHSCORES")
        return next((float(end) for id, end in found if id.decode().startswith(server)), 0.0)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Block our loop until it holds."""
        end = time.monotonic() + BLOCKED
        while not condition() and time.monotonic() < end:
            time.sleep(0.005)

    def close(self) -> None:
        self._link.close()


class Deaf:
    """Lets a tick be carried out, and its reply be lost, once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, loses: Callable[..., bool]) -> None:
        self.lost: TickReply | None = None
        self._tick = QueueScripts.tick
        self._loses = loses

        async def tick(scripts: QueueScripts, args: Sequence[Arg]) -> TickReply:
            reply = await self._tick(scripts, args)
            if self.lost is None and self._loses(args, reply):
                self.lost = reply
                raise StoreUnavailableError("the connection broke", maybe_done=True)
            return reply

        monkeypatch.setattr(QueueScripts, "tick", tick)


def count_runs(house: House) -> tuple[Any, Counter[int]]:
    """A type, and how often each of its tasks ran."""
    runs: Counter[int] = Counter()

    @house.task
    async def one(n: int) -> None:
        runs[n] += 1
        await asyncio.sleep(0)

    return one, runs


async def test_boot_of_one_server_while_others_work(house: House) -> None:
    goes_on, runs = asyncio.Event(), Counter[int]()

    @house.task
    async def one(n: int) -> None:
        runs[n] += 1
        await goes_on.wait()

    await house.tasks.enqueue_many([one(n) for n in range(10)])
    await house.start(concurrency=6)
    await until(lambda: runs.total() == 6)
    new = await house.start(concurrency=20)
    await until(lambda: runs.total() == 10)
    idle = await house.start()
    await until(lambda: idle.is_idle)
    goes_on.set()
    await until(lambda: new.is_idle and house.stats["tasksRun"] == 10)
    assert set(runs.values()) == {1}
    assert await house.counts() == {}


async def test_task_longer_than_three_leases(house: House) -> None:
    goes_on, seen = asyncio.Event(), list[Task]()

    @house.task
    async def slow(task: Task) -> None:
        seen.append(task)
        await goes_on.wait()

    await slow().enqueue()
    await house.start(name="slow", lease=LEASE)
    await until(lambda: len(seen) == 1)
    await house.start(name="other", lease=LEASE)
    look = Synchronous(house)
    begun = look.lease_of("slow")
    await until(lambda: look.lease_of("slow") >= begun + 3500 * LEASE)
    look.close()
    goes_on.set()
    await until(lambda: house.stats["tasksRun"] == 1)
    assert [task.lapses for task in seen] == [0]
    assert house.stats["settlementsRefused"] == 0
    assert await house.counts() == {}


async def test_blocked_event_loop(house: House) -> None:
    """For longer than a lease, but not for ever: nothing happens."""
    look, runs = Synchronous(house), list[int]()

    @house.task
    async def block(task: Task) -> None:
        runs.append(task.lapses)
        begun = look.lease_of("blocked")
        look.register()
        look.wait(lambda: look.claim() == [] and look.lease_of("blocked") > begun + 2000 * LEASE)

    await block().enqueue()
    await house.start(name="blocked", lease=LEASE)
    await until(lambda: house.stats["tasksRun"] == 1)
    look.close()
    assert runs == [0]
    assert (house.stats["settlementsRefused"], house.stats["leasesLost"]) == (0, 0)


async def test_event_loop_blocked_for_ever(house: House) -> None:
    """Others take its tasks; when it turns after all, nothing of what it did counts."""
    look, ran, taken = Synchronous(house), list[str](), list[bytes]()

    def take() -> bool:
        taken.extend(look.claim())
        return bool(taken)

    @house.task
    async def block(task: Task) -> None:
        ran.append(task.id)
        if len(ran) == 1:
            look.register()
            look.wait(take)

    put = await block().enqueue()
    await house.start(name="blocked", lease=LEASE, stuck_limit=LEASE / 3)
    await until(lambda: house.stats["leasesLost"] == 1)
    assert taken == [put.id.encode()]
    assert await put.state() == "processing"
    assert house.stats["tasksRun"] == 0
    again = await block().enqueue()
    await until(lambda: ran == [put.id, again.id])
    look.close()


async def test_lost_claim_reply(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    one, runs = count_runs(house)
    deaf = Deaf(monkeypatch, lambda args, reply: len(reply.ids) > 0)
    await house.tasks.enqueue_many([one(n) for n in range(30)])
    await house.burst(concurrency=5)
    assert deaf.lost is not None
    assert runs == dict.fromkeys(range(30), 1)
    assert await house.counts() == {}


async def test_lost_settle_reply(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    one, runs = count_runs(house)
    deaf = Deaf(monkeypatch, lambda args, reply: args[5] != 0)
    await house.tasks.enqueue_many([one(n) for n in range(30)])
    await house.burst(concurrency=5)
    assert deaf.lost is not None
    assert runs == dict.fromkeys(range(30), 1)
    assert house.stats["tasksRun"] == 30
    assert house.stats["settlementsRefused"] == 0


async def test_crash_after_a_lost_claim_reply(house: House) -> None:
    """The server never hears what it claimed: it lapses, and runs elsewhere, once."""
    one, runs = count_runs(house)
    other = Synchronous(house, "dead:1")
    other.call("register", "dead:1", round(1000 * LEASE), 1)
    await one(1).enqueue()
    assert len(other.claim()) == 1
    other.close()
    await house.start()
    await until(lambda: runs == {1: 1})
    await until(lambda: house.stats["tasksRun"] == 1)
    assert house.stats["tasksLapsed"] == 1
