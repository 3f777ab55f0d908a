"""The scripts around how tasks end: what is kept, orders to cancel, progress."""

import json
from typing import Any

from actionhero.store.task_scripts import Arrivals, Later
from actionhero.tasks.record import Scope, new_record, record_head
from tests.tasks.lab import LEASE, START, Lab, Other, Server, ids_of, notes_of

HOUR = 3_600_000


async def put_kept(lab: Lab, *ids: str, scope: Scope = "any") -> set[bytes]:
    """Enqueue tasks whose result is kept for an hour."""
    head = record_head("work", "normal", scope, is_periodic=False, keep=HOUR)
    arrivals = Arrivals()
    for id in ids:
        if scope == "any":
            arrivals.add_ready("n", id, new_record(head, b"{}"))
        else:
            arrivals.add_later(Later(id, new_record(head, b"{}"), "in", 0))
    return set((await lab.scripts.enqueue(arrivals)).existing)


async def reap(lab: Lab, by: Server) -> list[str]:
    """Let all other servers die, and have them reaped. Returns what that one is told."""
    await lab.outlive(by, by=LEASE + 2)
    told = notes_of(await by.tick())
    await lab.advance(1000)  # it had its time to come back
    return told + notes_of(await by.tick())


async def kept(lab: Lab, id: str) -> Any:
    what, text = await lab.scripts.outcome(id)
    assert what == "kept"
    return json.loads(text)


async def test_what_a_task_returned_is_kept_for_its_time(lab: Lab) -> None:
    await put_kept(lab, "t")
    server = await lab.server("a:1")
    assert await lab.scripts.outcome("t") == ("waiting", b"")
    assert await server.claim() == ["t"]
    await server.tick(0, others=[Other("d", "t", 1, 0, '"result":[1]')])
    assert await kept(lab, "t") == {
        "state": "completed", "name": "work", "finished_at": START, "result": [1],
    }  # fmt: skip
    (key,) = await lab.client.execute("KEYS", "*result:t")
    assert HOUR - 60_000 < await lab.client.execute("PTTL", key) <= HOUR
    assert await lab.ids() == []


async def test_the_others_leave_nothing(lab: Lab) -> None:
    await lab.put("t")
    server = await lab.server("a:1")
    await server.claim()
    await server.tick(0, others=[Other("d", "t", 1, 0, '"result":[1]')])
    assert await lab.scripts.outcome("t") == ("unknown", b"")
    assert await lab.client.execute("KEYS", "*result:*") == []


async def test_a_failed_one_is_kept_with_its_error(lab: Lab) -> None:
    await put_kept(lab, "t", "u")
    await lab.put("plain")
    server = await lab.server("a:1")
    await server.claim()
    error = '{"type":"E","message":"%d: no"}'
    await server.tick(0, others=[Other("f", id, 1, 0, error) for id in ("t", "plain")])
    told = (await kept(lab, "t"))["error"]
    assert (told["type"], told["message"]) == ("E", "%d: no")
    what, said = await lab.scripts.outcome("plain")
    assert (what, json.loads(said)) == ("failed", told)
    assert await lab.state("t") == "failed"
    assert await lab.scripts.retry("t") == "retried"
    assert await lab.scripts.outcome("t") == ("waiting", b"")


async def test_an_id_that_completed_is_not_queued_again_while_its_result_is_kept(lab: Lab) -> None:
    await put_kept(lab, "t")
    server = await lab.server("a:1")
    await server.claim()
    await server.tick(0, others=[Other("d", "t", 1, 0, '"result":1')])
    assert await put_kept(lab, "t", "u") == {b"t"}
    assert await lab.pending() == ["u"]


async def test_an_id_that_was_cancelled_may_come_again(lab: Lab) -> None:
    await put_kept(lab, "t")
    assert await lab.scripts.cancel("t") == "cancelled"
    assert (await kept(lab, "t"))["state"] == "cancelled"
    assert await put_kept(lab, "t") == set()
    assert await lab.scripts.outcome("t") == ("waiting", b"")


async def test_a_fan_out_keeps_its_account(lab: Lab) -> None:
    one, two = await lab.server("a:1"), await lab.server("b:1")
    await put_kept(lab, "p", scope="all")
    assert ids_of(await one.tick()) == ["p@a:1"]
    assert ids_of(await two.tick()) == ["p@b:1"]
    await one.tick(0, others=[Other("d", "p@a:1", 1, 0, '"result":"a"')])
    assert await lab.scripts.outcome("p") == ("waiting", b"")
    await two.tick(0, others=[Other("f", "p@b:1", 1, 0, "{}")])
    told = (await kept(lab, "p"))["result"]
    assert told == {"expected": 2, "done": 1, "failed": 1, "absent": 0}
    assert (await kept(lab, "p@a:1"))["result"] == "a"


# orders to cancel


