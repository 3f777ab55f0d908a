"""The processes of a torture run: the store, the servers, a producer. All are ours, each ended by
its own id, and all end with us even if we are killed."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from actionhero.store.binary import find_server
from actionhero.store.client import StoreClient
from actionhero.store.process import launcher
from tests.torture.plan import LEASE

_PROJECT = Path(__file__).parents[2]


class Process:
    """One of them. What it says goes to `log`."""

    def __init__(self, command: list[str], log: Path, env: dict[str, str]) -> None:
        self.log = log
        self.is_stopped = False
        self._command = [*launcher(), *command]
        self._env = {**os.environ, **env}
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                cwd=_PROJECT,
                env=self._env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None and self.is_running:
            self._process.send_signal(number)
            self.is_stopped = number == signal.SIGSTOP

    async def kill(self) -> None:
        """End it as `kill -9` does."""
        self.send(signal.SIGKILL)
        await self.wait(30)

    async def wait(self, seconds: float) -> bool:
        """Whether it ended in time."""
        if self._process is not None and self.is_running:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._process.wait()
        return not self.is_running


class Store(Process):
    """A Valkey of our own, which has all it knows in an append-only file."""

    def __init__(self, directory: Path, appendfsync: str) -> None:
        data = directory / "store"
        data.mkdir(exist_ok=True)
        socket = directory / "s"
        self.url = f"unix://{socket}"
        options = {
            "port": "0",
            "unixsocket": str(socket),
            "dir": str(data),
            "appendonly": "yes",
            "appendfsync": appendfsync,
            "save": "",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        super().__init__([str(find_server()), *words], directory / "store.log", {})

    async def start(self) -> None:
        """Start it and wait until it has loaded its data."""
        await super().start()
        await (await self.connect()).aclose()

    async def connect(self) -> StoreClient:
        return await StoreClient.connect(self.url, connect_timeout=30.0)


class Server(Process):
    """`actionhero work`, called `name` in the cluster and `label` in the journal."""

    def __init__(self, directory: Path, url: str, name: str, number: int) -> None:
        self.name = name
        self.label = f"{name}.{number}"
        env = {
            "TORTURE_DIR": str(directory),
            "TORTURE_SERVER": self.label,
            "ACTIONHERO_GENERAL__NAME": name,
            "ACTIONHERO_GENERAL__SHUTDOWN_TIMEOUT": "1s",
            "ACTIONHERO_STORE__COMMAND_TIMEOUT": "2s",
            "ACTIONHERO_TASKS__LEASE": f"{LEASE}s",
            "ACTIONHERO_TASKS__CONCURRENCY": "20",
            "ACTIONHERO_TASKS__MAX_LAPSES": "1000",
        }
        command = [sys.executable, "-m", "actionhero", "work", "tests.torture.app:app"]
        super().__init__([*command, "--store", url], directory / f"{self.label}.log", env)

    async def start(self) -> None:
        """Start it and wait until it works, or has ended."""
        await super().start()
        while self.is_running and "server started" not in self.log.read_text():
            await asyncio.sleep(0.05)


def producer(directory: Path, url: str, seed: str, rate: float) -> Process:
    """`tests.torture.producer`."""
    env = {"TORTURE_DIR": str(directory), "TORTURE_RATE": str(rate)}
    command = [sys.executable, "-m", "tests.torture.producer", url, seed]
    return Process(command, directory / "producer.log", env)
