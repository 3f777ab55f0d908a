"""A task whose child process died lapses alone."""

from tests.tasks.lab import Lab, Other, ids_of, notes_of

ERROR = '{"type":"ChildLostError"}'


async def test_it_goes_back_to_the_head_and_counts_a_lapse(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1", "2", "3")
    await server.claim(2)
    told = await server.tick(0, others=[Other("l", "1", 1, 0, ERROR)])
    assert (told.refused, notes_of(told)) == ([], [])
    assert await lab.pending() == ["1", "3"]
    assert await lab.state("2") == "processing"
    reply = await server.tick(1)
    assert ids_of(reply) == ["1"]
    assert reply.troubles[0] is not None
    assert reply.troubles[0].startswith(b"0 1 ")


async def test_the_last_one_it_may_have_is_a_dead_letter(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1")
    for _ in range(2):
        await server.claim()
        await server.tick(0, others=[Other("l", "1", server.number, 0, ERROR)])
    await server.claim()
    told = await server.tick(0, others=[Other("l", "1", server.number, 0, ERROR)])
    assert notes_of(told) == ["crashed 1"]
    shown = await lab.scripts.show("1")
    assert shown is not None
    assert shown.state == "failed"
    assert shown.troubles.startswith(b"0 3 ")


async def test_a_stale_token_counts_nothing_and_twice_is_once(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1")
    await server.claim()
    told = await server.tick(0, others=[Other("l", "1", 99, 0, ERROR)])
    assert told.refused == [b"1"]
    await server.tick(0, others=[Other("l", "1", 1, 0, ERROR)])
    before = await lab.dump()
    await server.again()
    assert await lab.dump() == before


async def test_one_that_is_to_be_cancelled_ends(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1")
    await server.claim()
    assert await lab.scripts.cancel("1") == "cancelling"
    await server.tick(0, others=[Other("l", "1", 1, 0, ERROR)])
    assert await lab.ids() == []


async def test_one_of_a_limited_type_frees_its_place(lab: Lab) -> None:
    server = await lab.server("a:1", limits=[("work", "1 0 1")])
    await lab.put("1", "2", is_limited=True)
    assert await server.claim() == ["1"]
    await server.tick(0, others=[Other("l", "1", 1, 0, ERROR)])
    assert await server.claim() in (["1"], ["2"])
