"""Limits of a type: how many run at once, how often one starts, whatever becomes of them."""

import pytest

from tests.tasks.lab import LEASE, Lab, Other, Server, ids_of, record

TWO = [("narrow", "2 0 1")]
RATED = [("slow", "0 1000 2")]
"""Two in a row, then one a second."""


async def put(lab: Lab, *ids: str, name: str = "narrow", delay: int | None = None) -> None:
    await lab.put(*ids, name=name, is_limited=True, delay=delay)


async def members(lab: Lab, key: str) -> list[str]:
    return [found.decode() for found in await lab.client.execute("ZRANGE", _key(lab, key), 0, -1)]


def _key(lab: Lab, key: str) -> str:
    return lab.keys.for_scripts[0].removesuffix("data") + key


@pytest.fixture
async def narrow(lab: Lab) -> Server:
    """A server with five tasks of a type of which two may run at once."""
    server = await lab.server("a:1", limits=TWO)
    await put(lab, *"12345")
    return server


async def test_no_more_run_at_once_than_may(lab: Lab, narrow: Server) -> None:
    other = await lab.server("b:1", limits=TWO)
    assert await narrow.claim() == ["1", "2"]
    assert await other.claim() == []
    assert [await lab.state(id) for id in "345"] == ["pending"] * 3
    assert await lab.pending() == ["3", "4", "5"]


async def test_when_one_ends_the_first_that_waits_is_next(lab: Lab, narrow: Server) -> None:
    await narrow.claim()
    await lab.put("x")
    reply = await narrow.tick(1, others=[Other("d", "1", 1)])
    assert ids_of(reply) == ["3"]
    assert await narrow.claim() == ["x"]


@pytest.mark.parametrize("what", ["d", "f", "x", "c", "r"])
async def test_whatever_its_outcome_its_place_is_free(lab: Lab, narrow: Server, what: str) -> None:
    await narrow.claim()
    reply = await narrow.tick(others=[Other(what, "2", 1, 500, "{}")])
    assert ids_of(reply) == ["3"]
    assert sorted(await members(lab, "busy:narrow")) == ["1", "3"]


async def test_what_is_retried_waits_its_turn_again(lab: Lab, narrow: Server) -> None:
    await narrow.claim()
    await narrow.tick(0, others=[Other("r", "1", 1, 100, "{}")])
    await lab.advance(100)
    assert await narrow.claim() == ["3"]
    await narrow.tick(0, others=[Other("d", "2", 1), Other("d", "3", 3)])
    assert await narrow.claim() == ["4", "5"]
    await narrow.tick(0, others=[Other("d", "4", 5), Other("d", "5", 5)])
    assert await narrow.claim() == ["1"]


async def test_what_is_given_back_keeps_its_place(lab: Lab, narrow: Server) -> None:
    await narrow.claim()
    await narrow.tick(0, others=[Other("b", "2", 1), Other("b", "1", 1)])
    assert await (await lab.server("b:1", limits=TWO)).claim() == ["1", "2"]
    await narrow.claim()
    assert await lab.scripts.reconcile("b:1", 99, {}) == []
    assert sorted(await narrow.claim()) == ["1", "2"]


async def test_a_killed_servers_places_are_free(lab: Lab, narrow: Server) -> None:
    await narrow.claim()
    other = await lab.server("b:1", limits=TWO)
    await lab.outlive(other)
    assert await other.claim() == ["1", "2"]
    assert await members(lab, "busy:narrow") == ["1", "2"]
    await lab.outlive(await lab.server("c:1"), by=LEASE)
    poisoned = await (await lab.server("c:2", limits=TWO)).tick(max_lapses=2)
    assert ids_of(poisoned) == ["3", "4"]


async def test_one_that_was_cancelled_before_its_turn_makes_room(lab: Lab, narrow: Server) -> None:
    await narrow.claim()
    await narrow.tick(0, others=[Other("d", "1", 1)])
    assert await members(lab, "busy:narrow") == ["3", "2"]
    assert await lab.scripts.cancel("3") == "cancelled"
    assert await lab.scripts.cancel("5") == "cancelled"
    assert await narrow.claim() == ["4"]


async def test_a_dead_letter_that_is_retried_waits_its_turn(lab: Lab, narrow: Server) -> None:
    await narrow.claim()
    await narrow.tick(others=[Other("f", "1", 1, 0, "{}")])
    assert await lab.scripts.retry("1") == "retried"
    assert await narrow.claim() == []
    assert await lab.pending() == ["4", "5", "1"]


