"""What a kill does to tasks: `python -m benchmarks.kill_peers [CASE ...]`: ours and the peers.

    kill      tasks of 50 ms; the worker is ended by `kill -9`, with all its children, when a third
              have ended, and another worker is started at once
    long      one task that takes longer than the lease of 10 s, and two workers
    periodic  a periodic task, and two workers (and two schedulers, for peers that need one)

Each trial has a store of its own. The tasks write to a file outside of it, when they start and when
they end, and only that file is judged. In `kill` the producer goes on with one task a second, in
`long` with one every twelve, since some peers look for what was left only when something new comes.
`kill` is run by the defaults and by the settings with which the peer promises to lose nothing, the
others by those only. A trial is given up after a time.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import contextlib
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.contest import run_main
from benchmarks.peer_list import PEERS
from benchmarks.postgres import postgres_server
from benchmarks.processes import BenchmarkError, Contestant, running
from benchmarks.report import describe_machine, format_table
from benchmarks.task_peers import Command, Peer, Store
from benchmarks.valkey import valkey_server

WATCHED = 12.0
"""Seconds that a periodic task is watched; one that fires by the minute, two minutes more."""
START = 60.0
"""Seconds until a worker that does nothing is given up."""


class Line(NamedTuple):
    """One line of a trace."""

    what: str
    number: int
    at: float


class Trial:
    """A peer, a store of its own, and the file that its tasks write to."""

    def __init__(self, peer: Peer, store: Store, folder: Path, *, is_safe: bool) -> None:
        self.peer = peer
        self.store = store
        self.folder = folder
        self.trace = folder / "trace"
        self.env = {
            **store.env,
            "BENCH_CONCURRENCY": str(peer.traits.kill_concurrency),
            "BENCH_TRACE": str(self.trace),
            "BENCH_SECONDS": "0",
            **({"BENCH_SAFE": "1"} if is_safe else {}),
        }
        self._processes = 0

    def start(self, command: Command) -> contextlib.AbstractContextManager[Contestant]:
        """Run a process of the peer for the length of a block."""
        self._processes += 1
        log = self.folder / f"log{self._processes}"
        return running(command, cwd=self.peer.prepare(), log=log, env=self.env)

    def worker(self) -> contextlib.AbstractContextManager[Contestant]:
        """Run a worker for the length of a block."""
        return self.start(self.peer.worker(self.peer.traits.kill_concurrency))

    def producer(self, *arguments: float) -> contextlib.AbstractContextManager[Contestant]:
        """Run a producer for the length of a block."""
        count, *others = (f"{argument:g}" for argument in arguments)
        return self.start([*self.peer.producer(int(count)), *others])

    def lines(self, what: str) -> list[Line]:
        """What the tasks have written so far."""
        if not self.trace.exists():
            return []
        rows = [row.split() for row in self.trace.read_text().splitlines()]
        return [Line(row[0], int(row[1]), float(row[3])) for row in rows if row[0] == what]

    def remaining(self) -> int:
        """How many the peer says are not finished."""
        return self.peer.remaining(self.store)

    def parked(self) -> int:
        """How many it gave up but still shows."""
        return sum(self.store.count(*command) for command in self.peer.traits.parked)


@contextlib.contextmanager
def trial(peer: Peer, *, is_safe: bool = True) -> Iterator[Trial]:
    """Make a trial, with a fresh store."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        store: Store
        if peer.store == "postgres":
            store = stack.enter_context(postgres_server())
        else:
            store = stack.enter_context(valkey_server(folder))
        yield Trial(peer, store, folder, is_safe=is_safe)


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait; tells whether it came true."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def require(condition: Callable[[], bool], one: Trial, process: Contestant) -> None:
    """Wait for what must come true; raise `BenchmarkError` if it does not."""
    if not wait_until(lambda: condition() or process.process.poll() is not None, START):
        raise BenchmarkError(f"{one.peer.name} does nothing:\n{process.last_output()}")
    if not condition():
        raise BenchmarkError(f"{one.peer.name} has ended:\n{process.last_output()}")


