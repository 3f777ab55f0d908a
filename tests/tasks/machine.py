"""The machine of `test_invariants`: servers that Hypothesis plays, and how they are judged.

They enqueue, tick, settle, crash, sleep, lose replies, leave and come back, while time passes as it
likes. After every step the store is read as a whole and judged.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Coroutine
from typing import Any, ClassVar, TypeVar

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from actionhero.store.client import StoreClient
from actionhero.store.embedded import open_store
from actionhero.store.keys import Keys
from actionhero.store.task_scripts import TickReply
from actionhero.tasks.record import Priority
from tests.tasks.lab import LEASE, Lab, Other, Server, periodic

T = TypeVar("T")
EVERY = 4_000
TYPES = (periodic("sweep", EVERY), periodic("purge", EVERY, scope="all"))
NAMES = ("a", "b", "c")
PRIORITIES: tuple[Priority, ...] = ("high", "normal", "low")
ENDINGS = ("done", "retry", "fail", "back")
COUNTED = ("t", "l", "u")
"""How the ids of tasks begin that are accounted for: plain, limited, unique ones."""
PLACES = ("high", "normal", "low", "delayed", "failed", "broadcast")

_numbers = itertools.count(1)


def next_id(kind: str) -> str:
    """An id that no other task has."""
    return f"{kind}{next(_numbers)}"


class Played:
    """A server and what it believes to hold: id → token."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.held: dict[str, int] = {}
        self.unheard: TickReply | None = None


