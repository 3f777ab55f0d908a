"""A short torture run, so that the long one (`make torture`) is never broken, nor far from good."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.torture.checker import Evidence

SEED = 5


@pytest.mark.timeout(150)
async def test_some_seconds_of_harm(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.torture", "--seed", str(SEED), "--seconds", "4",
        "--pause", "0.4", "--directory", str(tmp_path),
        env={**os.environ, "TORTURE_LEASE": "1.5"},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    told, _ = await process.communicate()
    assert process.returncode == 0, told.decode()
    assert processes_of(tmp_path) == []
    evidence = Evidence.read(tmp_path)
    assert len(evidence.acks) > 50
    assert evidence.deeds["kill"] >= 1


def processes_of(directory: Path) -> list[str]:
    """Those that were told of the directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(directory).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found
