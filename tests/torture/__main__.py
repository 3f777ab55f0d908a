"""`python -m tests.torture`: some minutes of harm, and what came of it. Ends with 1 if it was bad.

Options: --seed N, --seconds S, --pause S (between two deeds), --appendfsync always or everysec,
--directory D (which is kept).
"""

import argparse
import asyncio
import logging
import random
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.torture.checker import Evidence, Row, judge
from tests.torture.torturer import Options, Torturer

_SHOWN = 10
"""Faults of one row."""


def main() -> int:
    """Run it as it was told."""
    parser = argparse.ArgumentParser(prog="torture")
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--appendfsync", choices=("always", "everysec"), default="always")
    parser.add_argument("--pause", type=float, default=1.8)
    parser.add_argument("--directory", type=Path)
    given = parser.parse_args()
    directory = given.directory or Path(tempfile.mkdtemp(prefix="torture-"))
    directory.mkdir(parents=True, exist_ok=True)
    options = Options(given.seconds, given.seed, given.appendfsync, given.pause)
    print(f"seed {given.seed}, {given.seconds:g} s of harm, appendfsync {given.appendfsync}")
    logging.getLogger("actionhero").setLevel(logging.ERROR)  # that the store is away is our doing
    asyncio.run(Torturer(directory, options).run())
    evidence = Evidence.read(directory)
    rows = judge(evidence, forgets=given.appendfsync == "everysec")
    show(evidence, rows)
    is_good = not any(row.faults for row in rows)
    if is_good and given.directory is None:
        shutil.rmtree(directory)
    else:
        print(f"the journal and all logs are in {directory}")
    return 0 if is_good else 1


def show(evidence: Evidence, rows: Sequence[Row]) -> None:
    """A table of what was done, and one of what was found."""
    print("\ndeeds: " + ", ".join(f"{name} {n}" for name, n in sorted(evidence.deeds.items())))
    print(f"\n{'':44}{'checked':>9}{'faults':>8}")
    for row in rows:
        print(f"{row.what:44}{row.checked:>9}{len(row.faults):>8}  {row.note}")
    for row in rows:
        for fault in row.faults[:_SHOWN]:
            print(f"  {row.what}: {fault}")


if __name__ == "__main__":
    sys.exit(main())
