import asyncio
import itertools

import pytest

from actionhero.transports.watch import Watch
from tests.counting import Counts
from tests.transports.serving import PATIENCE, eventually


class Member:
    """A connection that counts how often it is looked at, and leaves when it is dropped."""

    def __init__(self, watch: "Watch[Member]") -> None:
        self.watch = watch
        self.looks: list[float] = []
        self.dropped = False
        watch.enter(self)

    def look(self, now: float) -> None:
        self.looks.append(now)

    def drop(self) -> None:
        self.dropped = True
        asyncio.get_running_loop().call_soon(self.watch.leave, self)


@pytest.fixture
async def watch() -> "Watch[Member]":
    return Watch(Counts(), "clients", period=0.02, shortest=0.02)


async def test_it_counts() -> None:
    stats = Counts()
    watch: Watch[Member] = Watch(stats, "clients", period=1.0, shortest=1.0)
    one, two = Member(watch), Member(watch)
    assert (len(watch), list(watch), stats.gauges) == (2, [one, two], {"clients": 2})
    watch.leave(one)
    watch.leave(one)
    assert (len(watch), stats.gauges) == (1, {"clients": 1})
    watch.leave(two)
    assert stats.gauges == {"clients": 0}


async def test_everyone_is_looked_at_once_a_period(watch: "Watch[Member]") -> None:
    members = [Member(watch) for _ in range(3)]
    await eventually(lambda: all(len(member.looks) >= 3 for member in members))
    counts = [len(member.looks) for member in members]
    assert max(counts) - min(counts) <= 1
    looks = members[0].looks
    assert all(b - a >= 0.019 for a, b in itertools.pairwise(looks))
    for member in members:
        watch.leave(member)


async def test_who_is_late_is_dropped(watch: "Watch[Member]") -> None:
    late, excused, calm = (Member(watch) for _ in range(3))
    watch.expect(late, 0.01)
    watch.expect(excused, 0.01)
    watch.excuse(excused)
    await eventually(lambda: late.dropped)
    assert not excused.dropped
    assert not calm.dropped
    await watch.empty(0.0)


async def test_emptying_waits_for_everyone(watch: "Watch[Member]") -> None:
    one, two = Member(watch), Member(watch)
    emptying = asyncio.create_task(watch.empty(PATIENCE))
    await eventually(lambda: watch.is_emptying)
    watch.leave(one)
    await asyncio.sleep(0)
    assert not emptying.done()
    watch.leave(two)
    await emptying
    assert not two.dropped


async def test_emptying_drops_who_is_left(watch: "Watch[Member]") -> None:
    members = [Member(watch) for _ in range(3)]
    await watch.empty(0.01)
    assert all(member.dropped for member in members)
    assert len(watch) == 0
    await watch.empty(0.0)


async def test_it_starts_again_when_someone_comes_back(watch: "Watch[Member]") -> None:
    watch.leave(Member(watch))
    member = Member(watch)
    await eventually(lambda: bool(member.looks))
    watch.leave(member)
