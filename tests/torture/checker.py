"""Judges a run by its journal alone.

- Lost: acknowledged, and no run of it ended `done`.
- Doubled: a run that nothing explains. What explains one: the run before raised (a retry, one more
  attempt), was cancelled and given back, or lapsed (one more lapse) while its server was killed or
  stopped. With `everysec`, a store that was killed may have forgotten the last seconds: what that
  explains is counted apart.
- A fan-out is right if each server that was well at that time ran its copy to the end, and each
  copy that began ended.
- An occurrence is right if it ended, once, and no other one of its type ran beside it (`every`).
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec import Struct, field

from tests.torture.journal import read
from tests.torture.plan import AT_ONCE, CRON, EVERY, EVERY_ON_ALL, FAILS, LEASE, RATE

SLACK = 300
"""ms between two lines that may be in the wrong order: a deed is written down before it is done."""
AFTERMATH = round(2000 * LEASE) + 1000
"""ms after which a server that was stopped, or just started, is as well as any other."""
FORGETS = 3000
"""ms that a store with `everysec` may forget when it is killed."""
GROSSLY = 8000
"""ms that a task may wait longer than one that came so much later."""
PERIODIC = ("periodic", "periodic_all", "by_clock")


class Run(Struct):
    """One call of a task's function."""

    id: str
    begin: int
    attempts: int
    lapses: int
    server: str
    end: int | None = None
    how: str = "none"


class Ack(Struct):
    """What the store acknowledged."""

    kind: str
    id: str
    sent: int
    due: int
    at: int


class Row(Struct):
    """What was looked at, and what was wrong."""

    what: str
    checked: int
    faults: list[str] = field(default_factory=list)
    note: str = ""


class Evidence:
    """A journal, read."""

    def __init__(self) -> None:
        self.acks: list[Ack] = []
        self.runs: dict[str, list[Run]] = defaultdict(list)
        self.harm: dict[str, list[tuple[int, int]]] = defaultdict(list)
        self.up: dict[str, int] = {}
        self.terminated: dict[str, int] = {}
        self.store_kills: list[int] = []
        self.deeds: dict[str, int] = defaultdict(int)
        self.rest = self.end = 0
        self.left: list[str] = []

    @classmethod
    def read(cls, directory: Path) -> "Evidence":
        evidence = cls()
        for at, (kind, id, sent, due) in read(directory / "acks"):
            evidence.acks.append(Ack(kind, id, int(sent), int(due), at))
        evidence._read_runs(directory / "runs")
        for at, (deed, *on) in read(directory / "deeds"):
            evidence._take_deed(at, deed, *on)
        evidence.left = [words[0] for _, words in read(directory / "left")]
        return evidence

    def _read_runs(self, path: Path) -> None:
        by_run: dict[str, Run] = {}
        for at, (what, *words) in read(path):
            if what == "begin":
                id, run, attempts, lapses, server = words
                by_run[run] = Run(id, at, int(attempts), int(lapses), server)
                self.runs[id].append(by_run[run])
            else:
                by_run[words[0]].end, by_run[words[0]].how = at, words[1]

    def _take_deed(self, at: int, deed: str, server: str = "") -> None:
        self.deeds[deed] += 1
        if deed == "up":
            self.up[server] = at
        elif deed == "stop":
            self.harm[server].append((at, at + AFTERMATH))
        elif deed == "cont":
            self.harm[server][-1] = (self.harm[server][-1][0], at + AFTERMATH)
        elif deed in {"kill", "hangs"}:
            self.harm[server].append((at, 2**62))
        elif deed == "term":
            self.terminated[server] = at
        elif deed == "kill-store":
            self.store_kills.append(at)
        elif deed == "rest":
            self.rest = at
        elif deed == "end":
            self.end = at

    def is_harmed(self, server: str, since: int, until: int) -> bool:
        """Whether the server was killed or stopped in this time."""
        return any(a - SLACK <= until and since <= b + SLACK for a, b in self.harm[server])

    def is_well(self, server: str, since: int, until: int) -> bool:
        """Whether the server was up, and harmed neither then nor shortly before."""
        was_up = self.up.get(server, until) <= since and until < self.terminated.get(server, 2**62)
        return was_up and not self.is_harmed(server, since - AFTERMATH, until)

    def is_forgotten(self, since: int, until: int) -> bool:
        """Whether the store may have forgotten what happened in this time."""
        return any(since - SLACK <= kill <= until + SLACK for kill in self.store_kills)

    def unfinished(self) -> list[Ack]:
        """What was acknowledged and is not done (yet)."""
        fan_outs = {id.partition("@")[0] for id, runs in self.runs.items() if "@" in id}
        return [ack for ack in self.acks if not (ack.id in fan_outs or self.is_done(ack.id))]

    def is_done(self, id: str) -> bool:
        return any(run.how == "done" for run in self.runs.get(id, ()))


