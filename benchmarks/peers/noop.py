"""What every peer's task does: nothing, unless it is asked to prove that it ran."""
# mypy: ignore-errors

import os

PROOF = os.environ.get("BENCH_PROOF")


def run(number: int, email: str) -> None:
    """Do nothing; with BENCH_PROOF, the path of a file, add a line with what was handed over."""
    if PROOF:
        with open(PROOF, "a") as proof:
            proof.write(f"{number} {email}\n")