class TaskScripts(RuleBasedStateMachine):
    """The machine. The client belongs to the runner's loop."""

    runner: ClassVar[asyncio.Runner]
    client: ClassVar[StoreClient]

    def __init__(self) -> None:
        super().__init__()
        self.run(flush(self.client))
        self.lab = self.run(Lab.open(self.client, Keys("inv")))
        self.servers: dict[str, Played] = {}
        self.holder: dict[str, tuple[str, int]] = {}
        self.due: dict[str, int] = {}
        self.ended: Counter[str] = Counter()
        self.completed: set[str] = set()
        self.ordered: set[str] = set()
        """Those that ran when they were cancelled, so that their server was told."""
        self.enqueued = 0
        self.leases: dict[str, float] = {}
        self.gone: list[Played] = []
        self.randoms: Counter[str] = Counter()

    def run(self, what: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(what)

    # what happens

    @initialize()
    def open(self) -> None:
        """Two servers, and some work."""
        for name in NAMES[:2]:
            self.boot(name)
        for delay in (None, None, EVERY):
            self.enqueue(delay, "normal")

    @rule(
        delay=st.none() | st.integers(0, 20_000),
        priority=st.sampled_from(["high", "normal", "low"]),
    )
    def enqueue(self, delay: int | None, priority: Any) -> None:
        id = next_id("t")
        self.run(self.lab.put(id, delay=delay, priority=priority))
        self.due[id] = self.lab.now + (delay or 0)
        self.enqueued += 1

    @rule()
    def enqueue_on_all(self) -> None:
        self.run(self.lab.put(next_id("p"), scope="all"))

    @rule(data=st.data(), delay=st.none() | st.integers(0, 20_000))
    def enqueue_again(self, data: st.DataObject, delay: int | None) -> None:
        if ids := sorted(self.run(self.lab.ids())):
            id = data.draw(st.sampled_from(ids))
            assert self.run(self.lab.put(id, delay=delay)) == {id.encode()}

    @rule(name=st.sampled_from(NAMES))
    def boot(self, name: str) -> None:
        self.randoms[name] += 1
        id = f"{name}:{self.randoms[name]}"
        self.servers[id] = Played(self.run(self.lab.server(id, *TYPES)))

    @precondition(lambda self: self.servers)
    @rule(data=st.data(), want=st.integers(0, 4), is_heard=st.booleans())
    def tick(self, data: st.DataObject, want: int, is_heard: bool) -> None:
        played = self._pick(data)
        held = sorted(played.held)
        chosen = data.draw(st.lists(st.sampled_from(held), unique=True)) if held else []
        endings = {id: data.draw(st.sampled_from(ENDINGS)) for id in chosen}
        self._tick(played, want, endings, is_heard=is_heard)

    @precondition(lambda self: any(one.unheard for one in self.servers.values()))
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        deaf = sorted(id for id, one in self.servers.items() if one.unheard)
        played = self.servers[data.draw(st.sampled_from(deaf))]
        reply = self.run(played.server.again())
        self._hear(played, reply)
        played.unheard = None

    @rule(milliseconds=st.sampled_from([1, 500, 2_000, LEASE // 2, LEASE]) | st.integers(1, 40_000))
    def pass_time(self, milliseconds: int) -> None:
        self.run(self.lab.advance(milliseconds))

    @precondition(lambda self: self.servers)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        self._renew(self._pick(data))

    @precondition(lambda self: self.servers)
    @rule()
    def renew_all(self) -> None:
        for played in list(self.servers.values()):
            self._renew(played)

    @precondition(lambda self: any(one.server.id not in self.leases for one in self.gone))
    @rule(data=st.data())
    def come_back_with_stale_beliefs(self, data: st.DataObject) -> None:
        """One whose lease was lost registers under its id again, and settles its old claims."""
        gone = [one for one in self.gone if one.server.id not in self.leases]
        played = gone[data.draw(st.integers(0, len(gone) - 1))]
        self.gone.remove(played)
        self.run(self.lab.scripts.register(played.server.id, LEASE, TYPES))
        self.servers[played.server.id] = played

    @precondition(lambda self: self.servers)
    @rule(data=st.data())
    def outlive_the_others(self, data: st.DataObject) -> None:
        """Only one server renews for the length of a lease, and then looks around."""
        played = self._pick(data)
        for _ in range(2):
            if played.server.id in self.servers:
                self._renew(played)
                self.run(self.lab.advance(LEASE // 2))
                self.leases = self.run(places_of(self.lab))[1]
        if played.server.id in self.servers:
            self._renew(played)
            self._tick(played, 4, {}, is_heard=True)

    @precondition(lambda self: self.servers)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        del self.servers[self._pick(data).server.id]

    @precondition(lambda self: self.servers)
    @rule(data=st.data())
    def leave(self, data: st.DataObject) -> None:
        played = self._pick(data)
        if played.unheard is not None:
            return
        reply = self.run(tick_with(played, 0, dict.fromkeys(played.held, "back")))
        self._judge_settled(played, dict.fromkeys(played.held, "back"), reply)
        assert self.run(self.lab.scripts.leave(played.server.id)) == 0
        self.servers.pop(played.server.id, None)

    @precondition(lambda self: self.servers)
    @rule(data=st.data())
    def leave_in_a_hurry(self, data: st.DataObject) -> None:
        """Without giving back: what it holds waits for the end of its lease."""
        played = self._pick(data)
        self.run(self.lab.scripts.leave(played.server.id))
        del self.servers[played.server.id]

    @precondition(lambda self: self.servers)
    @rule(data=st.data())
    def reconcile(self, data: st.DataObject) -> None:
        played = self._pick(data)
        if played.unheard is not None:
            return
        known = {id.encode(): str(token) for id, token in played.held.items()}
        if played.server.id not in self.leases:
            return
        lost = {id.decode() for id in self.run(played.server.reconcile(known))}
        for id in list(played.held):
            is_ours = self.holder.get(id) == (played.server.id, played.held[id])
            assert (id in lost) != is_ours
            if id in lost:
                del played.held[id]

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self._act_on_any(data, "cancel")

    @rule(data=st.data())
    def retry(self, data: st.DataObject) -> None:
        self._act_on_any(data, "retry")

    # what must hold

    @invariant()
    def every_record_is_in_one_place_and_every_id_has_a_record(self) -> None:
        found, self.leases = self.run(places_of(self.lab))
        records = found.pop("data")
        counted = Counter(id for ids in found.values() for id in ids)
        assert dict(counted) == dict.fromkeys(records, 1), found

    @invariant()
    def every_periodic_type_is_planned_or_under_way(self) -> None:
        dump = self.run(self.lab.dump())
        of: dict[str, Any] = {key.partition("}:")[2]: value for key, value in dump.items()}
        planned = {name for name, _ in of.get("schedule", [])}
        under_way = of.get("occurrence", {})
        for name in of.get("periodic", {}):
            assert (name in planned) != (under_way.get(name) in of.get("data", {})), name

    @invariant()
    def what_was_enqueued_is_still_there_or_has_ended(self) -> None:
        ids = set(self.run(self.lab.ids()))
        live = sum(id.startswith(COUNTED) for id in ids)
        cancelled = sum(id.startswith(COUNTED) for id in self.ordered - ids - self.completed)
        assert self.enqueued == live + self.ended["done"] + self.ended["cancelled"] + cancelled

    def teardown(self) -> None:
        """Whatever happened: one server that stays alive brings everything to its end."""
        self.run(self.lab.advance(LEASE))
        last = Played(self.run(self.lab.server("last:1", *TYPES)))
        for _ in range(400):
            self.run(self.lab.outlive(last.server, by=2_000))
            self._tick(last, 50, dict.fromkeys(last.held, "done"), is_heard=True)
            found, leases = self.run(places_of(self.lab))
            left = {id for id in found["data"] if "#" not in id} - set(found["failed"])
            if set(leases) == {"last:1"} and not left:
                break
        assert set(leases) == {"last:1"}
        assert not left, left
        self.every_record_is_in_one_place_and_every_id_has_a_record()

    # how it is judged

    def _tick(self, played: Played, want: int, endings: dict[str, str], *, is_heard: bool) -> None:
        if played.unheard is not None:
            return
        reply = self.run(tick_with(played, want, endings))
        self._judge_settled(played, endings, reply)
        for note in reply.notes:
            what, _, rest = note.decode().partition(" ")
            if what in {"lapsed", "poisoned", "cancelled"}:
                self._judge_lapse(rest.partition(" ")[0])
        self._judge_claims(played, reply)
        self._judge_replay(played, reply)
        if is_heard:
            self._hear(played, reply)
        else:
            played.unheard = reply

    def _pick(self, data: st.DataObject) -> Played:
        return self.servers[data.draw(st.sampled_from(sorted(self.servers)))]

    def _judge_lapse(self, id: str) -> None:
        """It is taken from whoever has it."""
        if id in self.holder:
            holder, _ = self.holder.pop(id)
            assert self._is_over(holder), f"{id} was taken from {holder}"

    def _judge_claims(self, played: Played, reply: TickReply) -> None:
        for id in (id.decode() for id in reply.ids):
            assert id not in self.completed, f"{id} runs again though it is done"
            assert id not in self.ordered, f"{id} runs again though it was cancelled"
            assert self.lab.now >= self.due.get(id, 0), f"{id} is early"
            assert id not in self.holder, f"{id} runs at {self.holder[id]}"
            if "@" in id:
                name = id.rpartition("@")[2].partition(":")[0]
                assert played.server.id.startswith(f"{name}:"), f"{id} ran on {played.server.id}"
            self.holder[id] = (played.server.id, played.server.number)

    def _judge_settled(self, played: Played, endings: dict[str, str], reply: TickReply) -> None:
        if reply.status == "lost":
            self._lose(played)
            return
        refused = {id.decode() for id in reply.refused}
        for id, ending in endings.items():
            is_ours = self.holder.get(id) == (played.server.id, played.held.pop(id))
            if id in refused:
                assert not is_ours, f"{id} was refused to {played.server.id}, who has it"
            else:
                assert is_ours, f"{id} was settled by {played.server.id}, who has it not"
                del self.holder[id]
                if ending == "fail":
                    self.ordered.discard(id)
                if ending == "done":
                    self.completed.add(id)
                    self.ended["done"] += id.startswith(COUNTED)

    def _judge_replay(self, played: Played, reply: TickReply) -> None:
        before = self.run(self.lab.dump())
        again = self.run(played.server.again())
        assert self.run(self.lab.dump()) == before
        assert sorted(again.ids) == sorted(reply.ids)
        assert sorted(again.refused) == sorted(reply.refused)

    def _hear(self, played: Played, reply: TickReply) -> None:
        if reply.status == "lost":
            self._lose(played)
            return
        for id in reply.ids:
            played.held[id.decode()] = played.server.number

    def _renew(self, played: Played) -> None:
        is_known = played.server.id in self.leases
        assert self.run(played.server.renew()) == is_known
        if not is_known:
            self._lose(played)

    def _lose(self, played: Played) -> None:
        played.unheard = None
        if self.servers.pop(played.server.id, None):
            self.gone.append(played)

    def _act_on_any(self, data: st.DataObject, action: str) -> None:
        ids = self.run(self.lab.ids())
        if not ids:
            return
        id = data.draw(st.sampled_from(sorted(ids)))
        told = self.run(getattr(self.lab.scripts, action)(id))
        if told == "cancelling":
            self.ordered.add(id)
        if told == "cancelled":
            self.ordered.discard(id)
            assert id not in self.holder or self._is_over(self.holder[id][0])
            self.holder.pop(id, None)
            self.ended["cancelled"] += id.startswith(COUNTED)

    def _is_over(self, server: str) -> bool:
        """Whether its lease had run out when the last step began."""
        lease = self.leases.get(server)
        return lease is None or lease <= self.lab.now


async def flush(client: StoreClient) -> None:
    await client.execute("FLUSHALL")


async def tick_with(played: Played, want: int, endings: dict[str, str]) -> TickReply:
    plain = [(id, played.held[id]) for id, how in endings.items() if how == "done" and id[0] == "t"]
    others = []
    for id, how in endings.items():
        token = played.held[id]
        if how == "done" and id[0] != "t":
            others.append(Other("d", id, token))
        elif how == "retry":
            others.append(Other("r", id, token, 700, "{}"))
        elif how == "fail":
            others.append(Other("f", id, token, 0, "{}"))
        elif how == "back":
            others.append(Other("b", id, token))
    return await played.server.tick(want, done=plain, others=others)


async def places_of(lab: Lab) -> tuple[dict[str, list[str]], dict[str, float]]:
    """All ids by the key that has them, and the leases."""
    return sort_places(await lab.dump())


def sort_places(dump: dict[str, object]) -> tuple[dict[str, list[str]], dict[str, float]]:
    """The same, of all that the store has."""
    found: dict[str, list[str]] = {"data": []}
    leases: dict[str, float] = {}
    for key, value in dump.items():
        place = key.partition("}:")[2]
        members: Any = value
        if place == "servers":
            leases = {id.decode(): float(end) for id, end in members}
        elif place in {"data", "broadcast"} or place.startswith("processing:"):
            found[place] = [id.decode() for id in members if id]
        elif place in {"delayed", "failed"}:
            found[place] = [id.decode() for id, _ in members]
        elif place in PLACES or place.startswith(("local:", "waiting:")):
            found[place] = [id.decode() for id in members]
    found.setdefault("failed", [])
    return found, leases


def play(machine: type[TaskScripts], examples: int) -> None:
    """Play so many examples of the machine against a store of its own, the same ones every time."""
    with asyncio.Runner() as runner:
        client = runner.run(open_store("embedded::memory:"))
        machine.runner, machine.client = runner, client
        try:
            run_state_machine_as_test(
                machine,
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=30,
                    deadline=None,
                    derandomize=True,
                    database=None,
                    phases=(Phase.generate, Phase.shrink),
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(client.aclose())
