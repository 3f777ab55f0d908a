"""The invariants, with people who purge and retry dead letters among all that else may happen."""

from typing import Literal

from hypothesis import strategies as st
from hypothesis.stateful import rule

from actionhero.store.inspection_scripts import Chosen, Look
from tests.tasks.machine import TaskScripts, play

Action = Literal["retry", "purge"]


class WithDeadLetters(TaskScripts):
    """The machine. What is purged has ended as if it were cancelled."""

    def __init__(self) -> None:
        super().__init__()
        self.looks: list[Look] = []

    @rule(data=st.data())
    def purge_one(self, data: st.DataObject) -> None:
        if ids := sorted(self.run(self.lab.ids())):
            id = data.draw(st.sampled_from(ids))
            was = self.run(self.lab.state(id))
            told = self.run(self.lab.scripts.purge(id))
            assert (told == "purged") == (was == "failed")
            self._count_gone({id} if told == "purged" else set())

    @rule(
        is_back=st.booleans(),
        scan=st.integers(1, 4),
        name=st.sampled_from(["", "work", "sweep", "nobody"]),
    )
    def look(self, is_back: bool, scan: int, name: str) -> None:
        chosen = Chosen(name=name, latest=self.lab.now)
        found = self.run(
            self.lab.scripts.look("failed", 3, None, chosen, is_back=is_back, scan=scan)
        )
        assert found.looked <= scan
        self.looks.append(found)

    @rule(action=st.sampled_from(["retry", "purge"]), data=st.data())
    def sweep(self, action: Action, data: st.DataObject) -> None:
        """With what was seen now, or long ago; and again, as after a lost reply."""
        if not self.looks:
            return
        look = data.draw(st.sampled_from(self.looks[-5:]))
        before = self._ids()
        done = self.run(self.lab.scripts.sweep(action, look.found))
        gone = before - self._ids()
        assert len(gone) == (done if action == "purge" else 0)
        assert gone <= {one.id for one in look.found}
        self._count_gone(gone)
        dump = self.run(self.lab.dump())
        assert self.run(self.lab.scripts.sweep(action, look.found)) == 0
        assert self.run(self.lab.dump()) == dump

    def _ids(self) -> set[str]:
        return set(self.run(self.lab.ids()))

    def _count_gone(self, gone: set[str]) -> None:
        self.ended["cancelled"] += sum(id.startswith("t") for id in gone)


def test_the_invariants_hold_with_dead_letters() -> None:
    play(WithDeadLetters, 15)
