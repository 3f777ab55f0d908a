"""`python -m tests.slow`: a real server under slow clients. Ends with 1 if it did not stand it.

slowhttptest opens a thousand connections that send their head, or their body, or read the answer,
as slowly as can be. All of them must be gone in time, ordinary requests be answered all the while
with a p99 within twice that before, and the server be no larger afterwards.
"""

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.processes import ServerProcess
from tests.slow.attack import ATTACKS, TOOL, Asking, Attack, Outcome, run

_MISSING = f"{TOOL} is not installed; Debian has it: apt-get install {TOOL}"
_QUIET = 5.0
"""Seconds of ordinary requests before each attack."""
_LIMITS = {
    "ACTIONHERO_WEB__CONNECTIONS_PER_ADDRESS": "5000",
    "ACTIONHERO_WEB__WRITE_TIMEOUT": "10s",
    "ACTIONHERO_TCP__ENABLED": "false",
    "ACTIONHERO_TASKS__ENABLED": "false",
}
"""All clients come from one address here; and half a minute for a reader would take long."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Attack as it was told."""
    names = [attack.name for attack in ATTACKS]
    parser = argparse.ArgumentParser(prog="slow")
    parser.add_argument("--mode", action="append", choices=names)
    given = parser.parse_args(arguments)
    if shutil.which(TOOL) is None:
        print(_MISSING, file=sys.stderr)
        return 1
    wanted = [attack for attack in ATTACKS if attack.name in (given.mode or names)]
    return 0 if show(asyncio.run(_attack_all(wanted))) else 1


async def _attack_all(attacks: Sequence[Attack]) -> list[Outcome]:
    with tempfile.TemporaryDirectory(prefix="slow-") as folder:
        directory = Path(folder)
        (directory / "public").mkdir()
        (directory / "public" / "large").write_bytes(os.urandom(10_000_000))
        project = str(Path(__file__).parents[2])
        server = ServerProcess(directory, "tests.slow.app:app", PYTHONPATH=project, **_LIMITS)
        try:
            await server.start()
            return [await _attack(attack, server, directory) for attack in attacks]
        finally:
            await server.kill()


async def _attack(attack: Attack, server: ServerProcess, directory: Path) -> Outcome:
    quiet, asking = Asking(server.http_port), Asking(server.http_port)
    await quiet.ask_for(_QUIET)
    memory, descriptors = _size_of(server)
    busy = asyncio.create_task(asking.ask())
    report = await run(attack, server.http_port, directory)
    busy.cancel()
    await asyncio.wait([busy])
    await asyncio.sleep(1)  # what slowhttptest closed itself is closed here, too
    memory_after, descriptors_after = _size_of(server)
    return Outcome(
        attack,
        report,
        tuple(asking.failures),
        asking.asked,
        quiet.p99,
        asking.p99,
        memory_after - memory,
        descriptors_after - descriptors,
    )


def _size_of(server: ServerProcess) -> tuple[int, int]:
    """The bytes that a server's process has, and its descriptors."""
    process = Path(f"/proc/{server.process.pid}")
    pages = int((process / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE"), len(list((process / "fd").iterdir()))


def show(outcomes: Sequence[Outcome]) -> bool:
    """A line for each attack, and what was wrong; whether nothing was."""
    heads = ("connected", "gone after", "asked", "p99 before", "during", "memory", "descriptors")
    print(f"{'':8}" + "".join(f"{head:>13}" for head in heads))
    for one in outcomes:
        cells = (
            str(one.report.connected),
            f"{one.report.ended} s",
            f"{one.asked:,}",
            f"{one.before:.2f} ms",
            f"{one.during:.2f} ms",
            f"{one.memory / 1e6:+.1f} MB",
            f"{one.descriptors:+d}",
        )
        print(f"{one.attack.name:8}" + "".join(f"{cell:>13}" for cell in cells))
    faults = [f"{one.attack.name}: {fault}" for one in outcomes for fault in one.faults()]
    for fault in faults:
        print(fault)
    return not faults


if __name__ == "__main__":
    sys.exit(main())