class Killed(NamedTuple):
    """What became of the tasks."""

    lost: int
    """Not done, and the peer knows of them no more."""
    held: int
    """Not done, but the peer still has them."""
    parked: int
    """Not done: it gave them up, and shows them."""
    doubled: int
    """Done more than once."""
    seconds: float | None
    """From the kill until all were done."""


def kill(peer: Peer, options: argparse.Namespace, *, is_safe: bool) -> Killed:
    """Run one trial of `kill`."""
    count: int = options.tasks
    with trial(peer, is_safe=is_safe) as one:
        one.env["BENCH_SECONDS"] = str(options.seconds)
        with one.producer(count, 1) as producer:
            require(lambda: one.remaining() >= count, one, producer)
            with one.worker() as first:
                require(lambda: len(one.lines("end")) >= count // 3, one, first)
                first.kill()
            killed = time.time()
            with one.worker():
                wait_until(lambda: len(_ends(one, count)) == count, options.patience)
                producer.stop()
                wait_until(lambda: one.remaining() == 0, _left(killed, options.patience))
        return _judge(one, count, killed)


def _left(killed: float, patience: float) -> float:
    """Seconds to wait for what may run a second time."""
    return max(5.0, killed + patience - time.time())


def _ends(one: Trial, count: int) -> collections.Counter[int]:
    return collections.Counter(line.number for line in one.lines("end") if line.number < count)


def _judge(one: Trial, count: int, killed: float) -> Killed:
    ends = _ends(one, count)
    missing = count - len(ends)
    parked = min(missing, one.parked())
    held = min(missing - parked, one.remaining())
    done: dict[int, float] = {}
    for line in one.lines("end"):
        if line.number < count:
            done.setdefault(line.number, line.at)
    seconds = None if missing else max(done.values()) - killed
    doubled = sum(times > 1 for times in ends.values())
    return Killed(missing - parked - held, held, parked, doubled, seconds)


def long(peer: Peer, options: argparse.Namespace) -> str:
    """Run one trial of `long`: how often the first task was started, and ended."""
    with trial(peer) as one:
        one.env["BENCH_SECONDS"] = str(options.long)

        def count(what: str) -> int:
            return sum(line.number == 0 for line in one.lines(what))

        with one.producer(1, 12) as producer:
            require(lambda: one.remaining() >= 1, one, producer)
            with one.worker() as first, one.worker():
                require(lambda: count("start") > 0, one, first)
                wait_until(lambda: count("end") == count("start"), 2.5 * options.long)
        starts, ends = count("start"), count("end")
    if (starts, ends) == (1, 1):
        return "once"
    return f"started {starts} ×, ended {ends} ×"


def periodic(peer: Peer, options: argparse.Namespace) -> str:  # noqa: ARG001
    """Run one trial of `periodic`: how often it fired, and how often it fired once too often."""
    period, scheduler = peer.traits.period, peer.scheduler()
    if not period:
        return "has none"
    with trial(peer) as one, contextlib.ExitStack() as stack:
        one.env["BENCH_PERIODIC"] = "1"
        with one.producer(0) as producer:  # some make their tables so, which two would do at once
            producer.process.wait(START)
        workers = [stack.enter_context(one.worker()) for _ in range(2)]
        if scheduler is not None:
            workers += [stack.enter_context(one.start(scheduler)) for _ in range(2)]
        time.sleep(WATCHED if period < 60 else WATCHED + 2 * period)
        for worker in workers:
            worker.require_alive()
        ticks = [line.at for line in one.lines("tick")]
    twice = sum(after - before < period / 2 for before, after in itertools.pairwise(sorted(ticks)))
    return f"{len(ticks) - twice}, {twice} of them twice" if twice else f"{len(ticks)}, each once"


def kill_often(peer: Peer, options: argparse.Namespace, *, is_safe: bool) -> Killed:
    """Run so many trials of `kill`: the sums, and the longest time."""
    kills = [kill(peer, options, is_safe=is_safe) for _ in range(options.kills)]
    times = [one.seconds for one in kills if one.seconds is not None]
    return Killed(
        sum(one.lost for one in kills),
        sum(one.held for one in kills),
        sum(one.parked for one in kills),
        sum(one.doubled for one in kills),
        max(times) if len(times) == len(kills) else None,
    )


def _format(killed: Killed, options: argparse.Namespace) -> list[str]:
    seconds = (
        f"not within {options.patience:g}" if killed.seconds is None else f"{killed.seconds:.1f}"
    )
    return [str(killed.lost), str(killed.parked), str(killed.held), str(killed.doubled), seconds]


def _attempt(case: Callable[[], list[str]]) -> list[str]:
    """Run a trial; one that cannot be run is said, and does not end the others."""
    try:
        return case()
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return ["-"]


def show_kills(
    peers: Sequence[Peer], pool: concurrent.futures.Executor, options: argparse.Namespace
) -> None:
    """Run and print `kill`."""
    trials = [
        (peer, is_safe)
        for peer in peers
        for is_safe in (options.settings if peer.traits.safe else [False])
    ]

    def run_one(which: tuple[Peer, bool]) -> list[str]:
        peer, is_safe = which
        return _attempt(lambda: _format(kill_often(peer, options, is_safe=is_safe), options))

    head = [
        *("worker", "settings", "lost", "given up, kept", f"held after {options.patience:g} s"),
        *("done twice", "all done after, s"),
    ]
    rows = []
    for (peer, is_safe), cells in zip(trials, pool.map(run_one, trials), strict=True):
        settings = peer.traits.safe if is_safe else "defaults"
        rows.append([peer.name, settings, *cells, *([""] * (5 - len(cells)))])
    print(format_table(head, rows), end="\n\n")


def show_others(
    peers: Sequence[Peer], pool: concurrent.futures.Executor, options: argparse.Namespace
) -> None:
    """Run and print `long` and `periodic`."""
    cases = {name: case for name, case in OTHERS.items() if name in options.cases}
    if not cases:
        return
    trials = [(case, peer) for peer in peers for case in cases.values()]

    def run_one(which: tuple[Callable[[Peer, argparse.Namespace], str], Peer]) -> list[str]:
        case, peer = which
        return _attempt(lambda: [case(peer, options)])

    cells = [cell for (cell,) in pool.map(run_one, trials)]
    each = len(cases)
    rows = [[peer.name, *cells[at * each : (at + 1) * each]] for at, peer in enumerate(peers)]
    print(format_table(["worker", *(HEADS[name] for name in cases)], rows))


OTHERS = {"long": long, "periodic": periodic}
HEADS = {
    "long": "a task longer than the lease of 10 s",
    "periodic": "a periodic task with two of everything fired",
}


def run(options: argparse.Namespace) -> None:
    """Run what was asked, several trials at a time: they mostly wait."""
    print(describe_machine(), end="\n\n")
    peers = [peer for peer in PEERS if peer.name in options.peers]
    for peer in peers:
        peer.prepare()
    with concurrent.futures.ThreadPoolExecutor(options.at_once) as pool:
        if "kill" in options.cases:
            show_kills(peers, pool, options)
        show_others(peers, pool, options)


def main() -> int:
    """Parse the command line and run."""
    names = [peer.name for peer in PEERS]
    cases = ["kill", *OTHERS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.kill_peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help=" ".join(cases))
    parser.add_argument("--peers", nargs="+", choices=names, default=names)
    parser.add_argument("--kills", type=int, default=1, help="trials of each row, summed up")
    parser.add_argument("--tasks", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=0.05, help="how long a task takes")
    parser.add_argument("--long", type=float, default=25.0, help="seconds that it takes in `long`")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds after the kill")
    parser.add_argument("--at-once", type=int, default=5, help="trials under way at a time")
    parser.add_argument("--only", choices=("defaults", "safe"), help="settings")
    options = parser.parse_args()
    options.cases = options.cases or cases
    if unknown := set(options.cases) - set(cases):
        parser.error(f"there is no case {', '.join(sorted(unknown))}")
    options.settings = {"defaults": [False], "safe": [True], None: [False, True]}[options.only]
    return run_main(lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
