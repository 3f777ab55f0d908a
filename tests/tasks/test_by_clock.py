"""Periodic types by the clock: worked out in Python, fired by compare-and-set in the store."""

import asyncio
import datetime
import itertools
import logging
from collections import Counter

import pytest

from actionhero.store.keys import QUEUE_KEYS
from actionhero.store.task_scripts import Occurring, TickReply
from actionhero.tasks.schedule import AT_A_GO, ON_TIME, ByClock, CatchUp, Overlap
from actionhero.workers.firing import Firing
from tests.tasks.lab import LEASE, START, Lab, Other, Server, ids_of, notes_of, periodic
from tests.workers.house import Counts

MINUTE = 60_000
HOUR = 60 * MINUTE
"""START is 2027-01-15 08:00 UTC."""


def by_clock(
    cron: str = "* * * * *",
    tz: str = "UTC",
    *,
    catch_up: CatchUp = "skip",
    overlap: Overlap = "skip",
    **options: str,
) -> Occurring:
    """The type `sweep`."""
    spec = ByClock(cron, tz, catch_up, overlap).spec
    return periodic("sweep", spec, **options)  # type: ignore[arg-type]


def occurrence(at: int) -> str:
    return f"sweep#{START + at}"


async def fire(server: Server, reply: TickReply) -> bool:
    """What a lane does after a tick."""
    return await Firing(server.lab.scripts, Counts()).answer(reply.notes)


async def look(server: Server) -> list[str]:
    """Tick, fire what is due, and claim."""
    first = await server.tick()
    for _ in range(10):
        if not await fire(server, first):
            break
        again = await server.tick()
        first = again._replace(ids=[*first.ids, *again.ids])
    return ids_of(first)


def tokens(server: Server) -> range:
    """Those of its last ticks; one of them claimed."""
    return range(max(1, server.number - 12), server.number + 1)


async def done(server: Server, *ids: str) -> None:
    """Settle what its last ticks claimed."""
    await server.tick(0, others=[Other("d", id, token) for id in ids for token in tokens(server)])


async def later(milliseconds: int, *servers: Server) -> None:
    """Let time pass in which these servers live."""
    await servers[0].lab.advance(milliseconds)
    for server in servers:
        assert await server.renew()


async def test_fires_at_its_times_and_tells_when_to_look(lab: Lab) -> None:
    server = await lab.server("a:1", by_clock("*/5 * * * *"))
    assert await look(server) == []
    await later(5 * MINUTE - LEASE, server)
    assert (await server.tick()).wait == LEASE
    await later(LEASE - 1, server)
    assert await look(server) == []
    assert (await server.tick()).wait == 1
    await lab.advance(1)
    assert await look(server) == [occurrence(5 * MINUTE)]
    await done(server, occurrence(5 * MINUTE))
    (planned,) = await lab.scripts.periodic()
    assert planned.next == START + 10 * MINUTE


async def test_in_its_zone(lab: Lab) -> None:
    server = await lab.server("a:1", by_clock("30 10 * * *", "Europe/Vienna"))
    await look(server)
    (planned,) = await lab.scripts.periodic()
    assert planned.next == START + 90 * MINUTE


async def test_the_next_time_comes_from_the_clock_of_the_store(lab: Lab) -> None:
    """The lab's store is far ahead of our own clock, and then goes back behind it."""
    server = await lab.server("a:1", by_clock("0 * * * *"))
    await look(server)
    assert [one.next for one in await lab.scripts.periodic()] == [START + HOUR]
    past = round(datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC).timestamp()) * 1000
    await lab.advance(past - lab.now)
    later = await lab.server("b:1", by_clock("30 * * * *"))
    await look(later)
    assert [one.next for one in await lab.scripts.periodic()] == [past + 30 * MINUTE]


