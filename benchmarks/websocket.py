"""WebSocket: `python -m benchmarks.websocket`: our action round trips beside a bare picows echo and
six others.

All get the same message, an action call of ours. An echo gives it back as it is; ours, and
ActionHero on Node, parse it, check the inputs, run the action and encode the reply.

With `--idle`, what 20,000 connections that do nothing take of memory.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from benchmarks import contest, servers
from benchmarks.contest import Entrant, Round, Server
from benchmarks.processes import BenchmarkError
from benchmarks.report import format_table
from benchmarks.servers import Command, ws_peers
from benchmarks.websocket_idle import IdleResult
from benchmarks.websocket_load import LoadResult

T = TypeVar("T")
ROOT = Path(__file__).parent.parent

SERVERS = (
    Server("bare", servers.bare_picows),
    Server("actionhero", servers.actionhero),
    *ws_peers.SERVERS,
)

MESSAGE = '{"event":"action","params":{"action":"hello","name":"Ada"},"messageId":1}'
_GREETING = '"greeting":"Hello, Ada."'
WANTED = {"actionhero": _GREETING, "actionhero-node": _GREETING}
"""What the right reply holds; the message itself, where it is an echo."""
PATHS = {"actionhero-node": "/primus"}
"""Where a server has WebSocket, if not at `/ws`."""

CASE = "action round trip"
SPARE = 200
"""Open files that a server needs beside its connections."""


def ask(module: str, entrant: Entrant, options: Sequence[str], seconds: float, kind: type[T]) -> T:
    """Have a client process of its own at one server, and give what it measured."""
    path, wanted = PATHS.get(entrant.name, "/ws"), WANTED.get(entrant.name, MESSAGE)
    target = [str(entrant.port), path, MESSAGE, wanted]
    done = subprocess.run(
        [sys.executable, "-m", module, *target, *options],
        check=False,
        capture_output=True,
        cwd=ROOT,
        timeout=seconds,
    )
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace")
        raise BenchmarkError(f"the load on {entrant.name} failed:\n{said}")
    return msgspec.json.decode(done.stdout, type=kind)


def load(entrant: Entrant, options: argparse.Namespace) -> Round:
    """Load one server for one round."""
    limits = ["--connections", str(options.connections), "--seconds", str(options.seconds)]
    measured = ["--session", str(entrant.contestant.process.pid)]
    seconds = options.seconds + 60
    found = ask("benchmarks.websocket_load", entrant, [*limits, *measured], seconds, LoadResult)
    cpu = found.server_cpu / found.round_trips * 1e6
    return Round(found.round_trips / found.seconds, cpu, found.p50, found.p99)


def run(options: argparse.Namespace) -> None:
    """Start, warm up, load in turns, print. The load client checks the replies."""
    print(contest.describe_run(options))
    with contest.start_all(SERVERS, options) as entrants:
        for entrant in entrants:
            load(entrant, options)
        contest.take_turns(entrants, CASE, options.rounds, lambda entrant: load(entrant, options))
        print(contest.tabulate(entrants, CASE, "message", ["bare"], "actionhero"))


def actionhero_of_many(port: int) -> Command:
    """Ours, that takes any number of connections, and asks none for a sign of life meanwhile."""
    limits = ("WEB__CONNECTIONS", "WEB__CONNECTIONS_PER_ADDRESS", "WEBSOCKET__CONNECTIONS")
    given = [f"ACTIONHERO_{name}=100000" for name in limits]
    return ["env", *given, "ACTIONHERO_WEBSOCKET__PING_INTERVAL=3600", *servers.actionhero(port)]


IDLE_SERVERS = (Server("bare", servers.bare_picows), Server("actionhero", actionhero_of_many))


def allow_files(connections: int) -> int:
    """Raise the limit of open files as far as it goes; how many connections that allows."""
    wanted, hard = connections + SPARE, resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most - SPARE


def hold_idle(options: argparse.Namespace) -> None:
    """Hold idle connections to one server after the other."""
    count = allow_files(options.idle)
    if count < options.idle:
        print(f"the limit of open files (ulimit -Hn) allows {count:,}\n")
    rows = []
    for case, flags in (("idle", []), ("idle, opened by a browser", ["--browser"])):
        with contest.start_all(IDLE_SERVERS, options) as entrants:
            for entrant in entrants:
                process = ["--process", str(entrant.contestant.process.pid)]
                given = [*process, "--connections", str(count), *flags]
                found = ask("benchmarks.websocket_idle", entrant, given, 300, IdleResult)
                held, each = f"{found.connections:,}", f"{found.bytes_each:,.0f}"
                rows.append([f"{entrant.name}, {case}", held, each])
    print(format_table(["memory", "connections", "bytes each"], rows))


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.websocket", description=__doc__)
    contest.add_options(parser, SERVERS)
    parser.add_argument(
        "--idle", type=int, nargs="?", const=20_000, help="hold so many connections that do nothing"
    )
    options = parser.parse_args()
    return contest.run_main(lambda: run(options) if options.idle is None else hold_idle(options))


if __name__ == "__main__":
    sys.exit(main())
