"""The overview of queues and servers."""

from actionhero.tasks.overview import overview_of
from tests.tasks.lab import LEASE, Lab, Other


async def test_queues_servers_and_the_newest_failures(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.server("b:1")
    await lab.put(*(f"t{n}" for n in range(6)))
    await lab.put("later", delay=1_000)
    server.number = lab.now
    assert len(await server.claim(4)) == 4
    await server.tick(0, others=[Other("f", "t0", server.number, 0, "{}")])
    overview = overview_of({"mail.0": await lab.scripts.glance(10, 5)}, 5)
    (queue,) = overview.queues
    assert (queue.name, queue.pending, queue.delayed, queue.processing, queue.failed) == (
        "mail", 2, 1, 3, 1,
    )  # fmt: skip
    assert (queue.servers, queue.shards, queue.is_paused) == (2, 1, False)
    one, two = overview.servers
    assert (one.id, one.held, one.running, one.lease) == ("a:1", 3, {"work": 3}, LEASE)
    assert one.oldest == lab.now + 1
    assert (two.id, two.held, two.running, two.oldest) == ("b:1", 0, {}, None)
    assert [(one.id, one.server) for one in overview.failed] == [("t0", "a:1")]


async def test_what_it_names_is_bounded(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put(*(f"t{n}" for n in range(300)))
    held = await server.claim(300)
    await server.tick(0, others=[Other("f", id, server.number, 0, "{}") for id in held[:20]])
    glance = await lab.scripts.glance(10, 3)
    (working,) = glance.servers
    assert (working.held, len(working.tasks)) == (280, 10)
    assert len(glance.failed) == 3


async def test_the_shards_of_a_queue_are_one(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("t1", "t2")
    await server.claim(1)
    glance = await lab.scripts.glance(10, 5)
    paused = glance._replace(counts=glance.counts._replace(paused=1))
    overview = overview_of({"mail.0": glance, "mail.1": paused, "other": glance}, 5)
    mail, other = overview.queues
    assert (mail.name, mail.shards, mail.pending, mail.servers) == ("mail", 2, 2, 1)
    assert (mail.is_paused, other.is_paused) == (True, False)
    (one,) = overview.servers
    assert (one.held, one.running, one.queues) == (3, {"work": 3}, ["mail", "other"])


def test_nothing_at_all() -> None:
    overview = overview_of({}, 5)
    assert (overview.at, overview.queues, overview.servers, overview.failed) == (0, [], [], [])
