"""The judge of the torture finds what it is there to find, and nothing else."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.torture.checker import AFTERMATH, GROSSLY, Evidence, judge

Line = tuple[int, str]
WELL: list[Line] = [(0, "up a.1"), (0, "up b.1")]
END: list[Line] = [(100_000, "rest"), (100_001, "end")]
ROWS = {
    "lost": 0,
    "doubled": 1,
    "early": 2,
    "passed over": 3,
    "attempts": 4,
    "limited": 5,
    "rated": 6,
    "fan-out": 7,
    "every": 8,
    "left": 11,
}


@pytest.fixture
def faults(tmp_path: Path) -> "Faults":
    return Faults(tmp_path)


class Faults:
    """Writes a journal and has it judged: the rows that have faults, and how many."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __call__(
        self,
        acks: Iterable[Line] = (),
        runs: Iterable[Line] = (),
        deeds: Iterable[Line] = (),
        left: Iterable[Line] = (),
        *,
        forgets: bool = False,
        goes_on: bool = True,
    ) -> dict[str, int]:
        if goes_on:
            runs = [*runs, *run("periodic#99000", 99_000)]
        files = {"acks": acks, "runs": runs, "deeds": [*WELL, *deeds, *END], "left": left}
        for name, lines in files.items():
            text = "".join(f"{at + 1} {line}\n" for at, line in lines)
            (self._directory / name).write_text(text)
        rows = judge(Evidence.read(self._directory), forgets=forgets)
        return {what: len(rows[n].faults) for what, n in ROWS.items() if rows[n].faults}


def run(
    id: str,
    begin: int,
    *,
    server: str = "a.1",
    lapses: int = 0,
    attempts: int = 0,
    how: str = "done",
) -> list[Line]:
    """The lines of a run that takes 5 ms; one that never ends has no `how`."""
    name = f"{id}-{server}-{begin}"
    lines = [(begin, f"begin {id} {name} {attempts} {lapses} {server}")]
    return [*lines, (begin + 5, f"end {name} {how}")] if how else lines


def ack(id: str = "1", kind: str = "quick", at: int = 1000, due: int = 1000) -> Line:
    return at, f"{kind} {id} {at} {due}"


def test_all_is_well(faults: Faults) -> None:
    assert faults([ack()], run("1", 1010)) == {}


def test_one_that_did_not_run_is_lost(faults: Faults) -> None:
    assert faults([ack()]) == {"lost": 1}


def test_one_that_did_not_end_is_lost(faults: Faults) -> None:
    assert faults([ack()], run("1", 1010, how="")) == {"lost": 1}


def test_one_that_the_store_forgot_is_not_ours(faults: Faults) -> None:
    deeds = [(1500, "kill-store"), (1600, "store-up")]
    assert faults([ack()], (), deeds, forgets=True) == {}
    assert faults([ack()], (), deeds) == {"lost": 1}
    assert faults([ack(at=9000)], (), deeds, forgets=True) == {"lost": 1}


def test_a_second_run_for_no_reason_is_doubled(faults: Faults) -> None:
    assert faults([ack()], [*run("1", 1010), *run("1", 2000)]) == {"doubled": 1}


def test_a_lapse_for_no_reason_is_doubled(faults: Faults) -> None:
    runs = [*run("1", 1010), *run("1", 5000, server="b.1", lapses=1)]
    assert faults([ack()], runs) == {"doubled": 1}
    assert faults([ack()], runs, [(1012, "kill b.1")]) == {"doubled": 1}
    assert faults([ack()], runs, [(1012, "kill a.1")]) == {}
    assert faults([ack()], runs, [(1012, "stop a.1"), (4000, "cont a.1")]) == {}


def test_a_kill_long_after_explains_nothing(faults: Faults) -> None:
    runs = [*run("1", 1010), *run("1", 5000, server="b.1", lapses=1)]
    assert faults([ack()], runs, [(9000, "kill a.1")]) == {"doubled": 1}


