"""HTTP: `python -m benchmarks.http`: ours beside a bare httptools server and nine others.

Each server is one process that gives the same JSON replies; every one is seen to answer rightly
before it is timed. With `--half-load` each is then asked for half of what it could take, for the
latency at that load.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import statistics
import sys
from collections.abc import Sequence
from functools import partial

from benchmarks import contest, servers
from benchmarks.contest import Entrant, Round, Server
from benchmarks.processes import BenchmarkError
from benchmarks.report import format_table
from benchmarks.servers import http_peers
from benchmarks.wrk import Request, require_wrk, run_wrk

SERVERS = (
    Server("bare", servers.bare_http),
    Server("actionhero", servers.actionhero),
    *http_peers.SERVERS,
)

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


def check_reply(request: Request, port: int) -> None:
    """Raise `BenchmarkError` unless the server gives the right status and body."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request(request.method, request.target, request.body, dict(request.headers))
        reply = connection.getresponse()
        body = reply.read()
    if reply.status != 200 or json.loads(body) != request.expected:
        raise BenchmarkError(f"wrong reply to {request.label}: {reply.status} {body[:500]!r}")


def load(
    request: Request, options: argparse.Namespace, entrant: Entrant, pause: float = 0.0
) -> Round:
    """Load one server with one request for one round."""
    before = entrant.contestant.cpu_seconds()
    result = run_wrk(
        request,
        entrant.port,
        connections=options.connections,
        seconds=options.seconds,
        pause=pause,
    )
    used = entrant.contestant.cpu_seconds() - before
    return Round(result.per_second, used / result.requests * 1e6, result.p50, result.p99)


def halve(request: Request, entrants: Sequence[Entrant], options: argparse.Namespace) -> str:
    """Ask each server for half of the requests that it answered a second; a table of latencies."""
    label = f"{request.label} at half load"
    pauses = {}
    for entrant in entrants:
        cycle = 2000 * options.connections / statistics.median(entrant.rates(request.label))
        pauses[entrant.name] = cycle - load(request, options, entrant, pause=cycle).p50
    contest.take_turns(
        entrants,
        label,
        options.rounds,
        lambda one: load(request, options, one, pause=pauses[one.name]),
    )
    rows = []
    for entrant in entrants:
        rate = statistics.median(entrant.rates(label))
        share = rate / statistics.median(entrant.rates(request.label))
        p50, p99 = (
            statistics.median(getattr(entry, name) for entry in entrant.rounds[label])
            for name in ("p50", "p99")
        )
        rows.append([entrant.name, f"{rate:,.0f}", f"{share:.0%}", f"{p50:.2f}", f"{p99:.2f}"])
    return format_table([label, "requests/s", "of its full load", "p50 ms", "p99 ms"], rows)


def run(options: argparse.Namespace) -> None:
    """Start, check, warm up, load in turns, print."""
    require_wrk()
    print(contest.describe_run(options))
    with contest.start_all(SERVERS, options) as entrants:
        for entrant in entrants:
            for request in CASES:
                check_reply(request, entrant.port)
            load(CASES[0], options, entrant)
        for request in CASES:
            contest.take_turns(
                entrants,
                request.label,
                options.rounds,
                partial(load, request, options),
            )
            table = contest.tabulate(
                entrants, request.label, "request", ["bare"], against="actionhero"
            )
            print(table, flush=True, end="\n\n")
        if options.half_load:
            print(halve(CASES[0], entrants, options))


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http", description=__doc__)
    contest.add_options(parser, SERVERS)
    parser.add_argument("--half-load", action="store_true", help="latency at half of each's load")
    options = parser.parse_args()
    return contest.run_main(lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
