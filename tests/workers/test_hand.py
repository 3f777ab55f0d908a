"""Claims in hand: waiting, running, ended."""

import asyncio
import contextlib
from collections.abc import Callable

from actionhero.deadlines import Deadlines
from actionhero.store.task_scripts import TickReply
from actionhero.tasks.outcomes import (
    CANCELLED,
    DONE,
    GIVEN_BACK,
    Failed,
    Outcome,
    Parked,
)
from actionhero.tasks.task import TaskDefinition
from actionhero.workers.claims import Claim
from actionhero.workers.executor import Executor
from actionhero.workers.hand import Hand
from actionhero.workers.slots import Slots
from tests.workers.house import Counts


class Gated:
    """An executor whose runs end when the test says so, and how."""

    def __init__(self) -> None:
        self.running: dict[bytes, asyncio.Future[Outcome]] = {}

    async def execute(self, claim: Claim) -> Outcome:
        self.running[claim.id] = asyncio.get_running_loop().create_future()
        return await self.running[claim.id]


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def reply(*ids: bytes) -> TickReply:
    return TickReply("ok", ids=ids, records=[b"1no-1800000000000{}"] * len(ids))


def hand_of(slots: Slots, finished: Callable[[], None] = lambda: None) -> tuple[Hand, Gated]:
    gated = Gated()
    return Hand(slots, gated, finished), gated  # type: ignore[arg-type]


async def test_starts_as_many_as_have_a_slot_and_the_next_when_one_ends() -> None:
    slots = Slots(2)
    hand, gated = hand_of(slots)
    hand.receive(reply(b"a", b"b", b"c"), "1", slots.take(2))
    await turn()
    assert list(gated.running) == [b"a", b"b"]
    gated.running[b"a"].set_result(DONE)
    await turn()
    assert list(gated.running) == [b"a", b"b", b"c"]
    assert set(hand.held) == {b"a", b"b", b"c"}
    settled = hand.take_settlements()
    assert [claim.id for claim in settled.claims()] == [b"a"]
    hand.forget(settled.claims())
    assert set(hand.held) == {b"b", b"c"}
    for future in gated.running.values():
        future.cancel()
    await turn()


async def test_slots_that_nothing_was_claimed_for_come_back() -> None:
    slots = Slots(5)
    hand, gated = hand_of(slots)
    hand.receive(reply(b"a"), "1", slots.take(5))
    assert slots.free == 4
    await turn()
    gated.running[b"a"].set_result(DONE)
    await turn()
    assert slots.free == 5


async def test_a_lane_that_waits_gets_the_slot_before_our_backlog() -> None:
    slots, told = Slots(1), list[int]()
    hand, gated = hand_of(slots)
    hand.receive(reply(b"a", b"b"), "1", slots.take(1))
    slots.wait(lambda: told.append(slots.take(1)))
    await turn()
    gated.running[b"a"].set_result(DONE)
    await turn()
    assert told == [1]
    assert list(gated.running) == [b"a"]
    slots.give()
    hand.start_if_waiting()
    await turn()
    assert list(gated.running) == [b"a", b"b"]
    gated.running[b"b"].set_result(DONE)
    await turn()


async def test_the_backlog_is_given_back_newest_first() -> None:
    hand, _ = hand_of(Slots(0))
    hand.receive(reply(b"a", b"b"), "1", 0)
    hand.give_back_backlog()
    assert [claim.id for claim, _ in hand.take_settlements().others] == [b"b", b"a"]


async def test_what_is_interrupted_is_given_back_but_not_from_a_thread() -> None:
    slots = Slots(2)
    hand, _ = hand_of(slots)
    hand.receive(reply(b"a", b"b"), "1", slots.take(2))
    await turn()
    hand.held[b"b"].is_in_thread = True
    hand.interrupt()
    await turn()
    settled = hand.take_settlements()
    assert [(claim.id, outcome) for claim, outcome in settled.others] == [(b"a", GIVEN_BACK)]
    assert set(hand.held) == {b"a", b"b"}
    assert slots.free == 2


