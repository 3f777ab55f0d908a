"""DESIGN's invariants, kept by the scripts through any order of events, on a real store."""

from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import (
    initialize,
    invariant,
    rule,
)

from actionhero.store.task_scripts import TickReply
from tests.tasks.lab import LEASE
from tests.tasks.machine import Played, TaskScripts, next_id, play, sort_places

Dump = dict[str, object]
DELAYS = st.sampled_from([None, None, 0, 300, 3_000])
COST, BURST = 1_000, 2
KEYS = ("drop", "replace", "debounce")
"""Each is the key of the unique tasks of the mode it names."""


TURNS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 300, COST, LEASE * 2 // 3]),
        st.integers(0, 2),
        st.integers(0, 4),
        st.sampled_from(["done", "done", "retry", "fail", "back"]),
    ),
    min_size=1,
    max_size=4,
)
"""How long after the last one, by which server, how many it wants, how what it has ends."""


class ControlledScripts(TaskScripts):
    """With limited types, unique tasks and pauses."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: dict[str, str] = {}
        self.most: float = 2
        self.charged: set[str] = set()
        """Limited ones whose start has been counted."""
        self.starts: list[int] = []
        self.is_paused = False

    # what happens

    @initialize()
    def open_limits(self) -> None:
        self._limit("2 0 1")

    @rule(data=st.data(), name=st.sampled_from(["narrow", "slow"]), count=st.integers(1, 4))
    def enqueue_limited(self, data: st.DataObject, name: str, count: int) -> None:
        delay = data.draw(DELAYS)
        for _ in range(count):
            id = next_id("l")
            self.kinds[id] = name
            self.run(self.lab.put(id, name=name, is_limited=True, delay=delay))
            self.due[id] = self.lab.now + (delay or 0)
            self.enqueued += 1
        self._work(data)

    @rule(data=st.data(), mode=st.sampled_from(KEYS), delay=DELAYS)
    def enqueue_unique(self, data: st.DataObject, mode: Any, delay: int | None) -> None:
        id = next_id("u")
        dump = self.run(self.lab.dump())
        found, standing = sort_places(dump)[0], self._read_hash(dump, "unique").get(mode)
        is_held = any(standing in ids for key, ids in found.items() if key.startswith("proc"))
        told = self.run(self.lab.put_unique(id, mode, mode, delay=delay, params=id.encode()))
        stays = standing is not None and (mode == "drop" or not is_held)
        assert told == (standing if stays else id)
        if not stays:
            self.enqueued += 1
            self.due[id] = self.lab.now + (delay or 0)
        elif mode == "debounce" and told in found.get("delayed", ()):
            self.due[told] = self.lab.now + (delay or 0)
        if mode != "drop":
            shown = self.run(self.lab.scripts.show(told))
            assert shown is not None
            assert shown.record.endswith(f'"params":{id}}}'.encode())
        self._work(data)

    @rule(data=st.data(), is_paused=st.sampled_from([True, True, False]))
    def pause(self, data: st.DataObject, is_paused: bool) -> None:
        self._pause(is_paused)
        self._work(data)

    @rule(data=st.data(), spec=st.sampled_from(["1 0 1", "2 0 1", "3 0 1", "3 0 1", ""]))
    def change_the_limit(self, data: st.DataObject, spec: str) -> None:
        """Those that may run already do so. One that is taken away is not counted any more."""
        self._limit(spec)
        self.most = max(self.most, float(spec[0] if spec else "inf"))
        self._work(data)

    @rule(data=st.data())
    def work(self, data: st.DataObject) -> None:
        self._work(data)

    def _pause(self, is_paused: bool) -> None:
        is_new = self.run(self.lab.scripts.pause(is_paused=is_paused))
        assert is_new == (is_paused != self.is_paused)
        self.is_paused = is_paused

    def _work(self, data: st.DataObject) -> None:
        """Some of the servers do what they do all day, each as it likes."""
        if not self.servers:
            self.boot("a")
        for milliseconds, index, want, ending in data.draw(TURNS):
            self.run(self.lab.advance(milliseconds))
            self.leases = sort_places(self.run(self.lab.dump()))[1]
            if self.servers:
                played = sorted(self.servers.items())[index % len(self.servers)][1]
                self._renew(played)
                self._tick(played, want, dict.fromkeys(played.held, ending), is_heard=True)
                self.the_controls_hold()

    def teardown(self) -> None:
        self._pause(False)
        super().teardown()
        dump = self.run(self.lab.dump())
        assert not [key for key in dump if "waiting:" in key]
        assert not self._read_hash(dump, "unique")

    # what must hold

    @invariant()
    def the_controls_hold(self) -> None:
        dump = self.run(self.lab.dump())
        self._check_limits(dump)
        self._check_starts()
        self._check_unique(dump)

    def _check_limits(self, dump: Dump) -> None:
        found = sort_places(dump)[0]
        bands = {id for band in ("high", "normal", "low") for id in found.get(band, ())}
        held = {id for key, ids in found.items() if key.startswith("processing:") for id in ids}
        openings = {name for name, _ in self._read(dump, "openings")}
        for name, spec in self._read_hash(dump, "limits").items():
            busy = {id.decode(): score for id, score in self._read(dump, f"busy:{name}")}
            running = {id for id in held if self.kinds.get(id) == name}
            assert set(busy) <= bands | held, "who may run does, or is next"
            assert {id for id, score in busy.items() if score < 0} <= bands
            if self.most < float("inf"):
                assert running <= set(busy)
            if name == "narrow":
                assert len(running) <= self.most
            if self._read(dump, f"waiting:{name}") and name.encode() not in openings:
                assert len(busy) >= int(spec.split()[0]) > 0, "nobody waits without a reason"

    def _check_starts(self) -> None:
        for first, start in enumerate(self.starts):
            for count, later in enumerate(self.starts[first:], 1):
                assert count <= BURST + (later - start) / COST + 1e-6, self.starts

    def _check_unique(self, dump: Dump) -> None:
        found = sort_places(dump)[0]
        standing = self._read_hash(dump, "unique")
        live = set(found["data"]) - set(found["failed"])
        assert set(standing.values()) <= live
        records = self._read_hash(dump, "data")
        of_drop = [id for id in live if '"unique":"drop"' in records[id]]
        assert of_drop == [standing[key] for key in ("drop",) if key in standing]

    # how it is judged

    def _judge_lapse(self, id: str) -> None:
        super()._judge_lapse(id)
        self.charged.discard(id)

    def _judge_claims(self, played: Played, reply: TickReply) -> None:
        ids = [id.decode() for id in reply.ids]
        assert not (self.is_paused and ids)
        super()._judge_claims(played, reply)
        for id in ids:
            if self.kinds.get(id) == "slow" and id not in self.charged:
                self.charged.add(id)
                self.starts.append(self.lab.now)

    def _judge_settled(self, played: Played, endings: dict[str, str], reply: TickReply) -> None:
        super()._judge_settled(played, endings, reply)
        refused = {id.decode() for id in reply.refused}
        for id, ending in endings.items():
            if ending != "back" and id not in refused and reply.status != "lost":
                self.charged.discard(id)

    def _limit(self, spec: str) -> None:
        limits = [("narrow", spec), ("slow", f"0 {COST} {BURST}")]
        self.run(self.lab.scripts.register("limiter:1", LEASE, [], limits=limits))
        self.run(self.lab.scripts.leave("limiter:1"))

    def _read(self, dump: Dump, key: str) -> list[Any]:
        value: Any = dump.get(self._prefix + key, [])
        return list(value)

    def _read_hash(self, dump: Dump, key: str) -> dict[str, str]:
        value: Any = dump.get(self._prefix + key, {})
        return {name.decode(): text.decode() for name, text in value.items()}

    @property
    def _prefix(self) -> str:
        return self.lab.keys.for_scripts[0].removesuffix("data")


@pytest.mark.parametrize(("machine", "examples"), [(TaskScripts, 12), (ControlledScripts, 20)])
def test_the_invariants_hold(machine: type[TaskScripts], examples: int) -> None:
    play(machine, examples)
