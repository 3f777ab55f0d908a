"""The tick: claim, settle, refuse, replay, promote."""

import pytest

from actionhero.errors import StoreFullError
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from tests.tasks.lab import Lab, Other, ids_of

ERROR = '{"type":"ValueError","message":"no"}'
KEPT = '{"type":"ValueError","message":"no","server":"a:1"}'
"""As the store keeps it."""


async def test_claims_in_order_and_leaves_nothing_behind(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1", "2", "3")
    assert await server.claim(2) == ["1", "2"]
    assert await lab.state("1") == "processing"
    assert (await server.finish("1", "2")).held == 0
    assert await server.claim() == ["3"]
    await server.finish("3")
    assert (await lab.scripts.counts())[:6] == (0, 0, 0, 0, 0, 0)
    assert await lab.state("1") == "unknown"


async def test_takes_higher_priorities_first(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("low", priority="low")
    await lab.put("normal")
    await lab.put("high", priority="high")
    assert await server.claim() == ["high", "normal", "low"]


async def test_gives_the_record_with_its_time(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1")
    (record,) = (await server.tick()).records
    assert record == b'1no-%d{"name":"work","params":{}}' % lab.now


async def test_an_unregistered_server_gets_nothing(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.scripts.leave("a:1")
    await lab.put("1")
    assert (await server.tick()).status == "lost"
    assert await lab.state("1") == "pending"


async def test_enqueueing_an_id_again_changes_nothing(lab: Lab) -> None:
    assert await lab.put("1", "2", "2") == {b"2"}
    assert await lab.put("2", "3") == {b"2"}
    assert await lab.put("3", delay=5) == {b"3"}
    assert await lab.pending() == ["1", "2", "3"]


async def test_a_stale_token_changes_nothing(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1", "2")
    await server.claim()
    reply = await server.finish("1", token=17)
    assert reply.refused == [b"1"]
    reply = await server.tick(0, others=[Other("f", "2", 17, 0, ERROR), Other("r", "x", 1)])
    assert reply.refused == [b"2", b"x"]
    assert reply.held == 2


async def test_settling_twice_is_refused(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1")
    await server.claim()
    await server.finish("1", token=1)
    assert (await server.finish("1", token=1)).refused == [b"1"]


async def test_a_lost_reply_is_given_again_and_nothing_happens_twice(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1", "2", "3")
    first = await server.tick(2)
    before = await lab.dump()
    again = await server.again()
    assert sorted(ids_of(again)) == sorted(ids_of(first))
    assert sorted(again.records) == sorted(first.records)
    assert again.held == first.held
    assert await lab.dump() == before


async def test_a_replay_tells_what_was_refused(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1")
    await server.claim()
    await server.tick(0, done=[("1", 1), ("ghost", 1)])
    assert (await server.again()).refused == [b"ghost"]


async def test_an_older_tick_that_comes_late_does_nothing(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1", "2")
    await server.tick(1)
    late = list(server.last)
    await server.tick(1)
    reply = await lab.scripts.tick(late)
    assert (reply.ids, reply.held) == ([], 2)


async def test_a_delayed_task_is_never_early(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1", delay=500)
    reply = await server.tick()
    assert (ids_of(reply), reply.wait) == ([], 500)
    await lab.advance(499)
    assert await server.claim() == []
    await lab.advance(1)
    assert await server.claim() == ["1"]


async def test_delayed_tasks_come_in_the_order_they_are_due(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("late", delay=20)
    await lab.put("soon", delay=10)
    await lab.advance(30)
    assert await server.claim() == ["soon", "late"]


async def test_promotes_a_bounded_number_and_looks_again_at_once(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put(*(f"t{i:03}" for i in range(150)), delay=1)
    await lab.advance(1)
    reply = await server.tick(500)
    assert (len(reply.ids), reply.wait) == (100, 0)
    assert len(await server.claim(500)) == 50


async def test_without_duties_nothing_is_promoted(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1", delay=0)
    assert ids_of(await server.tick(duties=False)) == []
    assert ids_of(await server.tick()) == ["1"]


async def test_a_retry_waits_and_counts_the_attempt(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1")
    await server.claim()
    await server.tick(0, others=[Other("r", "1", 1, 1000, ERROR)])
    shown = await lab.scripts.show("1")
    assert shown is not None
    assert (shown.state, shown.place) == ("retrying", str(lab.now + 1000))
    assert shown.troubles.decode() == f"1 0 {KEPT}"
    await lab.advance(1000)
    reply = await server.tick()
    assert (ids_of(reply), reply.troubles) == (["1"], [f"1 0 {KEPT}".encode()])
    await server.tick(0, others=[Other("d", "1", server.number)])
    assert await lab.state("1") == "unknown"
    assert await lab.client.execute("EXISTS", lab.keys.for_scripts[6]) == 0


async def test_a_failed_task_is_kept_and_can_be_retried(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1")
    await server.claim()
    await server.tick(0, others=[Other("f", "1", 1, 0, ERROR)])
    shown = await lab.scripts.show("1")
    assert shown is not None
    assert (shown.state, shown.place, shown.troubles) == (
        "failed",
        str(lab.now),
        f"1 0 {KEPT}".encode(),
    )
    assert await lab.scripts.retry("1") == "retried"
    assert await lab.scripts.retry("1") == "pending"
    reply = await server.tick()
    assert (ids_of(reply), reply.troubles) == (["1"], [])


async def test_a_parked_task_has_no_attempt(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1")
    await server.claim()
    await server.tick(0, others=[Other("x", "1", 1, 0, ERROR)])
    shown = await lab.scripts.show("1")
    assert shown is not None
    assert (shown.state, shown.troubles) == ("failed", f"0 0 {KEPT}".encode())


async def test_what_is_given_back_goes_to_the_head_and_counts_nothing(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put("1", "2", "3")
    await server.claim(2)
    await server.tick(0, others=[Other("b", "2", 1), Other("b", "1", 1)])
    assert await lab.pending() == ["1", "2", "3"]
    assert (await server.tick()).troubles == []


async def test_wakes_one_more_when_work_is_left(lab: Lab, store: StoreClient) -> None:
    server = await lab.server("a:1")
    await lab.put("1", "2")
    await store.execute("DEL", lab.keys.wake)
    await server.tick(1)
    assert await store.execute("LLEN", lab.keys.wake) == 1
    await server.tick(1)
    await server.tick(1)
    assert await store.execute("LLEN", lab.keys.wake) == 0


async def test_enqueueing_leaves_one_hint_and_no_more(lab: Lab, store: StoreClient) -> None:
    await lab.put("1")
    await lab.put("2")
    assert await store.execute("LLEN", lab.keys.wake) == 1


async def test_only_an_earlier_delayed_task_wakes(lab: Lab, store: StoreClient) -> None:
    await lab.put("1", delay=100)
    await store.execute("DEL", lab.keys.wake)
    await lab.put("2", delay=200)
    assert await store.execute("LLEN", lab.keys.wake) == 0
    await lab.put("3", delay=50)
    assert await store.execute("LLEN", lab.keys.wake) == 1


async def test_an_id_without_a_record_is_dropped_and_told(lab: Lab, store: StoreClient) -> None:
    server = await lab.server("a:1")
    await lab.put("1")
    await store.execute("HDEL", lab.keys.for_scripts[0], "1")
    reply = await server.tick()
    assert (ids_of(reply), reply.held, reply.notes) == ([], 0, [b"missing 1"])


async def test_a_full_store_takes_no_task_but_lets_those_it_has_end(
    own_store: StoreClient, keys: Keys
) -> None:
    store, lab = own_store, await Lab.open(own_store, keys)
    server = await lab.server("a:1")
    await lab.put("1", "2", "3")
    await server.claim(1)
    await store.execute("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(StoreFullError):
        await lab.put("4")
    assert await server.renew()
    reply = await server.tick(1, done=[("1", 1)])
    assert ids_of(reply) == ["2"]
    reply = await server.tick(1, others=[Other("f", "2", 2, 0, ERROR)])
    assert ids_of(reply) == ["3"]
    assert await lab.scripts.retry("2") == "retried"
