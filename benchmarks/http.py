"""HTTP: `python -m benchmarks.http`: ours beside a bare httptools server and FastAPI.

Every server is one process. All are up during the whole run and loaded in turn, each case in
`--rounds` rounds. A figure is the median of its rounds; a ratio is the median of the rounds' ratios
to the other server's load of the same round, so that a neighbour's burst of work falls on both.
"CPU" is the server process's own processor time per request.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import python_environment
from benchmarks.processes import BenchmarkError, Contestant, find_free_port, running
from benchmarks.report import describe_machine, format_ratio, format_table
from benchmarks.wrk import Load, Request, require_wrk, run_wrk

HERE = Path(__file__).parent
REFERENCE = "bare httptools"

FASTAPI = ("fastapi==0.165.0", "uvicorn==0.54.0", "httptools==0.9.0", "uvloop==0.23.0")

BROWSER_HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "Accept-Language": "en-GB,en;q=0.7,de;q=0.3",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Connection": "keep-alive",
    "Referer": "http://127.0.0.1/index.html",
    "Cookie": "theme=dark; consent=1; visitor=5d0b52d8",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Site": "same-origin",
    "Priority": "u=4",
    "Cache-Control": "no-cache",
}

GREETING = {"greeting": "Hello, Ada."}
CASES = (
    Request("GET", "GET", "/api/hello?name=Ada", GREETING),
    Request("GET, 12 headers", "GET", "/api/hello?name=Ada", GREETING, BROWSER_HEADERS),
    Request(
        "POST",
        "POST",
        "/api/register",
        {"name": "Ada", "age": 36, "email": "ada@example.com", "tags": 2},
        {"Content-Type": "application/json"},
        '{"name":"Ada","age":36,"email":"ada@example.com","tags":["maths","engines"]}',
    ),
)


@dataclass(frozen=True)
class Server:
    """One way to serve the same replies: a command for a given port."""

    name: str
    command: Callable[[int], Sequence[str | Path]]


def _bare(port: int) -> Sequence[str | Path]:
    return [sys.executable, HERE / "servers" / "bare_http.py", str(port)]


def _ours(port: int) -> Sequence[str | Path]:
    target = f"{HERE / 'servers' / 'hello.py'}:app"
    tcp_port = str(find_free_port())
    start = [sys.executable, "-m", "actionhero", "start", target]
    return [*start, "--port", str(port), "--tcp-port", tcp_port]


def _fastapi(port: int) -> Sequence[str | Path]:
    python = python_environment("fastapi", FASTAPI)
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--workers", "1"]
    app = ["--app-dir", str(HERE / "peers"), "fastapi_app:app"]
    return [python, "-m", "uvicorn", "--port", str(port), *options, *app]


SERVERS = (
    Server(REFERENCE, _bare),
    Server("actionhero", _ours),
    Server("fastapi", _fastapi),
)


@dataclass
class Entrant:
    """A server that runs, and what was measured of it, by case."""

    name: str
    port: int
    contestant: Contestant
    loads: dict[str, list[Load]]
    cpu: dict[str, list[float]]

    def rates(self, case: str) -> list[float]:
        """Give the requests per second of each round."""
        return [load.per_second for load in self.loads[case]]


def check_reply(request: Request, port: int) -> None:
    """Raise `BenchmarkError` unless the server gives the right status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request(request.method, request.target, request.body, dict(request.headers))
        reply = connection.getresponse()
        body = reply.read()
    if reply.status != 200 or json.loads(body) != request.expected:
        raise BenchmarkError(f"wrong reply to {request.label}: {reply.status} {body[:500]!r}")


def measure(entrant: Entrant, request: Request, folder: Path, options: argparse.Namespace) -> None:
    """Load one server with one request for one round."""
    before = entrant.contestant.cpu_seconds()
    load = run_wrk(
        request, entrant.port, folder, connections=options.connections, seconds=options.seconds
    )
    used = entrant.contestant.cpu_seconds() - before
    entrant.loads.setdefault(request.label, []).append(load)
    entrant.cpu.setdefault(request.label, []).append(used / load.requests * 1e6)


def start_all(
    stack: contextlib.ExitStack, folder: Path, names: Sequence[str] | None
) -> list[Entrant]:
    """Start the chosen servers and see that each answers every case rightly."""
    entrants = []
    for server in SERVERS:
        if names and server.name not in names:
            continue
        port = find_free_port()
        home = folder / server.name
        home.mkdir()
        command = server.command(port)
        contestant = stack.enter_context(running(command, cwd=home, log=home / "log"))
        contestant.wait_port(port)
        for request in CASES:
            check_reply(request, port)
        entrants.append(Entrant(server.name, port, contestant, {}, {}))
    return entrants


def report(entrants: Sequence[Entrant], case: str) -> str:
    """Lay out the table of one case."""
    rates = {entrant.name: entrant.rates(case) for entrant in entrants}
    head = [case, "requests/s", "× bare", "× FastAPI", "CPU µs/request", "p50 ms", "p99 ms"]
    rows = []
    for entrant in entrants:
        loads, own = entrant.loads[case], rates[entrant.name]
        rows.append(
            [
                entrant.name,
                f"{statistics.median(own):,.0f}",
                format_ratio(own, rates.get(REFERENCE)),
                format_ratio(own, rates.get("fastapi")),
                f"{statistics.median(entrant.cpu[case]):.1f}",
                f"{statistics.median(load.p50 for load in loads):.2f}",
                f"{statistics.median(load.p99 for load in loads):.2f}",
            ]
        )
    return format_table(head, rows)


def run(options: argparse.Namespace) -> None:
    """Start, check, warm up, load in turns, print."""
    require_wrk()
    print(
        f"{describe_machine()}\n{options.connections} connections, {options.rounds} rounds "
        f"of {options.seconds:g} s, medians\n"
    )
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        entrants = start_all(stack, folder, options.only)
        for entrant in entrants:
            run_wrk(CASES[0], entrant.port, folder, connections=options.connections, seconds=1)
        for request in CASES:
            for _ in range(options.rounds):
                for entrant in entrants:
                    measure(entrant, request, folder, options)
            print(report(entrants, request.label), flush=True, end="\n\n")


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one round")
    parser.add_argument("--connections", type=int, default=64)
    names = [server.name for server in SERVERS]
    parser.add_argument("--only", nargs="+", choices=names, help="run only these servers")
    try:
        run(parser.parse_args())
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
