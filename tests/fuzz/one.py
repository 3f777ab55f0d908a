"""`python -m tests.fuzz.one TARGET CORPUS ...`: fuzz one target with atheris, until told to stop.

What follows are options of libFuzzer. Atheris follows the branches that are taken in our modules,
and keeps in the corpus what takes new ones.
"""

import importlib
import sys
from collections.abc import Callable

TRACED = ("actionhero.protocols", "actionhero.codec")


def main() -> None:
    """Fuzz until time is up or a fault was found."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=list(TRACED)):
        targets: dict[str, Callable[[bytes], None]] = importlib.import_module(
            "tests.fuzz.targets"
        ).TARGETS
    name, *options = sys.argv[1:]
    atheris.Setup([f"fuzz {name}", *options], targets[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
