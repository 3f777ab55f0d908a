"""`python -m tests.fuzz`: some minutes of fuzzing, divided between the targets.

Options: --seconds S in all, --jobs N at a time, --target NAME (again for more), --directory D for
the corpora, which are kept there and begun with the next time. A crash, a hang (10 s for one
input), or more than 1 GiB of memory ends a target; its input is kept and the exit code is 1.
"""

import argparse
import asyncio
import importlib.util
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from tests.fuzz.seeds import SEEDS

TOOL = "atheris"
_MISSING = f"{TOOL} is not installed, and there may be none for this Python; see `make fuzz`"
_STEPS = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_LONGEST = 4096
"""Bytes of an input."""
_TAIL = 30
"""Lines that are shown of what a target said at its end."""


class Outcome(Struct, frozen=True):
    """What came of one target: inputs that were tried, those kept, and what was found."""

    name: str
    tried: int
    kept: int
    faults: tuple[Path, ...]
    said: str
    code: int


def is_there() -> bool:
    """Whether the fuzzer is installed."""
    return importlib.util.find_spec(TOOL) is not None


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz as it was told."""
    parser = argparse.ArgumentParser(prog="fuzz")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--target", action="append", choices=sorted(SEEDS))
    parser.add_argument("--directory", type=Path)
    given = parser.parse_args(arguments)
    if not is_there():
        print(_MISSING, file=sys.stderr)
        return 1
    directory = given.directory or Path(tempfile.mkdtemp(prefix="fuzz-"))
    names = given.target or list(SEEDS)
    seconds = max(1, int(given.seconds * min(given.jobs, len(names)) / len(names)))
    print(f"{len(names)} targets, {seconds} s each, {given.jobs} at a time")
    outcomes = asyncio.run(_fuzz_all(names, directory, seconds, given.jobs))
    is_good = show(outcomes)
    if is_good and given.directory is None:
        shutil.rmtree(directory)
    else:
        print(f"the corpora and what was found are in {directory}")
    return 0 if is_good else 1


async def _fuzz_all(
    names: Sequence[str], directory: Path, seconds: int, jobs: int
) -> list[Outcome]:
    gate = asyncio.Semaphore(jobs)

    async def fuzz(name: str) -> Outcome:
        async with gate:
            return await _fuzz(name, directory / name, seconds)

    return list(await asyncio.gather(*map(fuzz, names)))


async def _fuzz(name: str, directory: Path, seconds: int) -> Outcome:
    corpus, faults = directory / "corpus", directory / "faults"
    corpus.mkdir(parents=True, exist_ok=True)
    faults.mkdir(exist_ok=True)
    for number, seed in enumerate(SEEDS[name]):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = (
        f"-max_total_time={seconds}",
        f"-max_len={_LONGEST}",
        "-timeout=10",
        "-rss_limit_mb=1024",
        "-print_final_stats=1",
        f"-artifact_prefix={faults}/",
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.fuzz.one",
        name,
        str(corpus),
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode(errors="replace")
    tried = _STEPS.search(said)
    return Outcome(
        name,
        int(tried[1]) if tried else 0,
        len(list(corpus.iterdir())),
        tuple(sorted(faults.iterdir())),
        "\n".join(said.splitlines()[-_TAIL:]),
        process.returncode or 0,
    )


def show(outcomes: Sequence[Outcome]) -> bool:
    """A line for each target, then what was found; whether nothing was."""
    print(f"\n{'':14}{'tried':>12}{'kept':>8}{'faults':>8}")
    for one in outcomes:
        print(f"{one.name:14}{one.tried:>12,}{one.kept:>8}{len(one.faults):>8}")
    bad = [one for one in outcomes if one.code or one.faults or not one.tried]
    for one in bad:
        print(f"\n{one.name} ended with {one.code}:\n{one.said}")
        for fault in one.faults:
            print(f"{fault}: {fault.read_bytes()[:300]!r}")
    return not bad


if __name__ == "__main__":
    sys.exit(main())
