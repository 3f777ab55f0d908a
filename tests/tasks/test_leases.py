"""Leases: what is done by whom when a server dies, sleeps, or leaves."""

import pytest

from actionhero.store.client import StoreClient
from tests.tasks.lab import LEASE, Lab, Other, ids_of, notes_of


async def test_a_dead_servers_tasks_go_back_to_the_head_and_count_a_lapse(lab: Lab) -> None:
    dead, alive = await lab.server("a:1"), await lab.server("b:1")
    await lab.put("1")
    await lab.advance(1)
    await lab.put("2", "3")
    await dead.claim(2)
    await lab.outlive(alive, by=LEASE - 2)
    assert (await alive.tick(0)).notes == []
    await lab.advance(1)
    reply = await alive.tick()
    assert ids_of(reply) == ["1", "2", "3"]
    assert reply.troubles == [b"0 1 ", b"0 1 ", None]
    assert set(notes_of(reply)) == {"lapsed 1 a:1", "lapsed 2 a:1", "reaped a:1"}


async def test_a_dead_server_is_forgotten_altogether(lab: Lab, store: StoreClient) -> None:
    await lab.server("a:1")
    await lab.advance(LEASE)
    alive = await lab.server("b:1")
    assert notes_of(await alive.tick()) == ["reaped a:1"]
    assert await store.execute("KEYS", "*a:1*") == []


async def test_a_server_that_wakes_late_is_refused(lab: Lab) -> None:
    sleeper, alive = await lab.server("a:1"), await lab.server("b:1")
    await lab.put("1")
    await sleeper.claim()
    await lab.outlive(alive)
    assert await alive.claim() == ["1"]
    assert (await sleeper.finish("1")).status == "lost"
    assert not await sleeper.renew()
    assert await lab.state("1") == "processing"
    assert (await alive.finish("1")).refused == []


async def test_the_same_server_back_again_cannot_use_its_old_token(lab: Lab) -> None:
    server, other = await lab.server("a:1"), await lab.server("b:1")
    await lab.put("1")
    await server.claim()
    await lab.outlive(other)
    await other.tick(0)
    await lab.scripts.register("a:1", LEASE, [])
    assert await server.claim() == ["1"]
    assert (await server.finish("1", token=1)).refused == [b"1"]
    assert (await server.finish("1", token=2)).refused == []


async def test_a_poison_task_fails_after_its_third_lapse(lab: Lab) -> None:
    await lab.put("1")
    for number in range(3):
        victim = await lab.server(f"v:{number}")
        assert await victim.claim() == ["1"]
        await lab.advance(LEASE)
    alive = await lab.server("b:1")
    reply = await alive.tick()
    assert ids_of(reply) == []
    assert "poisoned 1 v:2" in notes_of(reply)
    shown = await lab.scripts.show("1")
    assert shown is not None
    assert shown.state == "failed"
    assert shown.troubles.startswith(b'0 3 {"type":"Lapsed"')
    assert b'"server":"v:2"' in shown.troubles


