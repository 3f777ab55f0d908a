"""Unique tasks: which one stands, and for how long."""

import pytest

from actionhero.tasks.unique import UniqueMode, UniqueRule
from tests.tasks.lab import Lab, Other, ids_of

MODES: tuple[UniqueMode, ...] = ("drop", "replace", "debounce")


async def params_of(lab: Lab, id: str) -> bytes:
    shown = await lab.scripts.show(id)
    assert shown is not None
    return shown.record.partition(b'"params":')[2][:-1]


async def keys(lab: Lab) -> dict[str, str]:
    key = lab.keys.for_scripts[0].removesuffix("data") + "unique"
    found = await lab.client.execute("HGETALL", key)
    return {key.decode(): id.decode() for key, id in found.items()}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("delay", [None, 500])
async def test_one_stands_for_a_key(lab: Lab, mode: UniqueMode, delay: int | None) -> None:
    assert await lab.put_unique("1", "k", mode, params=b"[1]", delay=delay) == "1"
    assert await lab.put_unique("2", "k", mode, params=b"[2]", delay=delay) == "1"
    assert await lab.put_unique("3", "other", mode) == "3"
    assert sorted(await lab.ids()) == ["1", "3"]
    assert await params_of(lab, "1") == (b"[1]" if mode == "drop" else b"[2]")


async def test_a_replaced_one_keeps_its_place_and_its_time(lab: Lab) -> None:
    await lab.put_unique("1", "k", "replace")
    await lab.put("x")
    before = await lab.scripts.show("1")
    await lab.advance(50)
    await lab.put_unique("2", "k", "replace", params=b"[2]")
    after = await lab.scripts.show("1")
    assert before is not None
    assert after is not None
    assert before.record[:17] == after.record[:17]
    assert await lab.pending() == ["1", "x"]
    await lab.put_unique("3", "later", "replace", delay=100)
    await lab.put_unique("4", "later", "replace", delay=900)
    await lab.advance(100)
    assert await (await lab.server("a:1")).claim() == ["1", "x", "3"]


async def test_a_debounced_one_waits_anew_until_its_time_came(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put_unique("1", "k", "debounce", delay=100, params=b"[1]")
    await lab.advance(99)
    await lab.put_unique("2", "k", "debounce", delay=100, params=b"[2]")
    await lab.advance(99)
    assert await server.claim() == []
    await lab.advance(1)
    await server.tick(0)  # its time has come, but there is no room
    await lab.put_unique("3", "k", "debounce", delay=100, params=b"[3]")
    reply = await server.tick()
    assert ids_of(reply) == ["1"]
    assert reply.records[0].endswith(b'"params":[3]}')


@pytest.mark.parametrize("mode", MODES)
async def test_while_one_runs(lab: Lab, mode: UniqueMode) -> None:
    server = await lab.server("a:1")
    await lab.put_unique("1", "k", mode)
    await server.claim()
    stands = "1" if mode == "drop" else "2"
    assert await lab.put_unique("2", "k", mode) == stands
    assert await lab.put_unique("3", "k", mode) == stands
    await server.tick(0, others=[Other("d", "1", 1)])
    assert await keys(lab) == ({} if mode == "drop" else {"k": "2"})


@pytest.mark.parametrize("what", ["d", "f", "x", "c"])
async def test_an_ended_one_stands_no_more(lab: Lab, what: str) -> None:
    server = await lab.server("a:1")
    await lab.put_unique("1", "k", "drop")
    await server.claim()
    await server.tick(0, others=[Other(what, "1", 1, 0, "{}")])
    assert await keys(lab) == {}
    assert await lab.put_unique("2", "k", "drop") == "2"


async def test_one_that_was_cancelled_stands_no_more(lab: Lab) -> None:
    await lab.put_unique("1", "k", "drop", delay=100)
    assert await lab.scripts.cancel("1") == "cancelled"
    assert await keys(lab) == {}


@pytest.mark.parametrize("what", ["r", "b"])
async def test_one_that_runs_again_stands_meanwhile(lab: Lab, what: str) -> None:
    server = await lab.server("a:1")
    await lab.put_unique("1", "k", "replace")
    await server.claim()
    await server.tick(0, others=[Other(what, "1", 1, 100, "{}")])
    assert await lab.put_unique("2", "k", "replace", params=b"[2]") == "1"
    assert await params_of(lab, "1") == b"[2]"


async def test_the_same_id_again_changes_nothing(lab: Lab) -> None:
    for mode in MODES:
        assert await lab.put_unique("1", "k", mode, params=b"[1]") == "1"
    assert await lab.ids() == ["1"]
    assert await params_of(lab, "1") == b"[1]"
    assert await lab.put_unique("1", "another", "drop") == "1"
    assert await keys(lab) == {"k": "1"}


async def test_a_dead_letter_is_not_retried_beside_its_successor(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put_unique("1", "k", "drop")
    await server.claim()
    await server.tick(0, others=[Other("f", "1", 1, 0, "{}")])
    await lab.put_unique("2", "k", "drop")
    assert await lab.scripts.retry("1") == "succeeded"
    assert await lab.scripts.cancel("2") == "cancelled"
    assert await lab.scripts.retry("1") == "retried"
    assert await keys(lab) == {"k": "1"}


async def test_a_full_queue_has_room_for_new_parameters_alone(lab: Lab) -> None:
    await lab.put_unique("1", "k", "replace", most=1)
    assert await lab.put_unique("2", "k", "replace", most=1, params=b"[2]") == "1"
    assert await lab.put_unique("3", "other", "replace", most=1) == ""
    assert await keys(lab) == {"k": "1"}
    assert await params_of(lab, "1") == b"[2]"


async def test_a_parameter_may_look_like_a_key(lab: Lab) -> None:
    server = await lab.server("a:1")
    await lab.put_unique("1", "k", "drop", params=b'{"unique":"other","name":"x"}')
    await server.claim()
    await server.tick(0, others=[Other("d", "1", 1)])
    assert await keys(lab) == {}


def test_a_key_is_of_the_parameters_that_count() -> None:
    every, some = UniqueRule("mail", "drop"), UniqueRule("mail", "drop", ("to",))
    assert every.key(b'{"to":1,"at":2}') == every.key(b'{"at":2,"to":1}')
    assert every.key(b'{"to":1,"at":2}') != every.key(b'{"to":1,"at":3}')
    assert some.key(b'{"to":1,"at":2}') == some.key(b'{"to":1,"at":3}')
    assert some.key(b'{"to":1}') != UniqueRule("other", "drop", ("to",)).key(b'{"to":1}')
    assert every.key(b"{}").startswith("mail:")
