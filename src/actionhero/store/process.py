"""The server process that we started: it ends with us, whatever ends us.

Rules
- Linux: the kernel tells the server when its parent is gone (PR_SET_PDEATHSIG). That is tied to the
  *thread* that started it, so a thread of its own starts the server and stays until it has ended.
  The signal is set between fork and exec of the server by a launcher, which then looks whether the
  parent is still there: it may have died before the signal was set.
- Elsewhere: a watchdog process reads a pipe of ours; when we are gone the pipe ends, and it sends
  the signal.
- The signal is SIGTERM: the server still writes what it has. It has a session of its own, so that
  Ctrl-C in a terminal does not reach it.
- What it says goes through a pipe that never blocks it, into a log of bounded size.
- glibc's malloc keeps more of what is freed at hand (`server_environment`): with a million tasks
  queued, a tick of 100 cost up to twice as much in its bins. Other allocators do not look.
"""

import os
import shutil
import signal
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

MAX_LOG = 1024 * 1024
_TOLD_LINES = 8

_STILL_OURS = '[ "$PPID" = "$0" ] && exec "$@"'
_PDEATHSIG = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 15)
if os.getppid() == int(sys.argv[1]):
    try:
        os.execvp(sys.argv[2], sys.argv[2:])
    except OSError as error:
        sys.exit(f"{sys.argv[2]}: {error.strerror}")
"""
_TUNABLES = "glibc.malloc.tcache_count=2000"
_WATCH = 'read -r _; kill -TERM "$0"'


def launcher() -> list[str]:
    """What to put before the server's command so that it ends with us (Linux)."""
    setpriv = shutil.which("setpriv")
    if setpriv and Path(setpriv).resolve().name == "setpriv":  # busybox's cannot do it
        own = ["--pdeathsig", "TERM", "--", "/bin/sh", "-c", _STILL_OURS]
        return [setpriv, *own, str(os.getpid())]
    return [sys.executable, "-I", "-S", "-c", _PDEATHSIG, str(os.getpid())]


def server_environment() -> dict[str, str]:
    """What the server's process is to find in its environment: ours, and what makes it fast."""
    return {"GLIBC_TUNABLES": _TUNABLES, **os.environ}


class BoundedLog:
    """Appends lines to a file; at `MAX_LOG` bytes the file becomes `<name>.1` and starts anew."""

    def __init__(self, path: Path | None) -> None:
        self.last: deque[str] = deque(maxlen=_TOLD_LINES)
        self._path = path

    def write(self, line: str) -> None:
        self.last.append(line.rstrip())
        if self._path is None:
            return
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line)
                size = file.tell()
            if size > MAX_LOG:
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        except OSError:
            # A log that cannot be written (a full disk) must not take the store with it.
            return


class ServerProcess:
    """One server process, from its start to its end."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        directory: Path,
        log: Path | None,
        inherited: Sequence[int] = (),
        use_watchdog: bool = sys.platform != "linux",
    ) -> None:
        self._owner = os.getpid()
        self._command = [*([] if use_watchdog else launcher()), *command]
        self._directory = directory
        self._inherited = tuple(inherited)
        self._use_watchdog = use_watchdog
        self._log = BoundedLog(log)
        self._begun: Future[subprocess.Popen[bytes]] = Future()
        self._thread = threading.Thread(target=self._run, name="actionhero-store", daemon=True)
        self._leash: int | None = None
        _processes.add(self)
        self._thread.start()
        self._popen = self._begun.result()

    def _run(self) -> None:
        ours, theirs = os.pipe()
        os.set_blocking(theirs, False)
        try:
            popen = self._spawn(theirs)
        except OSError as error:
            os.close(ours)
            self._begun.set_exception(error)
            return
        finally:
            os.close(theirs)
        watchdog = self._watch(popen.pid) if self._use_watchdog else None
        self._begun.set_result(popen)
        with os.fdopen(ours, encoding="utf-8", errors="replace") as said:
            for line in said:
                self._log.write(line)
        popen.wait()
        if watchdog is not None:
            self._unleash(watchdog)

    def _spawn(self, output: int) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self._command,
            cwd=self._directory,
            env=server_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=self._inherited,
            start_new_session=True,
        )

    def _watch(self, pid: int) -> "subprocess.Popen[bytes]":
        theirs, self._leash = os.pipe()
        try:
            return subprocess.Popen(
                ["/bin/sh", "-c", _WATCH, str(pid)], stdin=theirs, start_new_session=True
            )
        finally:
            os.close(theirs)

    def _unleash(self, watchdog: "subprocess.Popen[bytes]") -> None:
        watchdog.kill()
        watchdog.wait()
        self.drop_leash()

    def drop_leash(self) -> None:
        """Close our end of the watchdog's pipe; a forked child does so at once, or the watchdog
        would wait for the child too."""
        if self._leash is not None:
            os.close(self._leash)
            self._leash = None

    @property
    def is_ours(self) -> bool:
        """Whether we started it: in a forked child it is the parent's."""
        return self._owner == os.getpid()

    @property
    def has_leash(self) -> bool:
        """Whether a watchdog would notice our end."""
        return self._leash is not None

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def is_running(self) -> bool:
        return self._popen.poll() is None

    def signal(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def join(self) -> None:
        """Wait until its last words are read; only once it has ended."""
        self._thread.join(1.0)

    @property
    def ended(self) -> str:
        """How it ended."""
        code = self._popen.poll()
        if code is None:
            return "it runs"
        return f"signal {-code}" if code < 0 else f"status {code}"

    @property
    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(f"  {line}" for line in self._log.last)


_processes: "weakref.WeakSet[ServerProcess]" = weakref.WeakSet()


def _drop_leashes() -> None:
    for process in list(_processes):
        process.drop_leash()


os.register_at_fork(after_in_child=_drop_leashes)