async def test_a_lapse_keeps_the_attempts_and_their_error(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1")
    await server.claim()
    await server.tick(0, others=[Other("r", "1", 1, 0, '"no"')])
    await server.claim()
    await lab.advance(LEASE)
    alive = await lab.server("b:1")
    assert (await alive.tick()).troubles == [b'1 1 "no"']


async def test_reaping_is_bounded_and_goes_on(lab: Lab) -> None:
    dead = await lab.server("a:1")
    ids = [f"t{number:04}" for number in range(450)]
    await lab.put(*ids)
    await dead.claim(450)
    await lab.advance(LEASE)
    alive = await lab.server("b:1")
    reply = await alive.tick(0)
    assert reply.wait in (0, -1)
    back = 0
    while "reaped a:1" not in notes_of(reply):
        back += len(reply.notes)
        assert back <= 450
        reply = await alive.tick(0)
    assert sorted(await lab.pending()) == ids


async def test_when_the_store_was_away_nobody_lapses(lab: Lab) -> None:
    one, two = await lab.server("a:1"), await lab.server("b:1")
    await lab.put("1", "2")
    await one.claim(1)
    await two.claim(1)
    await lab.advance(LEASE * 5)
    reply = await one.finish("1")
    assert (reply.status, reply.refused) == ("expired", [])
    assert await one.renew()
    assert (await two.tick(0)).notes == []
    assert await two.renew()
    assert (await two.finish("2", token=1)).refused == []


async def test_when_the_store_was_away_nobody_lapses_whose_lease_ran_out_first(lab: Lab) -> None:
    """Whoever renewed last must not take what the others have, nor one that has just started."""
    other = await lab.server("a:1")
    await lab.put("1")
    await other.claim()
    await lab.advance(LEASE // 3)
    latest = await lab.server("b:1")
    await lab.advance(LEASE * 3 // 4, is_noticed=False)
    new = await lab.server("c:1")
    for server in (latest, new):
        reply = await server.tick()
        assert (ids_of(reply), notes_of(reply)) == ([], [])
        assert 0 <= reply.wait <= 701
    await lab.advance(250, is_noticed=False)
    assert (await other.tick(0)).status == "expired"
    assert await other.renew()
    await lab.advance(500, is_noticed=False)
    assert ids_of(await latest.tick()) == []
    assert (await other.finish("1", token=1)).refused == []


async def test_a_server_that_does_not_come_back_is_reaped_soon(lab: Lab) -> None:
    dead = await lab.server("a:1")
    await lab.put("1")
    await dead.claim()
    await lab.advance(LEASE, is_noticed=False)
    alive = await lab.server("b:1")
    reply = await alive.tick()
    await lab.advance(reply.wait, is_noticed=False)
    assert ids_of(await alive.tick()) == ["1"]


async def test_an_expired_server_claims_nothing(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1")
    await lab.advance(LEASE)
    reply = await server.tick()
    assert (reply.status, ids_of(reply)) == ("expired", [])
    await server.renew()
    assert await server.claim() == ["1"]


async def test_leaving_counts_nothing(lab: Lab, store: StoreClient) -> None:
    server = await lab.server("a:1")
    await lab.put("1")
    await server.claim()
    assert await lab.scripts.leave("a:1") == 1
    await server.tick(0, others=[Other("b", "1", 1)])
    assert await lab.scripts.leave("a:1") == 0
    assert await store.execute("KEYS", "*a:1*") == []
    assert not await server.renew()
    other = await lab.server("b:1")
    reply = await other.tick()
    assert (ids_of(reply), reply.troubles) == (["1"], [])


async def test_leaving_while_it_holds_something_keeps_the_lease(lab: Lab) -> None:
    server, other = await lab.server("a:1"), await lab.server("b:1")
    await lab.put("1")
    await server.claim()
    assert await lab.scripts.leave("a:1") == 1
    assert await lab.state("1") == "processing"
    await lab.outlive(other)
    assert await other.claim() == ["1"]


async def test_reconciling_gives_back_what_the_server_does_not_know(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1", "2", "3")
    await server.claim(2)
    lost = await lab.scripts.reconcile("a:1", 99, {b"1": "1", b"9": "1"})
    assert lost == [b"9"]
    assert await lab.pending() == ["2", "3"]
    assert await lab.state("1") == "processing"
    assert (await lab.scripts.reconcile("a:1", 99, {b"1": "1"})) == []


@pytest.mark.parametrize("name", ["tick", "register", "renew", "reconcile", "retry", "cancel"])
async def test_calling_again_changes_nothing_more(lab: Lab, name: str) -> None:
    server = await lab.server("a:1")
    await lab.put("1", "2", "3", "4")
    await server.claim(3)
    await server.tick(1, done=[("1", 1)], others=[Other("f", "2", 1, 0, "{}")])

    async def call() -> object:
        match name:
            case "tick":
                return await server.again()
            case "register":
                await lab.scripts.register("a:1", LEASE, [])
                return None
            case "renew":
                return await server.renew()
            case "reconcile":
                return await lab.scripts.reconcile("a:1", 99, {b"3": "1"})
            case "retry":
                return await lab.scripts.retry("2")
        return await lab.scripts.cancel("4")

    await call()
    before = await lab.dump()
    await call()
    assert await lab.dump() == before
