"""What every peer's task does: nothing, unless it is asked to leave a trace.

BENCH_PROOF: a file that gets a line with what was handed over (before a peer is timed).
BENCH_TRACE: a file outside every store that gets a line when a task starts and one when it ends,
each one write with O_APPEND, which a kill cannot tear; between the two it takes BENCH_SECONDS.
BENCH_SAFE: the settings by which the peer's documentation promises to lose nothing; else defaults.
"""
# mypy: ignore-errors

import asyncio
import os
import time

PROOF = os.environ.get("BENCH_PROOF")
TRACE = os.environ.get("BENCH_TRACE")
SECONDS = float(os.environ.get("BENCH_SECONDS", "0"))
IS_SAFE = bool(os.environ.get("BENCH_SAFE"))
PERIODIC = bool(os.environ.get("BENCH_PERIODIC"))
LEASE = 10
"""Seconds of every lease, lock or visibility timeout that can be set, with BENCH_SAFE."""

_trace = os.open(TRACE, os.O_WRONLY | os.O_APPEND | os.O_CREAT) if TRACE else -1


def note(what: str, number: object) -> None:
    """Add one line to the trace."""
    os.write(_trace, f"{what} {number} {os.getpid()} {time.time():.6f}\n".encode())


def _prove(number: int, email: str) -> None:
    with open(PROOF, "a") as proof:
        proof.write(f"{number} {email}\n")


def run(number: int, email: str) -> None:
    """Do what a task does, in a thread or process."""
    if TRACE:
        note("start", number)
        time.sleep(SECONDS)
        note("end", number)
    elif PROOF:
        _prove(number, email)


async def run_async(number: int, email: str) -> None:
    """Do what a task does, on a loop."""
    if TRACE:
        note("start", number)
        await asyncio.sleep(SECONDS)
        note("end", number)
    elif PROOF:
        _prove(number, email)


def tick() -> None:
    """Do what the periodic task does: say that it fired."""
    note("tick", 0)
