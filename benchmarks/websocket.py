"""WebSocket: `python -m benchmarks.websocket`: our action round trips beside a bare picows echo.

Both get the same message, an action call of ours. The echo gives it back as it is; ours parses it,
decodes the typed input, runs the action and encodes the reply.
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
    Server("bare", servers.bare_picows),
    Server("actionhero", servers.actionhero),
)

MESSAGE = '{"event":"action","params":{"action":"hello","name":"Ada"},"messageId":1}'
WANTED = {"bare": MESSAGE, "actionhero": '"greeting":"Hello, Ada."'}
"""What the right reply holds."""

CASE = "action round trip"


def load(entrant: Entrant, options: argparse.Namespace) -> Round:
    """Load one server for one round, by a client process of its own."""
    target = [str(entrant.port), "/ws", MESSAGE, WANTED[entrant.name]]
    limits = ["--connections", str(options.connections), "--seconds", str(options.seconds)]
    measured = ["--session", str(entrant.contestant.process.pid)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.websocket_load", *target, *limits, *measured],
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
    """Start, warm up, load in turns, print. The load client checks the replies."""
    print(contest.describe_run(options))
    with contest.start_all(SERVERS, options) as entrants:
        for entrant in entrants:
            load(entrant, options)
        contest.take_turns(entrants, CASE, options.rounds, lambda entrant: load(entrant, options))
        print(contest.tabulate(entrants, CASE, "message", ["bare"]))


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.websocket", description=__doc__)
    contest.add_options(parser, SERVERS)
    options = parser.parse_args()
    return contest.run_main(lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