async def test_what_is_dropped_counts_for_nothing() -> None:
    slots = Slots(1)
    hand, _ = hand_of(slots)
    hand.receive(reply(b"a", b"b"), "1", slots.take(1))
    await turn()
    hand.drop([b"a", b"b", b"unheard-of"])
    await turn()
    assert not hand.held
    assert not hand.backlog
    assert not hand.take_settlements().is_any
    assert slots.free == 1


async def test_what_is_cancelled_ends_so_wherever_it_is() -> None:
    slots, ended = Slots(1), list[int]()
    hand, gated = hand_of(slots, lambda: ended.append(1))
    hand.receive(reply(b"runs", b"waits", b"stays"), "1", slots.take(1))
    await turn()
    for id in (b"runs", b"waits", b"waits", b"unheard-of"):
        hand.cancel(id, "1")
    hand.cancel(b"stays", "7")  # another claim was meant
    await turn()
    settled = hand.take_settlements().others
    assert [(claim.id, outcome) for claim, outcome in settled] == [
        (b"waits", CANCELLED),
        (b"runs", CANCELLED),
    ]
    assert len(ended) == 2
    gated.running[b"stays"].set_result(DONE)
    await turn()
    hand.cancel(b"stays", "1")  # too late: it waits to be settled
    assert [claim.id for claim in hand.take_settlements().plain] == [b"stays"]


async def test_what_ends_all_the_same_when_it_is_cancelled_has_ended() -> None:
    class Stubborn(Gated):
        async def execute(self, claim: Claim) -> Outcome:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
            return DONE if claim.id == b"done" else Failed(b"{}")

    slots = Slots(2)
    hand = Hand(slots, Stubborn(), lambda: None)  # type: ignore[arg-type]
    hand.receive(reply(b"done", b"failed"), "1", slots.take(2))
    await turn()
    for id in (b"done", b"failed"):
        hand.cancel(id, "1")
    await turn()
    settled = hand.take_settlements()
    assert [claim.id for claim in settled.plain] == [b"done"]
    assert [outcome for _, outcome in settled.others] == [CANCELLED]


async def test_an_error_of_our_own_parks_the_task() -> None:
    slots = Slots(1)
    hand, gated = hand_of(slots)
    hand.receive(reply(b"a"), "1", slots.take(1))
    await turn()
    gated.running[b"a"].set_exception(RuntimeError("a bug"))
    await turn()
    ((_, outcome),) = hand.take_settlements().others
    assert isinstance(outcome, Parked)
    assert slots.free == 1


async def test_runs_real_tasks() -> None:
    seen: list[int] = []

    async def one(n: int) -> None:
        seen.append(n)

    executor = Executor(
        [TaskDefinition(one)], lambda kind: kind, Deadlines(asyncio.get_running_loop()), 1, Counts()
    )
    slots = Slots(1)
    hand = Hand(slots, executor, lambda: None)
    record = b'1no-1800000000000{"name":"one","params":{"n":5}}'
    hand.receive(TickReply("ok", ids=[b"a"], records=[record]), "1", slots.take(1))
    await turn()
    assert seen == [5]
    assert hand.take_settlements().plain[0].id == b"a"
    await executor.aclose()


async def test_what_waited_while_the_process_stood_still_is_not_started() -> None:
    slots = Slots(1)
    hand, gated = hand_of(slots)
    hand.receive(reply(b"a", b"b"), "1", slots.take(1))
    await turn()
    hand.last_start -= 5.0
    gated.running[b"a"].set_result(DONE)
    await turn()
    hand.start_if_waiting()
    await turn()
    assert list(gated.running) == [b"a"]
    assert [claim.id for claim in hand.backlog] == [b"b"]
    assert slots.free == 1


async def test_a_run_that_is_stopped_before_its_first_step_ends_too() -> None:
    slots = Slots(3)
    hand, gated = hand_of(slots)
    hand.receive(reply(b"a", b"b", b"c"), "1", slots.take(3))
    hand.cancel(b"a", "1")
    hand.drop([b"b"])
    hand.interrupt()
    await turn()
    assert gated.running == {}
    ended = [(claim.id, outcome) for claim, outcome in hand.take_settlements().others]
    assert ended == [(b"a", CANCELLED), (b"c", GIVEN_BACK)]
    assert slots.free == 3
    assert not hand.is_busy