async def test_a_rate_lets_some_start_at_once_and_then_one_by_one(lab: Lab) -> None:
    server = await lab.server("a:1", limits=RATED)
    await put(lab, *"123456", name="slow")
    reply = await server.tick()
    assert (ids_of(reply), reply.wait) == (["1", "2"], 1000)
    await server.finish("1", "2")
    await lab.advance(999)
    assert await server.claim() == []
    await lab.advance(1)
    assert await server.claim() == ["3"]
    await lab.advance(5000)
    assert await server.renew()
    assert await server.claim() == ["4", "5"], "what is not used is not saved"


async def test_a_rate_holds_although_nobody_has_room(lab: Lab) -> None:
    server = await lab.server("a:1", limits=RATED)
    await put(lab, *"123456", name="slow")
    assert await server.claim() == ["1", "2"]
    for _ in range(8):
        await lab.advance(1000)
        assert await server.renew()
        await server.tick(0)
    assert await server.claim() == ["3", "4"]


async def test_one_given_back_costs_its_start_but_once(lab: Lab) -> None:
    server = await lab.server("a:1", limits=RATED)
    await put(lab, "1", "2", "3", name="slow")
    await server.claim()
    await server.tick(0, others=[Other("b", "2", 1)])
    assert await server.claim() == ["2"]


async def test_a_greater_limit_lets_more_start(lab: Lab, narrow: Server) -> None:
    await narrow.claim()
    await lab.server("b:1", limits=[("narrow", "4 0 1")])
    assert await narrow.claim() == ["3", "4"]


async def test_a_smaller_limit_lets_those_that_run_end(lab: Lab, narrow: Server) -> None:
    await narrow.claim()
    await lab.server("b:1", limits=[("narrow", "1 0 1")])
    await narrow.tick(0, others=[Other("d", "1", 1)])
    assert await narrow.claim() == []
    await narrow.tick(0, others=[Other("d", "2", 1)])
    assert await narrow.claim() == ["3"]


async def test_a_limit_that_is_taken_away_holds_nothing_back(lab: Lab, narrow: Server) -> None:
    await narrow.claim()
    await lab.server("b:1", limits=[("narrow", "")])
    assert await narrow.claim() == ["3", "4", "5"]
    await narrow.tick(0, others=[Other("d", id, 1) for id in "12"])
    assert not await lab.client.execute("EXISTS", _key(lab, "limits"))
    assert not await lab.client.execute("EXISTS", _key(lab, "busy:narrow"))


async def test_a_server_that_lost_its_lease_changes_no_limit(lab: Lab, narrow: Server) -> None:
    await lab.scripts.register("b:1", LEASE, [], is_start=False, limits=[("narrow", "9 0 1")])
    assert await narrow.claim() == ["1", "2"]


async def test_limited_tasks_in_the_way_are_put_aside_in_bounded_steps(lab: Lab) -> None:
    server = await lab.server("a:1", limits=TWO)
    await put(lab, *(f"n{number}" for number in range(2500)))
    await lab.put("x")
    replies = [await server.tick(200, duties=False) for _ in range(6)]
    assert [reply.wait == 0 for reply in replies] == [True] * 4 + [False] * 2
    assert [ids_of(reply) for reply in replies] == [["n0", "n1"], [], [], [], ["x"], []]
    assert len(await lab.client.execute("LRANGE", _key(lab, "waiting:narrow"), 0, -1)) == 2498


async def test_a_type_that_nobody_defines_any_more_drains(lab: Lab, narrow: Server) -> None:
    stranger = await lab.server("b:1")
    for _ in range(3):
        reply = await stranger.tick()
        await stranger.tick(
            0, others=[Other("x", id, stranger.number, 0, "{}") for id in ids_of(reply)]
        )
    assert [await lab.state(id) for id in "12345"] == ["failed"] * 5


async def test_a_record_of_before_its_type_was_limited_runs(lab: Lab) -> None:
    server = await lab.server("a:1", limits=TWO)
    await lab.put("1", "2", "3", name="narrow")
    assert await server.claim() == ["1", "2", "3"]
    assert record("narrow")[3:4] == b"-"


async def test_one_that_lapsed_starts_anew(lab: Lab) -> None:
    """It may have started, so its next start counts."""
    server = await lab.server("a:1", limits=[("slow", "0 60000 2")])
    await put(lab, "1", "2", "3", name="slow")
    assert await server.claim() == ["1", "2"]
    other = await lab.server("b:1")
    await lab.outlive(other)
    assert await other.claim() == []
    assert await lab.pending() == ["1", "2", "3"]
    await lab.outlive(other, by=60_000 - LEASE)
    assert await other.claim() == ["1"]
