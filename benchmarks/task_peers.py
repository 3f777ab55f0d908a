"""What a benchmark needs of a task queue: a producer, a worker, and a look at what is left.

Those there are, with their versions and settings, are listed in `benchmarks.peer_list`.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from benchmarks.environments import node_environment, python_environment

HERE = Path(__file__).parent / "peers"

Command = Sequence[str | Path]
StoreName = Literal["valkey", "postgres"]


class Store(Protocol):
    """Where a peer keeps its tasks."""

    look_every: float
    """Seconds between two looks, so that looking costs it little."""
    env: Mapping[str, str]
    """How the peers find it."""

    def count(self, *command: str | int) -> int:
        """Ask for a number."""

    def clear(self) -> None:
        """Forget everything."""


@dataclass(frozen=True)
class Traits:
    """What is said of a peer, rather than measured."""

    kill_concurrency: int = 10
    """How many tasks at a time it runs when it is killed."""
    is_safe: bool = True
    """Whether it loses nothing when a worker is killed (`benchmarks.kill_peers` tells)."""
    safe: str = ""
    """The settings that make it so, if they are not the defaults, and there are any."""
    held_for: str = ""
    """How long it keeps what a killed worker had, at its defaults."""
    parked: tuple[tuple[str, ...], ...] = ()
    """Commands that count what it gave up but still shows."""
    period: int = 1
    """Seconds between two runs of its most frequent periodic task, 0 if it has none."""
    scheduler: tuple[str, ...] = ()
    """Arguments of the process that fires its periodic tasks, if it needs one."""


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
        """What it wants in its environment when it is timed."""

    @property
    def store(self) -> StoreName:
        """Where its tasks are."""

    @property
    def traits(self) -> Traits:
        """What is said of it."""

    def remaining(self, store: Store) -> int:
        """Count the tasks that are not finished."""

    def prepare(self) -> Path:
        """Install it if need be; give the folder it runs in."""

    def producer(self, count: int) -> Command:
        """Give the command that enqueues so many tasks and ends.

        One more argument makes it go on with one task every so many seconds.
        """

    def worker(self, concurrency: int) -> Command:
        """Give the command of one worker that runs tasks until it is ended."""

    def scheduler(self) -> Command | None:
        """Give the command of what fires its periodic tasks, if workers do not."""


def length_of(*commands: tuple[str, ...]) -> Callable[[Store], int]:
    """Make a count of what is left: the sum of the replies to some commands."""

    def remaining(store: Store) -> int:
        return sum(store.count(*command) for command in commands)

    return remaining


@dataclass(frozen=True)
class PythonPeer:
    """A peer in Python; `arguments` are those of the interpreter, for a given concurrency."""

    name: str
    pins: tuple[str, ...]
    module: str
    arguments: Callable[[int], Command]
    count: Callable[[Store], int]
    concurrency: int
    candidates: tuple[int, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    store: StoreName = "valkey"
    traits: Traits = Traits()

    def remaining(self, store: Store) -> int:
        return self.count(store)

    def prepare(self) -> Path:
        python_environment(self.name, self.pins)
        return HERE

    def producer(self, count: int) -> Command:
        python = python_environment(self.name, self.pins)
        return [python, "produce.py", self.module, str(count)]

    def worker(self, concurrency: int) -> Command:
        return [python_environment(self.name, self.pins), *self.arguments(concurrency)]

    def scheduler(self) -> Command | None:
        arguments = self.traits.scheduler
        return [python_environment(self.name, self.pins), *arguments] if arguments else None


@dataclass(frozen=True)
class NodePeer:
    """A peer in JavaScript: one script that is both producer and worker."""

    name: str
    pins: tuple[str, ...]
    script: str
    count: Callable[[Store], int]
    concurrency: int
    candidates: tuple[int, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    store: StoreName = "valkey"
    traits: Traits = Traits()

    def remaining(self, store: Store) -> int:
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

    def scheduler(self) -> Command | None:
        return None


@dataclass(frozen=True)
class Ours:
    """Ours: `actionhero work`, all at defaults but for the store."""

    name: str = "actionhero"
    concurrency: int = 100
    candidates: tuple[int, ...] = (1, 10, 100, 500)
    env: Mapping[str, str] = field(default_factory=dict)
    store: StoreName = "valkey"
    traits: Traits = Traits(held_for="10 s")

    def remaining(self, store: Store) -> int:
        # A record stays in the hash until its task is settled.
        return store.count("HLEN", "bench:{default}:data")

    def prepare(self) -> Path:
        return HERE.parent.parent

    def producer(self, count: int) -> Command:
        return [sys.executable, "-m", "benchmarks.servers.noop_tasks", str(count)]

    def worker(self, concurrency: int) -> Command:
        target = ["benchmarks.servers.noop_tasks:app", "--concurrency", str(concurrency)]
        return [sys.executable, "-m", "actionhero", "work", *target]

    def scheduler(self) -> Command | None:
        return None