async def test_a_server_is_told_what_to_cancel_until_it_has(lab: Lab) -> None:
    await lab.put("t", "u")
    server = await lab.server("a:1")
    await server.claim()
    assert await lab.scripts.cancel("t") == "cancelling"
    before = await lab.dump()
    assert await lab.scripts.cancel("t") == "cancelling"
    assert await lab.dump() == before
    for _ in range(2):
        assert notes_of(await server.tick()) == ["cancel t 1"]
    assert notes_of(await server.tick(0, others=[Other("c", "t", 1)])) == []
    assert await lab.state("t") == "unknown"
    assert await lab.client.execute("KEYS", "*orders*") == []


async def test_an_order_that_came_too_late_is_forgotten(lab: Lab) -> None:
    await lab.put("t")
    server = await lab.server("a:1")
    await server.claim()
    await lab.scripts.cancel("t")
    assert notes_of(await server.finish("t", token=1)) == []
    assert await lab.client.execute("KEYS", "*orders*") == []


async def test_one_that_is_to_be_cancelled_does_not_run_again(lab: Lab) -> None:
    """Not after an error, not when it is given back, not when its server dies."""
    await put_kept(lab, "raised", "given", "lapsed", "unknown")
    server = await lab.server("a:1")
    await server.claim()
    for id in ("raised", "given", "lapsed", "unknown"):
        await lab.scripts.cancel(id)
    told = await server.tick(0, others=[Other("r", "raised", 1, 5, "{}"), Other("b", "given", 1)])
    assert notes_of(told)[:2] == ["cancelled raised", "cancelled given"]
    await lab.scripts.reconcile("a:1", 99, {b"lapsed": "1"})
    other = await lab.server("b:1")
    assert "cancelled lapsed" in await reap(lab, other)
    for id in ("raised", "given", "lapsed", "unknown"):
        assert (await kept(lab, id))["state"] == "cancelled"
    assert await lab.ids() == []
    assert await lab.client.execute("KEYS", "*orders*") == []


async def test_an_order_does_not_reach_another_claim(lab: Lab) -> None:
    await lab.put("t")
    one = await lab.server("a:1")
    await one.claim()
    await lab.scripts.cancel("t")
    await one.tick(0, others=[Other("f", "t", 1, 0, "{}")])  # it failed before it was told
    await lab.scripts.retry("t")
    assert await one.claim() == ["t"]
    assert notes_of(await one.tick()) == []


async def test_a_fan_out_is_cancelled_copy_by_copy(lab: Lab) -> None:
    servers = [await lab.server(f"{name}:1") for name in "abcd"]
    await put_kept(lab, "p", scope="all")
    for server in servers[:3]:
        assert await server.claim() == [f"p@{server.id}"]
    await servers[0].tick(0, others=[Other("d", "p@a:1", 1)])
    await servers[1].tick(0, others=[Other("r", "p@b:1", 1, HOUR, "{}")])
    assert await lab.scripts.cancel("p") == "cancelling"
    assert notes_of(await servers[2].tick()) == ["cancel p@c:1 1"]
    await servers[2].tick(0, others=[Other("c", "p@c:1", 1)])
    told = (await kept(lab, "p"))["result"]
    assert told == {"expected": 4, "done": 1, "failed": 0, "absent": 3}
    assert await lab.ids() == []
    assert await lab.scripts.cancel("p") == "unknown"


# progress


async def test_progress_is_told_by_the_claim_alone(lab: Lab) -> None:
    await lab.put("t")
    one = await lab.server("a:1")
    await one.claim()
    text = b'{"fraction":0.5,"note":"x"}'
    assert await lab.scripts.progress("a:1", {b"t": ("1", text)}) == 1
    before = await lab.dump()
    assert await lab.scripts.progress("a:1", {b"t": ("1", text)}) == 1
    assert await lab.scripts.progress("a:1", {b"t": ("2", text)}) == 0
    assert await lab.scripts.progress("b:1", {b"t": ("1", text)}) == 0
    assert await lab.dump() == before
    shown = await lab.scripts.show("t")
    assert shown is not None
    assert json.loads(shown.progress) == {"at": START, "fraction": 0.5, "note": "x"}


async def test_progress_ends_with_the_claim(lab: Lab) -> None:
    text = b'{"fraction":0.5,"note":"x"}'
    ids = ("done", "retried", "failed", "given", "lapsed")
    await lab.put(*ids)
    server = await lab.server("a:1")
    assert len(await server.claim()) == len(ids)
    assert await lab.scripts.progress("a:1", {id.encode(): ("1", text) for id in ids}) == len(ids)
    await server.tick(0, others=[
        Other("d", "done", 1), Other("r", "retried", 1, HOUR, "{}"),
        Other("f", "failed", 1, 0, "{}"), Other("b", "given", 1),
    ])  # fmt: skip
    other = await lab.server("b:1")
    await reap(lab, other)
    assert await lab.client.execute("KEYS", "*progress*") == []
