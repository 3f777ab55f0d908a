"""Attacks by `slowhttptest`, and what is asked of the server meanwhile: by ordinary clients."""

import asyncio
import contextlib
import csv
import re
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

from msgspec import Struct

from actionhero.testing import HttpClient

TOOL = "slowhttptest"
CONNECTIONS = 1000
_ENDED = re.compile(r"Test ended on (\d+)th second")
_STATUS = re.compile(r"Exit status:\s*(.+)")
_GONE = "No open connections left"
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_WINDOW = 0.5
"""Seconds of requests that one p99 is taken of."""


class Attack(Struct, frozen=True):
    """One way to be slow. `seconds` is when all such connections must be gone, the time to open
    them included; `options` are slowhttptest's."""

    name: str
    path: str
    seconds: int
    options: tuple[str, ...]


ATTACKS = (
    Attack("header", "/api/hello", 30, ("-H", "-i", "3", "-x", "20")),
    Attack("body", "/api/hello", 30, ("-B", "-i", "3", "-x", "10", "-s", "100000")),
    Attack("read", "/public/large", 60, ("-X", "-w", "10", "-y", "20", "-n", "1", "-z", "32")),
)
"""Followed by a little each 3 s, or read by 32 bytes a second."""


class Report(Struct, frozen=True):
    """What slowhttptest told: when it ended and why, how many were connected at most, and how
    often its own probe found the server away."""

    ended: int
    status: str
    connected: int
    away: int


def read_report(said: str, rows: Iterable[Sequence[str]]) -> Report:
    """The report in what it printed and in the rows of its CSV: seconds, closed, pending,
    connected, available."""
    said = _COLOURS.sub("", said)
    ended, status = _ENDED.search(said), _STATUS.search(said)
    seconds = [row for row in rows if row and row[0].isdigit()]
    return Report(
        int(ended[1]) if ended else -1,
        status[1].strip() if status else "it said nothing of its end",
        max((int(row[3]) for row in seconds), default=0),
        sum(int(row[4]) == 0 for row in seconds),
    )


class Outcome(Struct, frozen=True):
    """What came of an attack: the report, the failures of ordinary requests, how many there were,
    their p99 before and during it (ms), and how much memory and how many descriptors the server
    had more at its end than before (bytes, count)."""

    attack: Attack
    report: Report
    failures: tuple[str, ...]
    asked: int
    before: float
    during: float
    memory: int
    descriptors: int

    def faults(self) -> list[str]:
        """Why the server did not stand it; empty if it did."""
        found = list(self.failures[:3])
        if self.report.connected < CONNECTIONS * 0.9:
            found.append(f"only {self.report.connected} were connected at a time")
        if self.report.status != _GONE:
            found.append(f"slow connections were still open after {self.attack.seconds} s")
        if self.report.away:
            found.append(f"it was away for {self.report.away} s")
        if self.during > max(2 * self.before, self.before + 1):
            found.append(f"p99 went from {self.before:.2f} to {self.during:.2f} ms")
        if self.memory > 100e6:
            found.append(f"it has {self.memory / 1e6:.0f} MB more")
        if self.descriptors > 5:
            found.append(f"it has {self.descriptors} descriptors more")
        return found


async def run(attack: Attack, port: int, directory: Path) -> Report:
    """Attack what listens on `port`."""
    prefix = directory / attack.name
    process = await asyncio.create_subprocess_exec(
        TOOL,
        *attack.options,
        *("-c", str(CONNECTIONS), "-r", "500", "-p", "15", "-l", str(attack.seconds)),
        *("-u", f"http://127.0.0.1:{port}{attack.path}", "-g", "-o", str(prefix)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode(errors="replace")
    table = prefix.with_suffix(".csv")
    lines = table.read_text().splitlines() if table.exists() else []
    return read_report(said, csv.reader(lines))


class Asking:
    """An ordinary client that asks again and again; `p99` is the median of those of each half
    second, in ms."""

    def __init__(self, port: int) -> None:
        self._client = HttpClient("127.0.0.1", port)
        self._windows: list[float] = []
        self.asked = 0
        self.failures: list[str] = []

    @property
    def p99(self) -> float:
        return median(self._windows) if self._windows else float("inf")

    async def ask_for(self, seconds: float) -> None:
        """Ask for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.ask()

    async def ask(self) -> None:
        """Ask until cancelled."""
        try:
            while True:
                await self._ask_a_window()
        finally:
            await self._client.aclose()

    async def _ask_a_window(self) -> None:
        times = []
        start = now = time.perf_counter()
        while now - start < _WINDOW:
            try:
                response = await self._client.get("/api/hello", name="Ada")
                if response.status != 200:
                    self.failures.append(f"an ordinary request was answered by {response.status}")
            except (OSError, EOFError, TimeoutError) as exc:
                self.failures.append(f"an ordinary request failed: {exc!r}")
                await asyncio.sleep(0.1)
            self.asked += 1
            now, before = time.perf_counter(), now
            times.append((now - before) * 1000)
        self._windows.append(sorted(times)[int(len(times) * 0.99)])
