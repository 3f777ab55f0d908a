"""Draining a queue: the one clock by which ours and every peer are timed.

Rules:
- N tasks are enqueued first; then one worker is started and runs until nothing is left. The clock
  is outside of every worker: it asks the store how many tasks are not finished, runs from the
  first look that finds fewer than N to the first that finds none, and counts what went in between.
  Starting up is not part of it.
- Before a peer is timed, a handful of tasks must prove that they ran, each once and with the
  parameters that were enqueued: a worker that throws away what it does not know is fast too.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.processes import BenchmarkError, Contestant, running
from benchmarks.task_peers import Peer, Store

PATIENCE = 120.0
"""Seconds until a worker that does not get through is given up."""

PROBE = 200
"""Tasks of the first run that tells how many make a run of the length asked."""
LONGEST_PROBE = 100 * PROBE


class TooFewError(BenchmarkError):
    """A run was over before it could be timed."""


@dataclass(frozen=True)
class Drained:
    """What one run measured."""

    per_second: float
    cpu: float
    """Processor time of the worker's processes for one task, in microseconds."""


def _environment(peer: Peer, store: Store, concurrency: int) -> Mapping[str, str]:
    return {
        **store.env,
        "BENCH_CONCURRENCY": str(concurrency),
        "BENCH_SAFE": "1",
        **peer.env,
    }


def enqueue(peer: Peer, store: Store, count: int, env: Mapping[str, str]) -> None:
    """Fill an empty store with tasks; raise `BenchmarkError` if they are not all there."""
    folder = peer.prepare()
    store.clear()
    command = [str(part) for part in peer.producer(count)]
    done = subprocess.run(
        command, check=False, capture_output=True, cwd=folder, env={**os.environ, **env}
    )
    if done.returncode != 0 or peer.remaining(store) != count:
        said = (done.stdout + done.stderr).decode(errors="replace")
        found = peer.remaining(store)
        raise BenchmarkError(f"{peer.name} enqueued {found} tasks, not {count}:\n{said}")


def watch(peer: Peer, store: Store, count: int, worker: Contestant) -> tuple[float, float]:
    """Wait until a queue is drained; give tasks a second, and processor time a task in µs."""
    deadline = time.monotonic() + PATIENCE
    while (first := peer.remaining(store)) >= count:
        _rest(worker, peer, deadline, store.look_every)
    began, cpu = time.perf_counter(), worker.cpu_seconds()
    while peer.remaining(store):
        _rest(worker, peer, deadline, store.look_every)
    seconds, used = time.perf_counter() - began, worker.cpu_seconds() - cpu
    if not first or seconds <= 0:
        raise TooFewError(f"{count} tasks are too few to time {peer.name}: raise the number")
    return first / seconds, used / first * 1e6


def _rest(worker: Contestant, peer: Peer, deadline: float, seconds: float) -> None:
    worker.require_alive()
    if time.monotonic() > deadline:
        said = worker.last_output()
        raise BenchmarkError(f"{peer.name} did not get through in {PATIENCE:g} s:\n{said}")
    time.sleep(seconds)


def drain(peer: Peer, store: Store, folder: Path, count: int, concurrency: int) -> Drained:
    """Enqueue, start a worker, time it."""
    env = _environment(peer, store, concurrency)
    enqueue(peer, store, count, env)
    command, log = peer.worker(concurrency), folder / f"{peer.name}.log"
    with running(command, cwd=peer.prepare(), log=log, env=env) as worker:
        per_second, cpu = watch(peer, store, count, worker)
    return Drained(per_second, cpu)


def prove(peer: Peer, store: Store, folder: Path, count: int = 20) -> None:
    """Raise `BenchmarkError` unless so many tasks run once each with their parameters."""
    proof = folder / f"{peer.name}.proof"
    proof.unlink(missing_ok=True)
    env = {**_environment(peer, store, peer.concurrency), "BENCH_PROOF": str(proof)}
    enqueue(peer, store, count, env)
    expected = sorted(f"{number} ada@example.com" for number in range(count))
    found: list[str] = []
    deadline = time.monotonic() + PATIENCE
    log = folder / f"{peer.name}.log"
    with running(peer.worker(peer.concurrency), cwd=peer.prepare(), log=log, env=env) as worker:
        while len(found) < count:
            _rest(worker, peer, deadline, store.look_every)
            found = sorted(proof.read_text().splitlines()) if proof.exists() else []
    if found != expected:
        raise BenchmarkError(f"{peer.name} ran the wrong tasks: {found}")


def choose_count(peer: Peer, store: Store, folder: Path, seconds: float) -> int:
    """Give the number of tasks that a peer takes about so many seconds for."""
    count = PROBE
    # A fast worker needs a longer look to be told from its own start.
    while True:
        with contextlib.suppress(TooFewError):
            rate = drain(peer, store, folder, count, peer.concurrency).per_second
            if count / rate > 0.3 or count >= LONGEST_PROBE:
                return max(PROBE, round(rate * seconds))
        count *= 10
