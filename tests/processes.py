"""Real servers as processes, for the tests that kill them."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from actionhero.testing import HttpClient

DEADLINE = 40.0


class ServerProcess:
    """`actionhero start` in a directory of its own, on free ports."""

    def __init__(self, directory: Path, target: str, *args: str, **env: str) -> None:
        self.directory = directory
        self.http_port, self.tcp_port = free_port(), free_port()
        self._command = [sys.executable, "-m", "actionhero", "start", target]
        self._command += ["--port", str(self.http_port), "--tcp-port", str(self.tcp_port), *args]
        self._env = {**os.environ, **env}
        self._log = directory / "server.log"
        self.process: asyncio.subprocess.Process
        self.http = HttpClient("127.0.0.1", self.http_port)

    async def start(self) -> None:
        """Start it and wait until it is ready."""
        with self._log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self._command, cwd=self.directory, env=self._env, stdout=log, stderr=log
            )
        await wait_for(self._is_ready)

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    async def wait(self) -> int:
        """Its exit code."""
        async with asyncio.timeout(DEADLINE):
            return await self.process.wait()

    async def kill(self) -> None:
        """End it as `kill -9` does."""
        if self.process.returncode is None:
            self.process.kill()
        await self.wait()
        await self.http.aclose()

    @property
    def log(self) -> str:
        """All that it printed."""
        return self._log.read_text()

    async def _is_ready(self) -> bool:
        if self.process.returncode is not None:
            raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.log}")
        with contextlib.suppress(OSError, EOFError):
            return (await self.http.get("/readyz")).status == 200
        await self.http.aclose()
        return False


@contextlib.asynccontextmanager
async def serving(
    directory: Path, source: str, *args: str, **env: str
) -> AsyncIterator[ServerProcess]:
    """A server for the app in `source`, killed at the end if it still runs."""
    (directory / "served.py").write_text(source)
    server = ServerProcess(directory, "served:app", *args, **env)
    try:
        await server.start()
        yield server
    finally:
        await server.kill()


async def wait_for(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return as soon as `condition` holds."""
    async with asyncio.timeout(DEADLINE):
        while not await condition():
            await asyncio.sleep(0.02)


def store_pid(directory: Path) -> int:
    """The process of the embedded store of a directory."""
    socket_path = (directory / ".actionhero").resolve()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if str(socket_path).encode() in (entry / "cmdline").read_bytes():
                    return int(entry.name)
    raise AssertionError(f"no store runs in {directory}")


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
