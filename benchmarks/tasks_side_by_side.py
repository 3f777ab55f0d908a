"""Tasks: `python -m benchmarks.tasks_side_by_side`: ours beside its peers.

Each drains a queue of no-op tasks with a small typed payload, by one worker at its best
concurrency, with the settings by which it promises to lose nothing. All but one keep their tasks in
the same valkey-server, on a unix socket, which writes nothing to disk for any of them; PgQueuer has
a PostgreSQL that writes as little as can be. (Celery's one worker is a parent and its prefork
children, RQ forks for each job; all the others are one process.)
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.contest import run_main
from benchmarks.drain import Drained, choose_count, drain, prove
from benchmarks.peer_list import PEERS
from benchmarks.postgres import postgres_server
from benchmarks.report import describe_machine, format_ratio, format_table
from benchmarks.task_peers import Peer, Store, StoreName
from benchmarks.valkey import valkey_server

OURS = "actionhero"
Stores = dict[StoreName, Store]


@contextlib.contextmanager
def start_stores(peers: Sequence[Peer], folder: Path) -> Iterator[Stores]:
    """Run the stores that these peers need."""
    with contextlib.ExitStack() as stack:
        stores: Stores = {"valkey": stack.enter_context(valkey_server(folder))}
        if any(peer.store == "postgres" for peer in peers):
            stores["postgres"] = stack.enter_context(postgres_server())
        yield stores


def tabulate(peers: Sequence[Peer], runs: dict[str, list[Drained]], counts: dict[str, int]) -> str:
    """Lay out what was measured, the fastest first."""
    rates = {name: [run.per_second for run in own] for name, own in runs.items()}
    rows = [
        [
            peer.name,
            str(peer.concurrency),
            f"{counts[peer.name]:,}",
            f"{statistics.median(rates[peer.name]):,.0f}",
            format_ratio(rates[OURS], rates[peer.name]) if OURS in rates else "-",
            f"{statistics.median(run.cpu for run in runs[peer.name]):.0f}",
            "yes" if peer.traits.is_safe else "no",
        ]
        for peer in sorted(peers, key=lambda peer: -statistics.median(rates[peer.name]))
    ]
    head = ["worker", "at a time", "tasks", "tasks/s", "ours is ×", "CPU µs/task", "safe"]
    return format_table(head, rows)


def compare(
    peers: Sequence[Peer], stores: Stores, folder: Path, options: argparse.Namespace
) -> None:
    """Prove, find the counts, drain in turns, print."""
    counts: dict[str, int] = {}
    for peer in peers:
        prove(peer, stores[peer.store], folder)
        counts[peer.name] = choose_count(peer, stores[peer.store], folder, options.seconds)
    runs: dict[str, list[Drained]] = {peer.name: [] for peer in peers}
    for _ in range(options.rounds):
        for peer in peers:
            store = stores[peer.store]
            run = drain(peer, store, folder, counts[peer.name], peer.concurrency)
            store.clear()
            runs[peer.name].append(run)
    print(tabulate(peers, runs, counts))


def tune(peer: Peer, store: Store, folder: Path, options: argparse.Namespace) -> None:
    """Print what a peer does at each concurrency."""
    prove(peer, store, folder)
    count = choose_count(peer, store, folder, options.seconds)
    rows = []
    for concurrency in peer.candidates:
        runs = [drain(peer, store, folder, count, concurrency) for _ in range(options.rounds)]
        rate = statistics.median(run.per_second for run in runs)
        cpu = statistics.median(run.cpu for run in runs)
        rows.append([str(concurrency), f"{rate:,.0f}", f"{cpu:.0f}"])
    print(format_table([peer.name, "tasks/s", "CPU µs/task"], rows), end="\n\n")


def run(options: argparse.Namespace) -> None:
    """Start the stores and do what was asked."""
    print(describe_machine(), end="\n\n")
    chosen = [peer for peer in PEERS if peer.name in (options.tune or options.peers)]
    with tempfile.TemporaryDirectory() as name, start_stores(chosen, Path(name)) as stores:
        if options.tune:
            for peer in chosen:
                tune(peer, stores[peer.store], Path(name), options)
        else:
            compare(chosen, stores, Path(name), options)


def main() -> int:
    """Parse the command line and run."""
    names = [peer.name for peer in PEERS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tasks_side_by_side", description=__doc__
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2.0, help="about the length of a run")
    parser.add_argument("--peers", nargs="+", choices=names, default=names)
    parser.add_argument("--tune", nargs="+", choices=names, help="find a peer's best concurrency")
    options = parser.parse_args()
    return run_main(lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
