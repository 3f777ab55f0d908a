"""Processes that a benchmark starts, measures and ends.

Rules:
- A contestant is a process of its own, in a session of its own, with its output in a file that an
  error message quotes. It ends with the `with` block, however that is left.
- Processor time is read from the kernel, so that a figure stands even where other work on the
  machine makes the wall clock useless.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class BenchmarkError(Exception):
    """A benchmark cannot go on; the message says what to do."""


def find_free_port() -> int:
    """Give a loopback TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _read_stat(stat: Path) -> list[str]:
    # The second field is the command in brackets, which may itself hold spaces and brackets.
    return stat.read_text().rpartition(")")[2].split()


def _members(session: int) -> Iterator[tuple[int, list[str]]]:
    """Give the living processes of a session, each with the fields of its `stat`."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        # A process may end between the listing and the look.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = _read_stat(stat)
            if int(fields[3]) == session:
                yield int(stat.parent.name), fields


def read_cpu_seconds(session: int) -> float:
    """Give the processor time used so far by the living processes of a session, in seconds."""
    ticks = sum(int(fields[11]) + int(fields[12]) for _, fields in _members(session))
    return ticks / TICKS_PER_SECOND


class Contestant:
    """A running process under measurement."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.process = process
        self.log = log

    def cpu_seconds(self) -> float:
        """Give the processor time used so far by the process and its children, in seconds."""
        return read_cpu_seconds(self.process.pid)

    def require_alive(self) -> None:
        """Raise `BenchmarkError` with the end of the output if the process has ended."""
        code = self.process.poll()
        if code is not None:
            raise BenchmarkError(f"a contestant ended with code {code}:\n{self.last_output()}")

    def last_output(self) -> str:
        """Give the last lines that the process printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-20:])

    def wait_port(self, port: int, *, timeout: float = 30.0) -> None:
        """Wait until something listens on a loopback port; raise if the process ends first."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            self.require_alive()
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
                return
            time.sleep(0.02)
        raise BenchmarkError(
            f"nothing listens on port {port} after {timeout} s:\n{self.last_output()}"
        )

    def kill(self) -> None:
        """End the process and all that it started, at once, as a power cut would."""
        session = self.process.pid
        with contextlib.suppress(ProcessLookupError):
            os.killpg(session, signal.SIGKILL)
        for process, _ in _members(session):  # a child may have made a group of its own
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Ask the process to end, and end its whole session if it does not."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
        # What the process leaves behind (worker children) is in its session, which is ours.
        self.kill()


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    *,
    cwd: Path,
    log: Path,
    env: Mapping[str, str] | None = None,
    user: str | None = None,
) -> Iterator[Contestant]:
    """Run a contestant for the length of a block.

    `env` is added to this process's environment; `log` receives its output; only root can give a
    `user` to run it as.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=user,
        )
    contestant = Contestant(process, log)
    try:
        yield contestant
    finally:
        contestant.stop()
