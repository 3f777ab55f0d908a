"""Environments of the peers: a virtual environment, or a folder of Node modules, for each.

They live under `benchmarks/.peers/` (not in the repository), are made on first use, and are made
anew when the pinned versions change.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from benchmarks.processes import BenchmarkError

ROOT = Path(__file__).parent / ".peers"


def python_environment(name: str, requirements: Sequence[str]) -> Path:
    """Give the interpreter of a virtual environment that has exactly these pinned packages."""
    folder = ROOT / name
    python = folder / "bin" / "python"
    if not _is_current(folder, requirements):
        _announce(name, requirements)
        venv.create(folder, clear=True, with_pip=True)
        _run([python, "-m", "pip", "install", "--quiet", *requirements])
        _mark(folder, requirements)
    return python


def node_environment(name: str, packages: Sequence[str]) -> Path:
    """Give a folder whose `node_modules` has these pinned packages."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            raise BenchmarkError(f"{name} needs {tool}: install Node.js 20 or newer")
    folder = ROOT / name
    if not _is_current(folder, packages):
        _announce(name, packages)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{"private": true}\n')
        _run(
            ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder, *packages]
        )
        _mark(folder, packages)
    return folder


def _stamp(folder: Path) -> Path:
    return folder / "installed.txt"


def _is_current(folder: Path, pins: Sequence[str]) -> bool:
    stamp = _stamp(folder)
    return stamp.exists() and stamp.read_text().split() == list(pins)


def _mark(folder: Path, pins: Sequence[str]) -> None:
    _stamp(folder).write_text("\n".join(pins) + "\n")


def _announce(name: str, pins: Sequence[str]) -> None:
    print(f"installing the peer {name}: {' '.join(pins)}", file=sys.stderr)


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run([str(part) for part in command], check=False, capture_output=True)
    if done.returncode != 0:
        output = (done.stdout + done.stderr).decode(errors="replace")
        raise BenchmarkError(f"could not install a peer ({command[-1]}):\n{output}")
