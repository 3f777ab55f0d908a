"""What happened, in files outside the store: one line an event, each written at once.

A line is a time (ms since the epoch, of this machine) and words. It goes out with one O_APPEND
write, so it is whole, and there even if its process is killed right after.

| file | who writes | lines |
|---|---|---|
| `acks` | producers | `KIND ID SENT DUE`: the store has acknowledged this task |
| `runs` | tasks | `begin ID RUN ATTEMPTS LAPSES SERVER` · `end RUN HOW` |
| `deeds` | the torturer | `up` `kill` `stop` `cont` `term` and a server; `kill-store` … |

A server here is one process (`b.3`: the third that bore the name b), and a run is one call of a
task's function: HOW it ended is `done`, `raised` or `cancelled`.
"""

import os
import time
from pathlib import Path


def now() -> int:
    """The time of all lines."""
    return time.time_ns() // 1_000_000


class Journal:
    """One of the files, to write to."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, *words: object) -> None:
        """One line."""
        os.write(self._file, f"{now()} {' '.join(map(str, words))}\n".encode())

    def close(self) -> None:
        os.close(self._file)


def read(path: Path) -> list[tuple[int, list[str]]]:
    """The lines of a file: time and words, in the order of the times."""
    if not path.exists():
        return []
    lines = (line.split(" ") for line in path.read_text().splitlines())
    return sorted(((int(time), words) for time, *words in lines), key=lambda line: line[0])
