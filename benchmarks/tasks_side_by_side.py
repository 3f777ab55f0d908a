"""Tasks: `python -m benchmarks.tasks_side_by_side`: ours beside Celery, BullMQ and others.

Each drains a queue of no-op tasks with a small typed payload, by one worker at its best
concurrency, against the same valkey-server on a unix socket, which writes nothing to disk for any
of them. (Celery's one worker is a parent and its prefork children; all the others are one process.)
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.contest import run_main
from benchmarks.drain import Drained, choose_count, drain, prove
from benchmarks.report import describe_machine, format_ratio, format_table
from benchmarks.task_peers import PEERS, Peer
from benchmarks.valkey import Valkey, valkey_server

DEFAULT = ("actionhero", "celery", "bullmq")
REFERENCES = ("celery", "bullmq")


def tabulate(runs: dict[str, list[Drained]], counts: dict[str, int]) -> str:
    """Lay out what was measured."""
    rates = {name: [run.per_second for run in own] for name, own in runs.items()}
    ratios = [f"× {name}" for name in REFERENCES]
    head = ["worker", "tasks", "tasks/s", *ratios, "CPU µs/task"]
    rows = [
        [
            name,
            f"{counts[name]:,}",
            f"{statistics.median(rates[name]):,.0f}",
            *(format_ratio(rates[name], rates.get(reference)) for reference in REFERENCES),
            f"{statistics.median(run.cpu for run in own):.0f}",
        ]
        for name, own in runs.items()
    ]
    return format_table(head, rows)


def compare(
    peers: Sequence[Peer], store: Valkey, folder: Path, options: argparse.Namespace
) -> None:
    """Prove, find the counts, drain in turns, print."""
    counts: dict[str, int] = {}
    for peer in peers:
        prove(peer, store, folder)
        counts[peer.name] = choose_count(peer, store, folder, options.seconds)
    runs: dict[str, list[Drained]] = {peer.name: [] for peer in peers}
    for _ in range(options.rounds):
        for peer in peers:
            run = drain(peer, store, folder, counts[peer.name], peer.concurrency)
            runs[peer.name].append(run)
    print(tabulate(runs, counts))


def tune(peer: Peer, store: Valkey, folder: Path, options: argparse.Namespace) -> None:
    """Print what a peer does at each concurrency."""
    prove(peer, store, folder)
    count = choose_count(peer, store, folder, options.seconds)
    rows = []
    for concurrency in peer.candidates:
        runs = [drain(peer, store, folder, count, concurrency) for _ in range(options.rounds)]
        rate = statistics.median(run.per_second for run in runs)
        cpu = statistics.median(run.cpu for run in runs)
        rows.append([str(concurrency), f"{rate:,.0f}", f"{cpu:.0f}"])
    print(format_table([peer.name, "tasks/s", "CPU µs/task"], rows))


def run(options: argparse.Namespace) -> None:
    """Start the store and do what was asked."""
    print(describe_machine(), end="\n\n")
    chosen = [peer for peer in PEERS if peer.name in (options.tune or options.peers)]
    with tempfile.TemporaryDirectory() as name, valkey_server(Path(name)) as store:
        if options.tune:
            for peer in chosen:
                tune(peer, store, Path(name), options)
        else:
            compare(chosen, store, Path(name), options)


def main() -> int:
    """Parse the command line and run."""
    names = [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tasks_side_by_side", description=__doc__
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="about the length of a run")
    parser.add_argument("--peers", nargs="+", choices=names, default=DEFAULT)
    parser.add_argument("--tune", nargs="+", choices=names, help="find a peer's best concurrency")
    options = parser.parse_args()
    return run_main(lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
