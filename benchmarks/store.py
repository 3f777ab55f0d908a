"""The store's client: `python -m benchmarks.store`: ours beside redis-py and valkey-glide.

Callers that each await one command after another, all against one valkey-server that writes
nothing to disk. All over TCP, which valkey-glide needs; ours on a Unix socket too, which is how an
embedded store is reached. Each runs in a process of its own, on uvloop.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.contest import run_main
from benchmarks.environments import python_environment
from benchmarks.processes import BenchmarkError, find_free_port, running
from benchmarks.report import describe_machine, format_ratio, format_table
from benchmarks.valkey import find_valkey_server

LOAD = Path(__file__).parent / "peers" / "store_load.py"
REDIS = ("redis==8.1.0", "hiredis==3.5.0", "uvloop==0.23.0")
GLIDE = ("valkey-glide==2.6.0", "uvloop==0.23.0")
OURS = "actionhero"
REFERENCES = ("redis-py", "valkey-glide")


@dataclass(frozen=True)
class Run:
    """What one run measured; `cpu` is processor time of the client's process in µs a command."""

    per_second: float
    cpu: float


@dataclass(frozen=True)
class Client:
    """A client: its interpreter, its name in the load, and where it finds the server."""

    python: Path
    name: str
    address: str

    def run(self, callers: int, seconds: float) -> Run:
        """Load the server once; raise `BenchmarkError` if it does not get through."""
        command = [self.python, LOAD, self.name, self.address, callers, seconds]
        done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise BenchmarkError(f"{self.name} failed:\n{done.stdout}{done.stderr}")
        count, took, used = map(float, done.stdout.split())
        return Run(count / took, used / count * 1e6)


def compare(clients: dict[str, Client], callers: int, options: argparse.Namespace) -> str:
    """Load in turns; lay out the medians."""
    runs: dict[str, list[Run]] = {name: [] for name in clients}
    for _ in range(options.rounds):
        for name, client in clients.items():
            runs[name].append(client.run(callers, options.seconds))
    rates = {name: [run.per_second for run in own] for name, own in runs.items()}
    rows = [
        [
            name,
            f"{statistics.median(rates[name]):,.0f}",
            f"{max(rates[name]):,.0f}",
            *(format_ratio(rates[name], rates.get(reference)) for reference in REFERENCES),
            f"{statistics.median(run.cpu for run in own):.1f}",
        ]
        for name, own in runs.items()
    ]
    ratios = [f"× {name}" for name in REFERENCES]
    head = [f"{callers} callers", "commands/s", "best round", *ratios, "CPU µs/command"]
    return format_table(head, rows)


def run(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of one run")
    parser.add_argument("--callers", type=int, nargs="+", default=[100, 10, 1])
    options = parser.parse_args(arguments)
    own, redis = Path(sys.executable), python_environment("redis-py", REDIS)
    glide = python_environment("valkey-glide", GLIDE)
    print(f"{describe_machine()}\n{options.rounds} rounds of {options.seconds:g} s, medians\n")
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), find_free_port()
        socket = str(folder / "valkey.sock")
        listen = ["--port", str(port), "--unixsocket", socket]
        command = [str(find_valkey_server()), *listen, "--save", "", "--appendonly", "no"]
        with running(command, cwd=folder, log=folder / "log") as server:
            server.wait_port(port)
            clients = {
                OURS: Client(own, "actionhero", str(port)),
                f"{OURS}, Unix socket": Client(own, "actionhero", socket),
                "redis-py": Client(redis, "redis-py", str(port)),
                "valkey-glide": Client(glide, "valkey-glide", str(port)),
            }
            for callers in options.callers:
                print(compare(clients, callers, options), flush=True)
                print()


if __name__ == "__main__":
    raise SystemExit(run_main(run))