def judge(evidence: Evidence, *, forgets: bool) -> list[Row]:
    """What was found, row by row. `forgets`: the store was told to write its file every second."""
    checks: Iterable[Callable[[Evidence, bool], Row]] = (
        _lost, _doubled, _early, _in_order, _retried, _limited, _rated, _spread, _periodic,
        _periodic_on_all, _by_clock, _left,
    )  # fmt: skip
    return [check(evidence, forgets) for check in checks]


def _lost(evidence: Evidence, forgets: bool) -> Row:
    row = Row("acknowledged tasks that were lost", len(evidence.acks))
    forgotten = 0
    for ack in evidence.unfinished():
        if forgets and evidence.is_forgotten(ack.sent, ack.at + FORGETS):
            forgotten += 1
        else:
            row.faults.append(f"{ack.kind} {ack.id}, acknowledged at {ack.at}")
    return _with_forgotten(row, forgotten)


def _doubled(evidence: Evidence, forgets: bool) -> Row:
    row = Row("runs that nothing explains", sum(map(len, evidence.runs.values())))
    forgotten = lapsed = 0
    for runs in evidence.runs.values():
        for before, run in itertools.pairwise(runs):
            lapsed += run.lapses > before.lapses
            if _is_explained(evidence, before, run):
                continue
            if forgets and evidence.is_forgotten(before.begin - FORGETS, run.begin):
                forgotten += 1
            else:
                row.faults.append(f"{before} then {run}")
    row.note = f"{lapsed} after a lapse"
    return _with_forgotten(row, forgotten)


def _is_explained(evidence: Evidence, before: Run, run: Run) -> bool:
    if before.end is not None and before.end <= run.begin + SLACK:
        if before.how == "raised" and run.attempts == before.attempts + 1:
            return True
        if before.how == "cancelled" and run.lapses == before.lapses:
            return run.attempts == before.attempts
    if run.lapses < before.lapses:  # claimed before that, and begun when its server woke
        return evidence.is_harmed(run.server, before.begin, run.begin)
    is_lapse = run.lapses > before.lapses
    return is_lapse and evidence.is_harmed(before.server, before.begin, run.begin)


def _early(evidence: Evidence, forgets: bool) -> Row:
    delayed = [ack for ack in evidence.acks if ack.due > ack.sent]
    row = Row("delayed tasks that ran too early", len(delayed))
    for ack in delayed:
        runs = evidence.runs.get(ack.id, [])
        row.faults += [f"{ack.id}, {ack.due - run.begin} ms" for run in runs if run.begin < ack.due]
    return row


def _in_order(evidence: Evidence, forgets: bool) -> Row:
    """Of those that ran at the first go, of one kind."""
    row = Row("tasks that were passed over", 0)
    for kind in ("quick", "urgent", "threaded"):
        first = [
            (ack, runs[0])
            for ack in evidence.acks
            if ack.kind == kind and (runs := evidence.runs.get(ack.id)) and not runs[0].lapses
        ]
        row.checked += len(first)
        soonest: int | None = None
        for ack, run in reversed(first):
            if soonest is not None and run.begin > soonest + GROSSLY:
                row.faults.append(f"{ack.id} began {run.begin - soonest} ms after one behind it")
            if soonest is None or run.begin < soonest:
                soonest = run.begin
    return row


def _retried(evidence: Evidence, forgets: bool) -> Row:
    flaky = [ack.id for ack in evidence.acks if ack.kind == "flaky"]
    row = Row("tasks that did not have their attempts", len(flaky))
    for id in flaky:
        seen = {run.attempts for run in evidence.runs.get(id, ())}
        if evidence.is_done(id) and seen != set(range(FAILS + 1)):
            row.faults.append(f"{id}: attempts {sorted(seen)}")
    return row


def _undisturbed(evidence: Evidence, kind: str, forgets: bool) -> list[Run]:
    """The runs of a type, in their order, that no harm touched."""
    runs = [run for ack in evidence.acks if ack.kind == kind for run in evidence.runs[ack.id]]
    return sorted(
        (
            run
            for run in runs
            if run.end is not None
            and not evidence.is_harmed(run.server, run.begin - AFTERMATH, run.end)
            and not (forgets and evidence.is_forgotten(run.begin - FORGETS, run.end + FORGETS))
        ),
        key=lambda run: run.begin,
    )


def _limited(evidence: Evidence, forgets: bool) -> Row:
    runs = _undisturbed(evidence, "limited", forgets)
    row = Row(f"runs beside {AT_ONCE} others, the most", len(runs))
    under_way: list[int] = []
    for run in runs:
        under_way = [end for end in under_way if end > run.begin]
        if len(under_way) >= AT_ONCE:
            row.faults.append(f"{run.id} at {run.begin}")
        under_way.append(run.end or 0)
    return row


