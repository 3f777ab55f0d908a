"""A contest: servers that run side by side and are loaded in turn.

Rules:
- All servers are up during the whole run; an idle one costs nothing that could be seen.
- Rounds are interleaved (A B C, A B C, ...). A figure is the median of its rounds. A ratio is the
  median of the rounds' ratios to the other server's load of the same round, so that a neighbour's
  burst of work falls on both.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.processes import BenchmarkError, Contestant, find_free_port, running
from benchmarks.report import describe_machine, format_ratio, format_table


@dataclass(frozen=True)
class Server:
    """One server: its name, and its command for a given port."""

    name: str
    command: Callable[[int], Sequence[str | Path]]


@dataclass(frozen=True)
class Round:
    """What one round of load measured."""

    per_second: float
    cpu: float
    """Processor time of the server process for one request, in microseconds."""
    p50: float
    """Milliseconds, as is `p99`."""
    p99: float


@dataclass
class Entrant:
    """A server that runs, and what was measured of it in each case."""

    name: str
    port: int
    contestant: Contestant
    rounds: dict[str, list[Round]] = field(default_factory=dict)

    def rates(self, case: str) -> list[float]:
        """Give the requests per second of each round of a case."""
        return [entry.per_second for entry in self.rounds[case]]


def add_options(parser: argparse.ArgumentParser, servers: Sequence[Server]) -> None:
    """Add the options that every contest has."""
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one round")
    parser.add_argument("--connections", type=int, default=64)
    names = [server.name for server in servers]
    parser.add_argument("--only", nargs="+", choices=names, help="run only these servers")


@contextlib.contextmanager
def start_all(servers: Sequence[Server], options: argparse.Namespace) -> Iterator[list[Entrant]]:
    """Run the chosen servers, each in an empty folder of its own, for the length of a block."""
    entrants = []
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        for server in servers:
            if options.only and server.name not in options.only:
                continue
            home = Path(name) / server.name
            home.mkdir()
            port = find_free_port()
            command = server.command(port)
            contestant = stack.enter_context(running(command, cwd=home, log=home / "log"))
            contestant.wait_port(port)
            entrants.append(Entrant(server.name, port, contestant))
        yield entrants


def take_turns(
    entrants: Sequence[Entrant], case: str, rounds: int, load: Callable[[Entrant], Round]
) -> None:
    """Load every entrant once a round."""
    for _ in range(rounds):
        for entrant in entrants:
            entrant.rounds.setdefault(case, []).append(load(entrant))
            entrant.contestant.require_alive()


def tabulate(
    entrants: Sequence[Entrant],
    case: str,
    unit: str,
    references: Sequence[str],
    against: str | None = None,
) -> str:
    """Lay out the table of one case, with a column of ratios for each reference, and one of those
    of the server `against` to each of the others."""
    rates = {entrant.name: entrant.rates(case) for entrant in entrants}
    ratios = [f"× {name}" for name in references]
    if against is not None:
        ratios.append(f"{against} is ×")
    head = [case, f"{unit}s/s", *ratios, f"CPU µs/{unit}", "p50 ms", "p99 ms"]
    rows = []
    for entrant in entrants:
        own, rounds = rates[entrant.name], entrant.rounds[case]
        rows.append(
            [
                entrant.name,
                f"{statistics.median(own):,.0f}",
                *(format_ratio(own, rates.get(name)) for name in references),
                *([] if against is None else [format_ratio(rates.get(against, []), own)]),
                f"{statistics.median(entry.cpu for entry in rounds):.1f}",
                f"{statistics.median(entry.p50 for entry in rounds):.2f}",
                f"{statistics.median(entry.p99 for entry in rounds):.2f}",
            ]
        )
    return format_table(head, rows)


def describe_run(options: argparse.Namespace) -> str:
    """Say what the figures that follow were measured on, and how."""
    return (
        f"{describe_machine()}\n{options.connections} connections, "
        f"{options.rounds} rounds of {options.seconds:g} s, medians\n"
    )


def run_main(run: Callable[[], None]) -> int:
    """Run a benchmark; print what it could not do instead of a traceback. Gives the exit code."""
    try:
        run()
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0