def test_a_sleeper_that_begins_what_others_have_ended(faults: Faults) -> None:
    runs = [*run("1", 5000, server="b.1", lapses=1), *run("1", 6000, how="cancelled")]
    assert faults([ack()], runs, [(1012, "stop a.1"), (5990, "cont a.1")]) == {}
    assert faults([ack()], runs) == {"doubled": 1}


def test_what_is_cancelled_is_given_back(faults: Faults) -> None:
    assert faults([ack()], [*run("1", 1010, how="cancelled"), *run("1", 2000)]) == {}
    both = [*run("1", 1010, how="cancelled"), *run("1", 2000, lapses=1)]
    assert faults([ack()], both) == {"doubled": 1}


def test_attempts(faults: Faults) -> None:
    flaky, raised = ack(kind="flaky"), {"how": "raised"}
    runs = [*run("1", 1010, **raised), *run("1", 1110, attempts=1, **raised)]  # type: ignore[arg-type]
    assert faults([flaky], [*runs, *run("1", 1310, attempts=2)]) == {}
    assert faults([flaky], [*runs, *run("1", 1310, attempts=3)]) == {"attempts": 1, "doubled": 1}


def test_one_that_is_early(faults: Faults) -> None:
    assert faults([ack(kind="later", due=3000)], run("1", 2998)) == {"early": 1}
    assert faults([ack(kind="later", due=3000)], run("1", 3000)) == {}


def test_one_that_is_passed_over(faults: Faults) -> None:
    acks = [ack("1"), ack("2", at=2000)]
    assert faults(acks, [*run("2", 2010), *run("1", 2011 + GROSSLY)]) == {"passed over": 1}
    assert faults(acks, [*run("2", 2010), *run("1", 2009 + GROSSLY)]) == {}


def test_too_many_at_once(faults: Faults) -> None:
    acks = [ack(id, "limited", 9000) for id in "123"]
    runs = [*run("1", 9000), *run("2", 9004, server="b.1"), *run("3", 9004, server="b.1")]
    assert faults(acks, runs) == {"limited": 1}
    assert faults(acks, [*run("1", 8998), *runs[2:]]) == {}
    assert faults(acks, runs, [(8000, "stop a.1"), (8100, "cont a.1")]) == {}


def test_too_many_in_a_second(faults: Faults) -> None:
    acks = [ack(str(n), "rated", 9000) for n in range(50)]
    assert faults(acks, [line for n in range(50) for line in run(str(n), 9000 + 200 * n)]) == {}
    quick = [line for n in range(50) for line in run(str(n), 9000 + 100 * n)]
    assert set(faults(acks, quick)) == {"rated"}


def test_a_fan_out_that_leaves_one_out(faults: Faults) -> None:
    at = AFTERMATH + 1000
    spread = ack("p", "spread", at, at)
    ours, theirs = run("p@a:1", at + 10), run("p@b:1", at + 10, server="b.1")
    assert faults([spread], [*ours, *theirs]) == {}
    assert faults([spread], ours) == {"fan-out": 2}
    assert faults([spread], ours, [(at, "kill b.1")]) == {}
    assert faults([spread], ours, [(at - 10, "term b.1")]) == {}
    assert faults([spread], [*ours, *run("p@b:1", at + 10, server="b.1", how="")]) == {"fan-out": 2}
    assert faults([spread], []) == {"lost": 1}


def test_occurrences(faults: Faults) -> None:
    one = run("periodic#1000", 1010)
    assert faults((), one) == {}
    assert faults((), one, goes_on=False) == {"every": 1}
    beside = run("periodic#1300", 1012, server="b.1")
    assert faults((), [*one, *beside]) == {"every": 1}
    assert faults((), [*one, *run("periodic#1300", 1300, how="")]) == {"every": 2}


def test_what_is_left(faults: Faults) -> None:
    left = [(1, "periodic#5"), (1, "periodic_all#6@a:1"), (1, "1")]
    assert faults(left=left) == {"left": 1}