def _rated(evidence: Evidence, forgets: bool) -> Row:
    """In five seconds there start as many as may, those that may at once, and some that were
    claimed and had to wait."""
    runs = _undisturbed(evidence, "rated", forgets)
    row = Row(f"starts above {RATE} a second", len(runs))
    most = 5 * RATE + 2 * RATE
    for first, last in zip(runs, runs[most:], strict=False):
        if last.begin - first.begin < 5000:
            row.faults.append(f"{most} after {first.begin}")
    return row


def _spread(evidence: Evidence, forgets: bool) -> Row:
    due = {ack.id: (ack.sent, ack.due) for ack in evidence.acks if ack.kind == "spread"}
    row = Row("fan-outs that are not right", len(due))
    for id, (sent, expected) in due.items():
        _judge_fan_out(evidence, row, id, min(sent, expected), forgets)
    return row


def _judge_fan_out(evidence: Evidence, row: Row, parent: str, since: int, forgets: bool) -> None:
    copies = {id: runs for id, runs in evidence.runs.items() if id.partition("@")[0] == parent}
    row.faults += [f"{id} did not end" for id in copies if not evidence.is_done(id)]
    if not copies:
        return
    until = min(runs[0].begin for runs in copies.values()) + SLACK
    if forgets and evidence.is_forgotten(since - FORGETS, until + FORGETS):
        return
    ran = [run.server for runs in copies.values() for run in runs if run.how == "done"]
    names = {id.partition("@")[2].partition(":")[0] for id in copies}
    for server in evidence.up:
        if not evidence.is_well(server, since, until):
            continue
        if server.partition(".")[0] not in names:
            row.faults.append(f"{parent} has no copy on {server}")
        if server not in ran and evidence.is_well(server, since, evidence.end - 1):
            row.faults.append(f"{parent} did not run on {server}")


def _periodic(evidence: Evidence, forgets: bool) -> Row:
    ids = _occurrences(evidence, "periodic")
    row = Row(f"occurrences, every {EVERY} s", len(ids))
    _judge_occurrences(evidence, row, ids)
    runs = sorted(
        (runs[-1] for id in ids if (runs := evidence.runs[id])), key=lambda run: run.begin
    )
    for before, run in itertools.pairwise(runs):
        is_over = before.end is not None and before.end <= run.begin
        if not is_over and not (forgets and evidence.store_kills):
            row.faults.append(f"{run.id} began beside {before.id}")
    _judge_liveliness(evidence, row, [run.begin for run in runs], EVERY)
    return row


def _periodic_on_all(evidence: Evidence, forgets: bool) -> Row:
    parents = _occurrences(evidence, "periodic_all")
    row = Row(f"occurrences on all, every {EVERY_ON_ALL} s", len(parents))
    firsts = []
    for parent in parents:
        own = [runs[0] for id, runs in evidence.runs.items() if id.partition("@")[0] == parent]
        firsts.append(min(run.begin for run in own))
        if firsts[-1] < evidence.end - AFTERMATH:
            _judge_fan_out(evidence, row, parent, int(parent.partition("#")[2]), forgets)
    _judge_liveliness(evidence, row, firsts, EVERY_ON_ALL)
    return row


def _by_clock(evidence: Evidence, forgets: bool) -> Row:
    ids = _occurrences(evidence, "by_clock")
    row = Row(f"occurrences by the clock, every {CRON} s", len(ids))
    _judge_occurrences(evidence, row, ids)
    if ids:
        times = {int(id.partition("#")[2]) for id in ids}
        expected = set(range(min(times), evidence.end - AFTERMATH, 1000 * CRON))
        row.faults += [f"{time} did not come" for time in sorted(expected - times)]
        _judge_liveliness(evidence, row, sorted(times), CRON)
    return row


def _occurrences(evidence: Evidence, kind: str) -> list[str]:
    found = {id.partition("@")[0] for id in evidence.runs if id.startswith(f"{kind}#")}
    return sorted(found, key=lambda id: int(id.partition("#")[2]))


def _judge_occurrences(evidence: Evidence, row: Row, ids: list[str]) -> None:
    for id in ids:
        if not evidence.is_done(id) and evidence.runs[id][0].begin < evidence.end - AFTERMATH:
            row.faults.append(f"{id} did not end")


def _judge_liveliness(evidence: Evidence, row: Row, begun: list[int], every: float) -> None:
    """It must go on to the end, where nobody is harmed any more."""
    last = max(begun, default=0)
    if evidence.end and last < evidence.end - AFTERMATH - 1000 * every:
        row.faults.append(f"the last one was {evidence.end - last} ms before the end")


def _left(evidence: Evidence, forgets: bool) -> Row:
    """What waits for its time may be there: a periodic type has one."""
    row = Row("tasks that are left in the store", len(evidence.left))
    row.faults = [id for id in evidence.left if not id.startswith(PERIODIC)]
    return row


def _with_forgotten(row: Row, forgotten: int) -> Row:
    if forgotten:
        row.note = ", ".join(filter(None, (row.note, f"{forgotten} more by the store's own loss")))
    return row
