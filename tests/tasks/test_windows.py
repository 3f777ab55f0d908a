"""The moments in which other task queues lose or double a task, one by one: by the scripts.

What a whole worker does in them is in `tests/workers/test_windows.py`.
"""

from actionhero.store.client import StoreClient
from tests.tasks.lab import GRACE, LEASE, Lab, Other, Server, ids_of, notes_of, periodic

EVERY = 60_000


async def finish_other(server: Server, id: str, token: int | None = None) -> None:
    """Settle an occurrence or a copy as done, claimed with the last tick or with that one."""
    used = server.number if token is None else token
    assert (await server.tick(0, others=[Other("d", id, used)])).refused == []


async def test_crash_between_pop_and_record(lab: Lab, store: StoreClient) -> None:
    """A server pops a task and is gone before anybody hears of it."""
    dead, alive = await lab.server("a:1"), await lab.server("b:1")
    await lab.put("1", "2")
    await dead.tick(1)  # nobody reads what it answers
    assert [await lab.state(id) for id in ("1", "2")] == ["processing", "pending"]
    assert await alive.claim() == ["2"]
    await lab.outlive(alive)
    assert await alive.claim() == ["1"]
    await alive.finish("1")
    await lab.outlive(alive, by=5 * LEASE)
    assert await alive.claim() == []


async def test_boot_of_one_server_while_others_work(lab: Lab) -> None:
    """It takes what waits, and nothing that somebody works on."""
    busy = await lab.server("a:1")
    await lab.put(*map(str, range(10)))
    held = await busy.claim(6)
    for number in range(3):
        new = await lab.server(f"b:{number}")
        assert await new.claim(2) == ([["6", "7"], ["8", "9"], []][number])
    reply = await busy.finish(*held, token=1)
    assert (reply.status, reply.refused) == ("ok", [])


async def test_boot_under_a_name_that_works(lab: Lab) -> None:
    """A second server of one name (a deploy) is another one."""
    old = await lab.server("a:1")
    await lab.put("1")
    await old.claim()
    new = await lab.server("a:2")
    assert await new.claim() == []
    assert (await old.finish("1")).refused == []


async def test_eta_longer_than_the_lease(lab: Lab) -> None:
    one, two = await lab.server("a:1"), await lab.server("b:1")
    await lab.put("1", delay=5 * LEASE)
    for _ in range(9):
        await lab.outlive(one, two, by=LEASE // 2)
        assert [await one.claim(), await two.claim()] == [[], []]
    await lab.outlive(one, two, by=LEASE // 2)
    assert [await one.claim(), await two.claim()] == [["1"], []]
    await lab.outlive(one, two, by=5 * LEASE)
    assert await two.claim() == []
    assert (await one.finish("1", token=10)).refused == []


async def test_task_longer_than_three_leases(lab: Lab) -> None:
    slow, other = await lab.server("a:1"), await lab.server("b:1")
    await lab.put("1")
    await slow.claim()
    for _ in range(8):
        await lab.outlive(slow, other, by=LEASE // 2)
        reply = await other.tick()
        assert (ids_of(reply), notes_of(reply)) == ([], [])
    reply = await slow.finish("1", token=1)
    assert (reply.status, reply.refused) == ("ok", [])


async def test_crash_of_a_periodic_task_before_it_reschedules(lab: Lab) -> None:
    sweep = periodic("sweep", EVERY)
    dead, alive = await lab.server("a:1", sweep), await lab.server("b:1", sweep)
    await lab.outlive(dead, alive, by=EVERY)
    (occurrence,) = await dead.claim()
    await lab.outlive(alive)
    assert await alive.claim() == [occurrence]
    await finish_other(alive, occurrence)
    for _ in range(3):
        await lab.outlive(alive, by=EVERY // 2)
        assert await alive.claim() == []
        await lab.outlive(alive, by=EVERY // 2)
        (following,) = await alive.claim()
        assert following != occurrence
        await finish_other(alive, following)
        occurrence = following


async def test_crash_of_all_before_it_reschedules(lab: Lab) -> None:
    """And of the store's whole memory of who was alive."""
    sweep = periodic("sweep", EVERY)
    dead = await lab.server("a:1", sweep)
    await lab.outlive(dead, by=EVERY)
    (occurrence,) = await dead.claim()
    await lab.advance(10 * LEASE)
    alive = await lab.server("b:1", sweep)
    assert await alive.claim() == [occurrence]


async def test_fan_out_while_a_server_joins_and_another_dies(lab: Lab) -> None:
    """One that is dead, but not known to be, has a copy: it counts as absent in the end."""
    dead, alive = await lab.server("a:1"), await lab.server("b:1")
    await lab.advance(LEASE // 2)
    assert await alive.renew()
    await lab.put("p", scope="all")
    assert await alive.claim() == ["p@b:1"]
    joined = await lab.server("c:1")
    assert await joined.claim() == []
    await lab.outlive(alive, joined)
    assert [await alive.claim(), await joined.claim()] == [[], []]
    await finish_other(alive, "p@b:1", token=1)
    await lab.outlive(alive, joined, by=GRACE)
    reply = await joined.tick()
    assert "fanout p 2 1 0 1" in notes_of(reply)
    assert await lab.state("p") == "unknown"
    assert not await dead.renew()


async def test_fan_out_to_a_server_that_comes_back_under_its_name(lab: Lab) -> None:
    """It runs the copy of the one that died, once, and none that was made for others."""
    await lab.server("a:1")
    alive = await lab.server("b:1")
    await lab.put("p", scope="all")
    assert await alive.claim() == ["p@b:1"]
    back = await lab.server("a:2")
    await lab.outlive(alive, back)
    await alive.tick(0)
    assert await back.claim() == ["p@a:1"]
    assert await back.claim() == []


async def test_a_lost_claim_reply(lab: Lab) -> None:
    server, other = await lab.server("a:1"), await lab.server("b:1")
    await lab.put("1", "2", "3")
    lost = await server.tick(2)
    again = await server.again()
    assert ids_of(again) == ids_of(lost) == ["1", "2"]
    assert await other.claim() == ["3"]
    assert (await server.finish("1", "2")).refused == []


async def test_a_lost_settle_reply(lab: Lab) -> None:
    server, other = await lab.server("a:1"), await lab.server("b:1")
    await lab.put("1", "2")
    await server.claim(1)
    await server.finish("1")
    assert await other.claim() == ["2"]
    again = await server.again()
    assert (again.status, again.refused, again.held) == ("ok", [], 0)
    assert await lab.state("2") == "processing"
    assert (await other.finish("2")).refused == []


async def test_a_late_word_over_a_connection_that_was_given_up(lab: Lab) -> None:
    """It says what the server held then, and must not take what it has claimed since."""
    server = await lab.server("a:1")
    await lab.put("1", "2")
    await server.claim(1)
    late = server.number, {b"1": "1"}
    assert await server.claim(1) == ["2"]
    assert await lab.scripts.reconcile("a:1", *late) == []
    assert await lab.state("2") == "processing"
    assert (await server.finish("2")).refused == []
