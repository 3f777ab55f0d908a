"""Periodic types: fired once, never overlapping, never forgotten."""

from tests.tasks.lab import LEASE, START, Lab, Other, Server, ids_of, notes_of, periodic

EVERY = 1_000
SWEEP = periodic("sweep", EVERY)


def occurrence(at: int) -> str:
    return f"sweep#{START + at}"


async def done(server: Server, *ids: str) -> None:
    await server.tick(0, others=[Other("d", id, server.number) for id in ids])


async def test_first_after_one_interval_then_counted_from_completion(lab: Lab) -> None:
    server = await lab.server("a:1", SWEEP)
    reply = await server.tick()
    assert (ids_of(reply), reply.wait) == ([], EVERY)
    await lab.advance(EVERY)
    assert await server.claim() == [occurrence(1000)]
    await lab.advance(300)
    await done(server, occurrence(1000))
    await lab.advance(EVERY - 1)
    assert await server.claim() == []
    await lab.advance(1)
    assert await server.claim() == [occurrence(2300)]


async def test_never_overlaps(lab: Lab) -> None:
    one, two = await lab.server("a:1", SWEEP), await lab.server("b:1", SWEEP)
    await lab.advance(EVERY)
    assert await one.claim() == [occurrence(1000)]
    await lab.advance(LEASE - EVERY - 1)
    assert await two.claim() == []


async def test_five_servers_racing_fire_each_occurrence_once(lab: Lab) -> None:
    servers = [await lab.server(f"{name}:1", SWEEP) for name in "abcde"]
    for _ in range(50):
        await lab.advance(EVERY)
        claimed = [(server, id) for server in servers for id in await server.claim()]
        assert len(claimed) == 1
        for server in servers:
            await server.renew()
        (server, id) = claimed[0]
        await done(server, id)


async def test_a_boot_does_not_put_off_what_is_planned(lab: Lab) -> None:
    await lab.server("a:1", SWEEP)
    await lab.advance(900)
    server = await lab.server("b:1", SWEEP)
    await lab.advance(100)
    assert await server.claim() == [occurrence(1000)]


async def test_a_boot_while_it_runs_plans_nothing(lab: Lab) -> None:
    server = await lab.server("a:1", SWEEP)
    await lab.advance(EVERY)
    await server.claim()
    other = await lab.server("b:1", SWEEP)
    await lab.advance(EVERY * 2)
    assert await other.claim() == []
    await done(server, occurrence(1000))
    await lab.advance(EVERY)
    assert await other.claim() == [occurrence(4000)]


async def test_a_changed_interval_counts_from_the_boot(lab: Lab) -> None:
    await lab.server("a:1", SWEEP)
    await lab.advance(500)
    server = await lab.server("a:2", periodic("sweep", 5_000))
    await lab.advance(4_999)
    assert await server.claim() == []
    await lab.advance(1)
    assert await server.claim() == [occurrence(5500)]


async def test_one_that_fails_runs_again(lab: Lab) -> None:
    server = await lab.server("a:1", SWEEP)
    await lab.advance(EVERY)
    await server.claim()
    await server.tick(0, others=[Other("f", occurrence(1000), server.number, 0, "{}")])
    assert await lab.state(occurrence(1000)) == "failed"
    await lab.advance(EVERY)
    assert await server.claim() == [occurrence(2000)]


async def test_of_its_failures_only_the_newest_is_kept(lab: Lab) -> None:
    server = await lab.server("a:1", SWEEP)
    for at in (1000, 2000, 3000):
        await lab.advance(EVERY)
        await server.claim()
        await server.tick(0, others=[Other("f", occurrence(at), server.number, 0, "{}")])
    counts = await lab.scripts.counts()
    assert counts.failed == 1
    assert await lab.state(occurrence(3000)) == "failed"


async def test_a_retry_delays_the_next_one_until_it_ends(lab: Lab) -> None:
    server = await lab.server("a:1", SWEEP)
    await lab.advance(EVERY)
    await server.claim()
    await server.tick(0, others=[Other("r", occurrence(1000), server.number, 5_000, "{}")])
    await lab.advance(4_999)
    assert await server.claim() == []
    await lab.advance(1)
    assert await server.claim() == [occurrence(1000)]


async def test_a_dead_letter_retried_by_hand_plans_nothing(lab: Lab) -> None:
    server = await lab.server("a:1", SWEEP)
    await lab.advance(EVERY)
    await server.claim()
    await server.tick(0, others=[Other("f", occurrence(1000), server.number, 0, "{}")])
    await lab.scripts.retry(occurrence(1000))
    assert await server.claim() == [occurrence(1000)]
    await lab.advance(500)
    await done(server, occurrence(1000))
    await lab.advance(500)
    assert await server.claim() == [occurrence(2000)]


async def test_a_crash_before_it_is_planned_again_loses_nothing(lab: Lab) -> None:
    dead = await lab.server("a:1", SWEEP)
    await lab.advance(EVERY)
    await dead.claim()
    await lab.advance(LEASE)
    alive = await lab.server("b:1", SWEEP)
    assert await alive.claim() == [occurrence(1000)]
    await done(alive, occurrence(1000))
    await lab.advance(EVERY)
    assert await alive.claim() == [occurrence(EVERY * 2 + LEASE)]


async def test_a_server_without_the_type_leaves_it_to_the_others(lab: Lab) -> None:
    old, new = await lab.server("a:1"), await lab.server("b:1", SWEEP)
    await lab.advance(EVERY)
    assert await old.claim() == []
    assert await new.claim() == [occurrence(1000)]


async def test_a_type_that_nobody_defines_any_more_is_removed(lab: Lab) -> None:
    await lab.server("a:1", SWEEP)
    await lab.scripts.leave("a:1")
    server = await lab.server("b:1")
    await lab.advance(EVERY)
    assert notes_of(await server.tick()) == ["removed sweep"]
    assert (await lab.scripts.counts()).periodic == 0


async def test_periodic_on_all_plans_the_next_when_all_copies_ended(lab: Lab) -> None:
    sweep = periodic("sweep", EVERY, scope="all")
    one, two = await lab.server("a:1", sweep), await lab.server("b:1", sweep)
    await lab.advance(EVERY)
    mine, yours = f"{occurrence(1000)}@a:1", f"{occurrence(1000)}@b:1"
    assert await one.claim() == [mine]
    assert await two.claim() == [yours]
    await done(one, mine)
    await lab.advance(EVERY)
    assert await one.claim() == []
    await done(two, yours)
    await lab.advance(EVERY)
    assert await one.claim() == [f"{occurrence(3000)}@a:1"]


async def test_failing_copies_keep_one_dead_letter_a_server(lab: Lab) -> None:
    sweep = periodic("sweep", EVERY, scope="all")
    one, two = await lab.server("a:1", sweep), await lab.server("b:1", sweep)
    for _ in range(3):
        await lab.advance(EVERY)
        for server in (one, two):
            (id,) = await server.claim()
            await server.tick(0, others=[Other("f", id, server.number, 0, "{}")])
    assert (await lab.scripts.counts()).failed == 2


async def test_cancelling_an_occurrence_plans_the_next(lab: Lab) -> None:
    server = await lab.server("a:1", SWEEP)
    await lab.advance(EVERY)
    await server.tick(0)
    assert await lab.scripts.cancel(occurrence(1000)) == "cancelled"
    await lab.advance(EVERY)
    assert await server.claim() == [occurrence(2000)]
