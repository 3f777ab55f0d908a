"""Once on all servers: copies, and the account of them."""

from tests.tasks.lab import GRACE, LEASE, Lab, Other, Server, ids_of, notes_of


async def fan_out(lab: Lab, *servers: Server) -> None:
    await lab.put("p", scope="all")
    await servers[0].tick(0)


async def account(lab: Lab) -> str:
    shown = await lab.scripts.show("p")
    return "" if shown is None else shown.place


async def test_each_live_server_gets_one_copy_and_the_account_ends(lab: Lab) -> None:
    one, two = await lab.server("a:1"), await lab.server("b:1")
    await fan_out(lab, one)
    assert await account(lab) == "2 0 0 0"
    assert await one.claim() == ["p@a:1"]
    assert await two.claim() == ["p@b:1"]
    await one.tick(0, others=[Other("d", "p@a:1", one.number)])
    assert await account(lab) == "2 1 0 0"
    reply = await two.tick(0, others=[Other("d", "p@b:1", two.number)])
    assert notes_of(reply) == ["fanout p 2 2 0 0"]
    assert (await lab.scripts.counts())[:6] == (0, 0, 0, 0, 0, 0)


async def test_with_no_server_it_waits_for_the_first(lab: Lab) -> None:
    await lab.put("p", scope="all")
    await lab.advance(60_000)
    server = await lab.server("a:1")
    assert await server.claim() == ["p@a:1"]


