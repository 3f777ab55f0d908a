"""Rooms: `python -m benchmarks.rooms`: one speaker to many members, beside a bare broadcast.

A delivery is one message that reached one member. The bare server (picows on uvloop) sends what it
gets to all connections; ours asks the store for the message's place in the room, keeps it in the
history, publishes it, and tells the members who they are told by, when and at which offset.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import msgspec

from benchmarks import contest, servers
from benchmarks.contest import Entrant, Round, Server
from benchmarks.processes import BenchmarkError
from benchmarks.websocket_load import LoadResult

ROOT = Path(__file__).parent.parent
SERVERS = (
    Server("bare", servers.bare_broadcast),
    Server("actionhero", servers.actionhero),
)
CASE = "one speaker"


def load(entrant: Entrant, options: argparse.Namespace) -> Round:
    """Load one server for one round, by a client process of its own."""
    target = [entrant.name, str(entrant.port)]
    limits = ["--connections", str(options.connections), "--seconds", str(options.seconds)]
    measured = ["--session", str(entrant.contestant.process.pid)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.rooms_load", *target, *limits, *measured],
        check=False,
        capture_output=True,
        cwd=ROOT,
        timeout=options.seconds + 60,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace")
        raise BenchmarkError(f"the load on {entrant.name} failed:\n{said}")
    result = msgspec.json.decode(done.stdout, type=LoadResult)
    cpu = result.server_cpu / result.round_trips * 1e6
    return Round(result.round_trips / result.seconds, cpu, result.p50, result.p99)


def run(options: argparse.Namespace) -> None:
    """Start, load in turns, print."""
    print(contest.describe_run(options))
    with contest.start_all(SERVERS, options) as entrants:
        contest.take_turns(entrants, CASE, options.rounds, lambda entrant: load(entrant, options))
        print(contest.tabulate(entrants, CASE, "message", ["bare"]))


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rooms", description=__doc__)
    contest.add_options(parser, SERVERS)
    parser.set_defaults(connections=500)
    options = parser.parse_args()
    return contest.run_main(lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
