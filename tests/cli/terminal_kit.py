"""A real pseudo-terminal with a command on it."""

import fcntl
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

DEADLINE = 30.0


class Terminal:
    """`actionhero …` as the session leader of a terminal of its own, so that keys such as Ctrl-C
    reach it as they would for a person."""

    def __init__(self, directory: Path, *args: str, rows: int = 50, columns: int = 120) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        command = [sys.executable, "-m", "actionhero", *args]
        # Who has no terminal yet and opens one gets it as its controlling terminal.
        script = 'exec "$@" <"$0" >"$0" 2>&1'
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", script, os.ttyname(slave), *command],
            cwd=directory,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "", "LINES": ""},
            start_new_session=True,
        )
        self._slave = slave
        self.shown = b""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._slave)
        os.close(self._master)

    def press(self, keys: str) -> None:
        """As a person would."""
        os.write(self._master, keys.encode())

    def wait_for(self, *texts: str) -> str:
        """All that was shown, as soon as these texts were."""
        self._read(lambda: all(text.encode() in self.shown for text in texts))
        return self.shown.decode("utf-8", "replace")

    def wait_end(self) -> int:
        """Its exit code."""
        self._read(lambda: self.process.poll() is not None)
        return self.process.wait()

    def _read(self, is_done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + DEADLINE
        while not is_done():
            assert time.monotonic() < deadline, self.shown.decode("utf-8", "replace")
            if select.select([self._master], [], [], 0.05)[0]:
                self.shown += os.read(self._master, 65536)
        while select.select([self._master], [], [], 0)[0]:
            self.shown += os.read(self._master, 65536)