async def test_a_delay_holds_it_back(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("p", scope="all", delay=100)
    assert await server.claim() == []
    await lab.advance(100)
    assert await server.claim() == ["p@a:1"]


async def test_a_server_that_joins_later_has_no_copy(lab: Lab) -> None:
    one = await lab.server("a:1")
    await fan_out(lab, one)
    late = await lab.server("b:1")
    assert await late.claim() == []
    assert await account(lab) == "1 0 0 0"


async def test_copies_wake_their_servers(lab: Lab) -> None:
    one, _ = await lab.server("a:1"), await lab.server("b:1")
    await fan_out(lab, one)
    assert await lab.client.execute("LLEN", lab.keys.wakes + "b:1") == 1


async def test_a_failed_copy_is_kept_and_booked(lab: Lab) -> None:
    one, two = await lab.server("a:1"), await lab.server("b:1")
    await fan_out(lab, one)
    await one.claim()
    await two.claim()
    await one.tick(0, others=[Other("f", "p@a:1", one.number, 0, "{}")])
    assert await account(lab) == "2 0 1 0"
    assert await lab.state("p@a:1") == "failed"
    assert await lab.scripts.retry("p@a:1") == "retried"
    assert await account(lab) == "2 0 0 0"
    assert await one.claim() == ["p@a:1"]
    await one.tick(0, others=[Other("f", "p@a:1", one.number, 0, "{}")])
    reply = await two.tick(0, others=[Other("d", "p@b:1", two.number)])
    assert notes_of(reply) == ["fanout p 2 1 1 0"]
    assert await lab.state("p@a:1") == "failed"


async def test_a_copy_that_raised_is_retried_on_its_own_server(lab: Lab) -> None:
    one, two = await lab.server("a:1"), await lab.server("b:1")
    await fan_out(lab, one)
    await one.claim()
    await one.tick(0, others=[Other("r", "p@a:1", one.number, 10, "{}")])
    await lab.advance(10)
    assert "p@a:1" not in await two.claim()
    assert await one.claim() == ["p@a:1"]


async def test_the_copy_of_a_dead_server_is_absent_after_the_grace(lab: Lab) -> None:
    dead, alive = await lab.server("a:1"), await lab.server("b:1")
    await fan_out(lab, dead)
    await dead.claim()
    await alive.claim()
    await alive.tick(0, others=[Other("d", "p@b:1", alive.number)])
    await lab.outlive(alive)
    assert "reaped a:1" in notes_of(await alive.tick())
    assert await account(lab) == "2 1 0 0"
    assert await lab.state("p@a:1") == "local"
    for _ in range(GRACE // LEASE * 2):
        await lab.outlive(alive, by=LEASE // 2)
    assert notes_of(await alive.tick()) == ["fanout p 2 1 0 1"]
    assert await lab.state("p@a:1") == "unknown"


async def test_a_copy_that_comes_due_on_a_server_that_is_gone_is_absent_too(lab: Lab) -> None:
    dead, alive = await lab.server("a:1"), await lab.server("b:1")
    await fan_out(lab, dead)
    await dead.claim()
    await dead.tick(0, others=[Other("r", "p@a:1", dead.number, LEASE * 2, "{}")])
    await alive.claim()
    await alive.tick(0, others=[Other("d", "p@b:1", alive.number)])
    told = []
    for _ in range(2 * (GRACE // LEASE + 3)):
        await lab.outlive(alive, by=LEASE // 2)
        told += notes_of(await alive.tick())
    assert told == ["reaped a:1", "fanout p 2 1 0 1"]


async def test_a_server_back_under_its_name_finishes_its_copies(lab: Lab) -> None:
    dead, alive = await lab.server("a:1"), await lab.server("b:1")
    await fan_out(lab, alive)
    await dead.claim()
    await lab.outlive(alive)
    await alive.tick(0)
    back = await lab.server("a:2")
    reply = await back.tick()
    assert (ids_of(reply), reply.troubles) == (["p@a:1"], [b"0 1 "])
    for _ in range(GRACE // LEASE * 4):
        await lab.outlive(back, by=LEASE // 2)
        await back.tick(0)
    reply = await back.tick(0, others=[Other("d", "p@a:1", 1)])
    assert (reply.refused, notes_of(reply)) == ([], ["fanout p 2 1 0 1"])


async def test_a_server_that_came_back_before_its_old_lease_ended_gets_them_too(lab: Lab) -> None:
    dead = await lab.server("a:1")
    await fan_out(lab, dead)
    await lab.advance(LEASE // 2)
    back = await lab.server("a:2")
    assert await back.claim() == []
    await lab.advance(LEASE // 2)
    assert await back.claim() == ["p@a:1"]


async def test_a_server_that_leaves_hands_its_copies_to_its_name(lab: Lab) -> None:
    one, _ = await lab.server("a:1"), await lab.server("b:1")
    await fan_out(lab, one)
    await lab.scripts.leave("a:1")
    assert await lab.state("p@a:1") == "local"
    back = await lab.server("a:2")
    assert await back.claim() == ["p@a:1"]


async def test_a_copy_of_a_gone_server_is_not_retried(lab: Lab) -> None:
    one, two = await lab.server("a:1"), await lab.server("b:1")
    await fan_out(lab, one)
    await one.claim()
    await one.tick(0, others=[Other("f", "p@a:1", one.number, 0, "{}")])
    await lab.outlive(two)
    await two.tick(0)
    assert await lab.scripts.retry("p@a:1") == "absent"
    assert await lab.state("p@a:1") == "failed"


async def test_cancelling_a_copy_leaves_the_account_right(lab: Lab) -> None:
    one, two = await lab.server("a:1"), await lab.server("b:1")
    await fan_out(lab, one)
    assert await lab.scripts.cancel("p@a:1") == "cancelled"
    assert await account(lab) == "2 0 0 1"
    assert await one.claim() == []
    assert await two.claim() == ["p@b:1"]


async def test_waits_until_it_is_known_who_lives(lab: Lab) -> None:
    """A lease that has just run out may be renewed: the store was away."""
    late = await lab.server("a:1")
    await lab.advance(LEASE, is_noticed=False)
    new = await lab.server("b:1")
    await lab.put("p", scope="all")
    assert await new.claim() == []
    assert await lab.state("p") == "delayed"
    assert await late.renew()
    while not ids_of(reply := await new.tick()):
        assert 0 <= reply.wait <= 701
        await lab.advance(reply.wait, is_noticed=False)
    assert ids_of(reply) == ["p@b:1"]
    assert await late.claim() == ["p@a:1"]


async def test_waits_no_longer_for_one_that_is_dead(lab: Lab) -> None:
    await lab.server("a:1")
    await lab.advance(LEASE, is_noticed=False)
    alive = await lab.server("b:1")
    await lab.put("p", scope="all")
    waited = 0
    while not ids_of(reply := await alive.tick()):
        waited += reply.wait
        await lab.advance(reply.wait, is_noticed=False)
    assert (ids_of(reply), waited <= 701) == (["p@b:1"], True)
    await alive.tick(0, others=[Other("d", "p@b:1", alive.number)])
    assert await lab.state("p") == "unknown"
