"""A paused queue: nothing is claimed and nothing is fired."""

from tests.tasks.lab import Lab, Other, periodic


async def test_nothing_is_claimed_until_it_is_resumed(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1", "2", "3")
    assert (await server.tick(1)).ids == [b"1"]
    assert await lab.scripts.pause(is_paused=True)
    assert not await lab.scripts.pause(is_paused=True)
    assert (await lab.scripts.counts()).paused == 1
    reply = await server.tick(others=[Other("d", "1", 1)])
    assert (reply.ids, reply.refused, reply.held) == ([], [], 0)
    assert await lab.scripts.pause(is_paused=False)
    assert not await lab.scripts.pause(is_paused=False)
    assert await server.claim() == ["2", "3"]


async def test_a_paused_queue_wakes_nobody_and_a_resumed_one_all(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1")
    await lab.put("p", scope="all")
    await lab.scripts.pause(is_paused=True)
    reply = await server.tick()
    wakes = (lab.keys.wake, f"{lab.keys.wakes}a:1")
    assert reply.wait > 0
    assert not await lab.client.execute("EXISTS", *wakes)
    await lab.scripts.pause(is_paused=False)
    assert await lab.client.execute("EXISTS", *wakes) == 2
    assert await server.claim() == ["p@a:1", "1"]


async def test_what_comes_due_meanwhile_waits(lab: Lab) -> None:
    server = await lab.server("a:1", periodic("sweep", 100), limits=[("slow", "0 100 1")])
    await lab.put("1", "2", name="slow", is_limited=True)
    await lab.put("later", delay=50)
    assert await server.claim() == ["1"]
    await lab.scripts.pause(is_paused=True)
    await lab.advance(1000)
    reply = await server.tick()
    assert reply.ids == []
    assert reply.wait > 0, "what is overdue and paused is no reason to look again at once"
    assert await lab.state("later") == "pending"
    await lab.scripts.pause(is_paused=False)
    assert [id.partition("#")[0] for id in await server.claim()] == ["2", "later", "sweep"]


async def test_a_dead_server_is_reaped_all_the_same(lab: Lab) -> None:
    first = await lab.server("a:1")
    await lab.put("1")
    await first.claim()
    await lab.scripts.pause(is_paused=True)
    second = await lab.server("b:1")
    await lab.outlive(second)
    assert b"lapsed 1 a:1" in (await second.tick()).notes
    assert await lab.state("1") == "pending"
