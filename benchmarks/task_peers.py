"""The task queues that ours is held against, each at the best setting that we found for it.

To find that setting again: `python -m benchmarks.tasks_side_by_side --tune NAME`.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from benchmarks.environments import node_environment, python_environment
from benchmarks.valkey import Valkey

HERE = Path(__file__).parent / "peers"

Command = Sequence[str | Path]


class Peer(Protocol):
    """A task queue: its producer, its worker, and how to see what is left to do."""

    @property
    def name(self) -> str:
        """What it is called in tables."""

    @property
    def concurrency(self) -> int:
        """The best number of tasks at a time, or of threads, or of processes."""

    @property
    def candidates(self) -> Sequence[int]:
        """The concurrencies that were tried."""

    @property
    def env(self) -> Mapping[str, str]:
        """What it wants in its environment."""

    def remaining(self, store: Valkey) -> int:
        """Count the tasks that are not finished."""

    def prepare(self) -> Path:
        """Install it if need be; give the folder it runs in."""

    def producer(self, count: int) -> Command:
        """Give the command that enqueues so many tasks and ends."""

    def worker(self, concurrency: int) -> Command:
        """Give the command of one worker that runs tasks until it is ended."""


def length_of(*commands: tuple[str, str]) -> Callable[[Valkey], int]:
    """Make a count of what is left: the sum of the replies to some commands on keys."""

    def remaining(store: Valkey) -> int:
        return sum(store.count(command, key) for command, key in commands)

    return remaining


@dataclass(frozen=True)
class PythonPeer:
    """A peer in Python; `arguments` are those of the interpreter, for a given concurrency."""

    name: str
    pins: tuple[str, ...]
    module: str
    arguments: Callable[[int], Command]
    count: Callable[[Valkey], int]
    concurrency: int
    candidates: tuple[int, ...]
    env: Mapping[str, str] = field(default_factory=dict)

    def remaining(self, store: Valkey) -> int:
        return self.count(store)

    def prepare(self) -> Path:
        python_environment(self.name, self.pins)
        return HERE

    def producer(self, count: int) -> Command:
        python = python_environment(self.name, self.pins)
        return [python, "produce.py", self.module, str(count)]

    def worker(self, concurrency: int) -> Command:
        return [python_environment(self.name, self.pins), *self.arguments(concurrency)]


@dataclass(frozen=True)
class NodePeer:
    """A peer in JavaScript: one script that is both producer and worker."""

    name: str
    pins: tuple[str, ...]
    script: str
    count: Callable[[Valkey], int]
    concurrency: int
    candidates: tuple[int, ...]
    env: Mapping[str, str] = field(default_factory=dict)

    def remaining(self, store: Valkey) -> int:
        return self.count(store)

    def prepare(self) -> Path:
        folder = node_environment(self.name, self.pins)
        # Node looks for modules beside the script.
        shutil.copy(HERE / self.script, folder)
        return folder

    def producer(self, count: int) -> Command:
        return ["node", self.script, str(count)]

    def worker(self, concurrency: int) -> Command:
        return ["node", self.script, "work"]


@dataclass(frozen=True)
class Ours:
    """Ours: `actionhero work`, all at defaults but for the store."""

    name: str = "actionhero"
    concurrency: int = 100
    candidates: tuple[int, ...] = (1, 10, 100, 500)
    env: Mapping[str, str] = field(default_factory=dict)

    def remaining(self, store: Valkey) -> int:
        # A record stays in the hash until its task is settled.
        return store.count("HLEN", "bench:{default}:data")

    def prepare(self) -> Path:
        return HERE.parent.parent

    def producer(self, count: int) -> Command:
        return [sys.executable, "-m", "benchmarks.servers.noop_tasks", str(count)]

    def worker(self, concurrency: int) -> Command:
        target = ["benchmarks.servers.noop_tasks:app", "--concurrency", str(concurrency)]
        return [sys.executable, "-m", "actionhero", "work", *target]


def _count_stream(store: Valkey) -> int:
    """Count what a group has not acknowledged; before there is a group, the whole stream."""
    groups = store.ask("XINFO", "GROUPS", "taskiq") if store.count("EXISTS", "taskiq") else []
    if not isinstance(groups, list) or not groups:
        return store.count("XLEN", "taskiq")
    group = dict(zip(groups[0][::2], groups[0][1::2], strict=True))
    return int(group[b"pending"]) + int(group[b"lag"] or 0)


def _celery(concurrency: int) -> Command:
    quiet = ["--loglevel", "ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    pool = ["--pool", "prefork", "--concurrency", str(concurrency)]
    return ["-m", "celery", "--app", "celery_app", "worker", *quiet, *pool]


def _dramatiq(threads: int) -> Command:
    return ["-m", "dramatiq", "dramatiq_app", "--processes", "1", "--threads", str(threads)]


def _taskiq(concurrency: int) -> Command:
    limits = ["--workers", "1", "--max-async-tasks", str(concurrency)]
    return ["-m", "taskiq", "worker", "taskiq_app:broker", "--log-level", "ERROR", *limits]


def _huey(threads: int) -> Command:
    pool = ["--worker-type", "thread", "--workers", str(threads)]
    return ["-m", "huey.bin.huey_consumer", "huey_app.huey", "--quiet", *pool]


PEERS: tuple[Peer, ...] = (
    Ours(),
    PythonPeer(
        "celery",
        ("celery[redis]==5.7.0", "hiredis==3.5.0"),
        "celery_app",
        _celery,
        length_of(("LLEN", "celery"), ("HLEN", "unacked")),
        concurrency=2,
        candidates=(1, 2, 4),
    ),
    NodePeer(
        "bullmq",
        ("bullmq@6.7.0", "ioredis@5.11.1"),
        "bullmq.mjs",
        length_of(("LLEN", "bull:bench:wait"), ("LLEN", "bull:bench:active")),
        concurrency=100,
        candidates=(10, 50, 100, 200, 400),
    ),
    PythonPeer(
        "dramatiq",
        ("dramatiq[redis]==2.2.1", "hiredis==3.5.0"),
        "dramatiq_app",
        _dramatiq,
        length_of(("HLEN", "dramatiq:default.msgs")),
        concurrency=2,
        candidates=(1, 2, 4, 8),
        # The default of two messages a thread makes each fetch wait for the last.
        env={"dramatiq_queue_prefetch": "200"},
    ),
    PythonPeer(
        "taskiq",
        ("taskiq==0.13.0", "taskiq-redis==1.2.4", "hiredis==3.5.0", "uvloop==0.23.0"),
        "taskiq_app",
        _taskiq,
        _count_stream,
        concurrency=100,
        candidates=(10, 100, 400),
    ),
    PythonPeer(
        "huey",
        ("huey==3.5.4", "redis==8.1.0", "hiredis==3.5.0"),
        "huey_app",
        _huey,
        length_of(("LLEN", "huey.redis.bench")),
        concurrency=2,
        candidates=(1, 2, 4, 8),
    ),
    PythonPeer(
        "arq",
        ("arq==0.28.0", "hiredis==3.5.0"),
        "arq_app",
        lambda concurrency: ["-m", "arq", "arq_app.WorkerSettings"],  # noqa: ARG005
        length_of(("ZCARD", "arq:queue")),
        concurrency=50,
        candidates=(10, 50, 100, 200),
    ),
    PythonPeer(
        "saq",
        ("saq[redis]==0.26.4", "typing-extensions==4.16.0", "hiredis==3.5.0", "uvloop==0.23.0"),
        "saq_app",
        lambda concurrency: ["-m", "saq", "saq_app.settings", "--quiet"],  # noqa: ARG005
        length_of(("ZCARD", "saq:bench:incomplete")),
        concurrency=10,
        candidates=(1, 10, 50, 100),
    ),
    PythonPeer(
        "bullmq-python",
        ("bullmq==3.4.4", "hiredis==3.5.0"),
        "bullmq_app",
        lambda concurrency: ["bullmq_app.py"],  # noqa: ARG005
        length_of(("LLEN", "bull:bench:wait"), ("LLEN", "bull:bench:active")),
        concurrency=50,
        candidates=(10, 50, 100, 200),
    ),
)