async def test_five_servers_race_one_occurrence_a_thousand_times(lab: Lab) -> None:
    sweep = by_clock(overlap="allow")
    servers = [await lab.server(f"{name}:1", sweep) for name in "abcde"]
    fired: Counter[bytes] = Counter()
    for server in servers:
        await look(server)
    for _ in range(1000):
        await later(MINUTE, servers[0])  # which gives all of them a new lease
        replies = await asyncio.gather(*(one.tick(5) for one in servers))
        assert all(any(note.startswith(b"due") for note in one.notes) for one in replies)
        answers = await asyncio.gather(*map(fire, servers, replies))
        assert answers.count(True) == 1
        fired.update(id for reply in replies for id in reply.ids)
        for server, reply in zip(servers, replies, strict=True):
            ended = [Other("d", id, server.number) for id in ids_of(reply)]
            await server.tick(0, others=ended, duties=False)
    for server in servers:
        fired.update((await server.tick(5)).ids)
    assert fired == {occurrence(n * MINUTE).encode(): 1 for n in range(1, 1001)}


async def test_one_that_dies_before_it_fires_loses_nothing(lab: Lab) -> None:
    dead, alive = await lab.server("a:1", by_clock()), await lab.server("b:1", by_clock())
    await look(alive)
    await later(MINUTE, dead, alive)
    assert any(note.startswith("due sweep") for note in notes_of(await dead.tick()))
    assert await look(alive) == [occurrence(MINUTE)]


async def test_one_that_dies_before_it_plans_loses_nothing(lab: Lab) -> None:
    await lab.server("a:1", by_clock("1 8 * * *"))
    await lab.advance(MINUTE + LEASE)
    alive = await lab.server("b:1", by_clock("1 8 * * *"))
    assert await look(alive) == [occurrence(MINUTE)]


async def test_a_late_call_changes_nothing(lab: Lab) -> None:
    one, two = await lab.server("a:1", by_clock()), await lab.server("b:1", by_clock())
    await look(one)
    await later(MINUTE, one, two)
    late = await two.tick()
    assert await look(one) == [occurrence(MINUTE)]
    before = await lab.dump()
    assert not await fire(two, late)
    assert await lab.dump() == before


async def test_a_crash_while_it_runs_repeats_it_and_not_the_plan(lab: Lab) -> None:
    dead, alive = await lab.server("a:1", by_clock()), await lab.server("b:1", by_clock())
    await look(alive)
    await later(MINUTE, dead, alive)
    assert await look(dead) == [occurrence(MINUTE)]
    await lab.outlive(alive)
    assert await look(alive) == [occurrence(MINUTE)]
    await done(alive, occurrence(MINUTE))
    await later(MINUTE - LEASE, alive)
    assert await look(alive) == [occurrence(2 * MINUTE)]


async def test_one_that_fails_runs_again(lab: Lab) -> None:
    server = await lab.server("a:1", by_clock())
    await look(server)
    for n in (1, 2, 3):
        await later(MINUTE, server)
        assert await look(server) == [occurrence(n * MINUTE)]
        failures = [Other("f", occurrence(n * MINUTE), token, 0, "{}") for token in tokens(server)]
        await server.tick(0, others=failures)
    assert (await lab.scripts.counts()).failed == 1


async def test_a_boot_neither_pulls_forward_nor_drops(lab: Lab) -> None:
    server = await lab.server("a:1", by_clock("*/10 * * * *"))
    await look(server)
    for n in range(1, 20):
        await later(MINUTE, server)
        booted = await lab.server(f"b:{n}", by_clock("*/10 * * * *"))
        expected = [occurrence(10 * MINUTE)] if n == 10 else []
        assert await look(booted) == expected
        await done(booted, *expected)
        await lab.scripts.leave(booted.id)


async def test_on_all_servers(lab: Lab) -> None:
    sweep = by_clock(scope="all")
    one, two = await lab.server("a:1", sweep), await lab.server("b:1", sweep)
    await look(one)
    for n in (1, 2):
        at = occurrence(n * MINUTE)
        await later(MINUTE, one, two)
        assert await look(one) == [f"{at}@a:1"]
        assert await look(two) == [f"{at}@b:1"]
        await done(one, f"{at}@a:1")
        await done(two, f"{at}@b:1")
    assert await lab.ids() == []


# when no server was up


async def away(lab: Lab, sweep: Occurring, milliseconds: int) -> Server:
    """Every server leaves, and one comes after so long."""
    first = await lab.server("a:1", sweep)
    await look(first)
    await lab.scripts.leave("a:1")
    await lab.advance(milliseconds)
    return await lab.server("b:1", sweep)


async def test_skip_leaves_out_what_was_missed(lab: Lab) -> None:
    server = await away(lab, by_clock("0 * * * *"), 5 * HOUR + ON_TIME + 1)
    assert await look(server) == []
    await later(HOUR - ON_TIME - 1, server)
    assert await look(server) == [occurrence(6 * HOUR)]


async def test_a_short_absence_misses_nothing(lab: Lab) -> None:
    server = await away(lab, by_clock("0 * * * *"), HOUR + ON_TIME)
    assert await look(server) == [occurrence(HOUR)]


async def test_skip_says_what_was_missed(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    server = await away(lab, by_clock("0 * * * *"), HOUR + ON_TIME + 1)
    stats = Counts()
    await Firing(lab.scripts, stats).answer((await server.tick()).notes)
    assert "sweep: missed by 60 s, and not caught up" in caplog.text
    assert stats["occurrencesMissed"] == 1


async def test_latest_runs_the_last_one_that_was_missed(lab: Lab) -> None:
    server = await away(lab, by_clock("0 * * * *", catch_up="latest"), 5 * HOUR + 30 * MINUTE)
    assert await look(server) == [occurrence(5 * HOUR)]
    await done(server, occurrence(5 * HOUR))
    await later(30 * MINUTE, server)
    assert await look(server) == [occurrence(6 * HOUR)]


async def test_all_runs_every_one_some_at_a_go(lab: Lab) -> None:
    count = 2 * AT_A_GO + 7
    sweep = by_clock(catch_up="all", overlap="allow")
    server = await away(lab, sweep, count * MINUTE + 5)
    await fire(server, await server.tick(0))
    assert (await lab.scripts.counts()).pending == AT_A_GO
    for _ in range(3):
        await fire(server, await server.tick(0))
    assert await lab.pending() == [occurrence(n * MINUTE) for n in range(1, count + 1)]
    (planned,) = await lab.scripts.periodic()
    assert planned.next == START + (count + 1) * MINUTE


async def test_all_without_overlap_runs_one_after_the_other(lab: Lab) -> None:
    server = await away(lab, by_clock("0 * * * *", catch_up="all"), 3 * HOUR + 30 * MINUTE)
    for n in (1, 2, 3):
        assert await look(server) == [occurrence(n * HOUR)]
        assert await look(server) == []
        assert not any(note.startswith("due") for note in notes_of(await server.tick()))
        await done(server, occurrence(n * HOUR))
    assert await look(server) == []
    (planned,) = await lab.scripts.periodic()
    assert planned.next == START + 4 * HOUR


# when one still runs


async def test_skip_passes_over_what_comes_while_one_runs(lab: Lab) -> None:
    server = await lab.server("a:1", by_clock())
    await look(server)
    await later(MINUTE, server)
    assert await look(server) == [occurrence(MINUTE)]
    await later(MINUTE, server)
    assert await look(server) == []
    await done(server, occurrence(MINUTE))
    await later(MINUTE, server)
    assert await look(server) == [occurrence(3 * MINUTE)]


async def test_skip_says_what_was_passed_over(lab: Lab, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "actionhero.tasks")
    server = await lab.server("a:1", by_clock())
    await look(server)
    await later(MINUTE, server)
    await look(server)
    await later(MINUTE, server)
    stats = Counts()
    await Firing(lab.scripts, stats).answer((await server.tick()).notes)
    assert "periodic task sweep is passed over: it runs still" in caplog.text
    assert stats["occurrencesPassedOver"] == 1


async def test_allow_runs_it_beside(lab: Lab) -> None:
    server = await lab.server("a:1", by_clock(overlap="allow"))
    await look(server)
    for n in (1, 2):
        await later(MINUTE, server)
        assert await look(server) == [occurrence(n * MINUTE)]


# versions


@pytest.mark.parametrize(
    "changed", [by_clock("30 * * * *"), by_clock("0 10 * * *", "Europe/Vienna")]
)
async def test_a_changed_text_or_zone_is_planned_anew(lab: Lab, changed: Occurring) -> None:
    server = await lab.server("a:1", by_clock("0 10 * * *"))
    await look(server)
    newer = await lab.server("a:2", changed)
    await look(newer)
    (planned,) = await lab.scripts.periodic()
    assert planned.spec == changed.spec
    assert planned.next in {START + 30 * MINUTE, START + HOUR}


async def test_two_versions_side_by_side_keep_the_plan_of_the_last_that_started(lab: Lab) -> None:
    old = await lab.server("a:1", by_clock("*/2 * * * *"))
    await look(old)
    new = await lab.server("b:1", by_clock("*/3 * * * *"))
    ran = []
    for _, server in zip(range(12), itertools.cycle([old, new]), strict=False):
        await later(MINUTE, old, new)
        claimed = await look(server)
        await done(server, *claimed)
        ran += claimed
    assert ran == [occurrence(n * MINUTE) for n in (3, 6, 9, 12)]


async def test_an_old_version_that_lost_its_lease_does_not_bring_its_plan_back(lab: Lab) -> None:
    await lab.server("a:1", by_clock("*/2 * * * *"))
    new = await lab.server("b:1", by_clock("*/3 * * * *"))
    await look(new)
    await lab.outlive(new)
    await look(new)
    before = await lab.scripts.periodic()
    await lab.scripts.register("a:1", LEASE, [by_clock("*/2 * * * *")], is_start=False)
    assert await lab.scripts.periodic() == before


async def test_a_plan_of_a_version_that_is_gone_gives_way(lab: Lab) -> None:
    new_type, old_type = by_clock("*/3 * * * *"), by_clock("*/2 * * * *")
    new = await lab.server("a:1", new_type)
    old = await lab.server("b:1", old_type)
    await look(old)
    await lab.scripts.leave(old.id)
    await later(2 * MINUTE, new)
    assert notes_of(await new.tick()) == ["outdated sweep"]
    await lab.scripts.register(new.id, LEASE, [new_type], is_start=False)
    assert await look(new) == []
    await later(MINUTE, new)
    assert await look(new) == [occurrence(3 * MINUTE)]


async def test_from_an_interval_to_the_clock(lab: Lab) -> None:
    server = await lab.server("a:1", periodic("sweep", 1000))
    await lab.advance(1000)
    assert await server.claim() == [occurrence(1000)]
    newer = await lab.server("a:2", by_clock())
    await look(newer)
    assert [one.next for one in await lab.scripts.periodic()] == [START + MINUTE]
    await done(server, occurrence(1000))
    assert [one.next for one in await lab.scripts.periodic()] == [START + MINUTE]
    await later(MINUTE - 1000, newer)
    assert await look(newer) == [occurrence(MINUTE)]


async def test_from_the_clock_to_an_interval(lab: Lab) -> None:
    server = await lab.server("a:1", by_clock())
    await look(server)
    await later(MINUTE, server)
    assert await look(server) == [occurrence(MINUTE)]
    await lab.server("a:2", periodic("sweep", 1000))
    assert [one.next for one in await lab.scripts.periodic()] == [None]
    await lab.advance(500)
    await done(server, occurrence(MINUTE))
    assert [one.next for one in await lab.scripts.periodic()] == [START + MINUTE + 1500]


async def test_a_type_that_nobody_defines_any_more_is_removed(lab: Lab) -> None:
    server = await lab.server("a:1", by_clock())
    await look(server)
    await lab.scripts.leave("a:1")
    other = await lab.server("b:1")
    await later(MINUTE, other)
    assert notes_of(await other.tick()) == ["removed sweep"]
    assert await lab.scripts.periodic() == []


@pytest.mark.parametrize("spec", ["c:skip:skip:Mars/Base:0_3_*_*_*", "c:queue:skip:UTC:0_3_*_*_*"])
async def test_a_schedule_that_this_version_cannot_read_is_left_to_others(
    lab: Lab, caplog: pytest.LogCaptureFixture, spec: str
) -> None:
    strange = periodic("sweep", 1)._replace(spec=spec)
    server = await lab.server("a:1", strange)
    firing = Firing(lab.scripts, Counts())
    for _ in range(3):
        assert not await firing.answer((await server.tick()).notes)
    assert caplog.text.count("periodic task sweep cannot be fired by this server") == 1


# stopping


async def test_stopped_until_a_server_starts(lab: Lab) -> None:
    server = await lab.server("a:1", by_clock())
    await look(server)
    await later(MINUTE, server)
    await look(server)
    assert await lab.scripts.stop("sweep") == (True, occurrence(MINUTE))
    assert await lab.scripts.stop("sweep") == (False, "")
    await done(server, occurrence(MINUTE))
    await later(MINUTE, server)
    assert await look(server) == []
    await lab.scripts.register(server.id, LEASE, [by_clock()], is_start=False)
    assert [one.spec for one in await lab.scripts.periodic()] == ["stopped"]
    again = await lab.server("b:1", by_clock())
    await look(again)
    await later(MINUTE, again)
    assert await look(again) == [occurrence(3 * MINUTE)]


async def test_a_stopped_type_that_is_gone_is_forgotten(lab: Lab) -> None:
    await lab.server("a:1", by_clock())
    await lab.scripts.stop("sweep")
    await lab.scripts.leave("a:1")
    assert await lab.scripts.periodic() == []
    assert (await lab.scripts.counts()).periodic == 0


async def test_one_that_never_comes_again_is_no_longer_planned(lab: Lab) -> None:
    server = await lab.server("a:1", by_clock())
    await look(server)
    (planned,) = await lab.scripts.periodic()
    assert planned.next is not None
    assert await lab.scripts.fire("sweep", planned.next, planned.spec, None, [planned.next]) == 1
    assert [one.next for one in await lab.scripts.periodic()] == [None]
    assert (await server.tick()).ids == [occurrence(MINUTE).encode()]


# a paused queue


@pytest.mark.parametrize(("catch_up", "ran"), [("skip", []), ("latest", [3]), ("all", [1, 2, 3])])
async def test_what_comes_while_the_queue_is_paused_is_missed(
    lab: Lab, catch_up: CatchUp, ran: list[int]
) -> None:
    server = await lab.server("a:1", by_clock("0 * * * *", catch_up=catch_up, overlap="allow"))
    await look(server)
    paused = lab.keys.for_scripts[QUEUE_KEYS.index("paused")]
    await lab.client.execute("SET", paused, "1")
    for _ in range(3):
        await later(HOUR, server)
        assert await look(server) == []
    await later(30 * MINUTE, server)
    await lab.client.execute("DEL", paused)
    assert await look(server) == [occurrence(n * HOUR) for n in ran]
    await later(30 * MINUTE, server)
    assert await look(server) == [occurrence(4 * HOUR)]


async def test_a_call_that_comes_after_the_pause_fires_nothing(lab: Lab) -> None:
    server = await lab.server("a:1", by_clock())
    await look(server)
    await later(MINUTE, server)
    due = await server.tick()
    paused = lab.keys.for_scripts[QUEUE_KEYS.index("paused")]
    await lab.client.execute("SET", paused, "1")
    assert not await fire(server, due)
    await lab.client.execute("DEL", paused)
    assert await look(server) == [occurrence(MINUTE)]
