"""The manager of N server processes that share their ports.

Rules
- Each server is a fork of the manager, which itself neither imports the app nor touches the store,
  and a process group of its own: Ctrl-C reaches only the manager, which passes on one signal.
- The first server starts alone. If it cannot start, its reason is on the screen once, and the
  manager ends with its exit code. The others follow when it is ready.
- A server that dies is started again, after a pause that doubles with each death; one that dies
  three times in a row before it was ready ends them all.
- The first TERM or INT lets the servers drain, the second makes them stop, a third kills them.
  HUP is passed on, if that means something to them, unless it says that the terminal is gone.
- Servers hold the reading end of a pipe whose writing end only the manager has: when the manager
  is gone, however it went, they drain and stop.
- What the servers listen on is kept by whoever runs the manager (`listening.shared`), so that it
  stays ours between two servers.
"""

import contextlib
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator

Serve = Callable[[int, Callable[[], None]], int]
"""Runs server number n in a child process until it is stopped; calls its second argument when it
answers, and returns its exit code."""

_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 30.0
_STEADY = 10.0
"""Seconds after which a server counts as healthy again."""
_BOOT_DEATHS = 3
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)

_log = logging.getLogger("actionhero.cluster")


class _Place:
    """The place of one server: who runs in it, and what became of those before."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.pid = 0
        self.ready_pipe = -1
        self.is_ready = False
        self.started = 0.0
        self.deaths = 0
        self.boot_deaths = 0
        self.next_start: float | None = None

    def mark_ready(self) -> None:
        self.is_ready = True
        self.boot_deaths = 0

    def mark_dead(self, now: float) -> None:
        """Remember how it went and decide when the next one starts."""
        self.pid = 0
        if self.is_ready and now - self.started > _STEADY:
            self.deaths = 0
        self.boot_deaths += 0 if self.is_ready else 1
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**self.deaths)
        self.deaths += 1
        self.next_start = now + pause


class Cluster:
    """N servers. `run` blocks; it must be called where no event loop and no thread runs."""

    def __init__(self, size: int, serve: Serve, *, passes_hangup: bool = False) -> None:
        self._serve = serve
        self._handled = (*_SIGNALS, signal.SIGHUP) if passes_hangup else _SIGNALS
        self._had_terminal = os.isatty(0)
        self._places = [_Place(number) for number in range(size)]
        self._signals: list[int] = []
        self._has_run = False
        self._stops = 0
        self._code = 0
        self._wake_in, self._wake_out = -1, -1
        self._life_in, self._life_out = -1, -1

    def run(self) -> int:
        """Keep the servers running until told to stop, and return the exit code."""
        with self._handlers(), self._pipes():
            self._places[0].next_start = time.monotonic()
            while self._turn():
                pass
        return self._code

    def _turn(self) -> bool:
        """Start what is due, wait for something to happen, take note of it; False at the end."""
        now = time.monotonic()
        for place in self._places:
            if place.next_start is not None and place.next_start <= now:
                self._start(place)
        if not any(place.pid or place.next_start is not None for place in self._places):
            return False
        self._wait()
        self._take_signals()
        self._take_deaths()
        return True

    def _wait(self) -> None:
        due = [place.next_start for place in self._places if place.next_start is not None]
        timeout = max(0.0, min(due) - time.monotonic()) if due else None
        pipes = {place.ready_pipe: place for place in self._places if place.ready_pipe >= 0}
        readable, _, _ = select.select([self._wake_in, *pipes], [], [], timeout)
        for pipe in readable:
            if pipe == self._wake_in:
                os.read(pipe, 4096)
            else:
                self._take_ready(pipes[pipe])

    def _take_ready(self, place: _Place) -> None:
        """The server answers, or its end of the pipe closed because it died."""
        if os.read(place.ready_pipe, 1):
            place.mark_ready()
            self._has_run = True
            self._start_others()
        os.close(place.ready_pipe)
        place.ready_pipe = -1

    def _start_others(self) -> None:
        for place in self._places:
            if not self._stops and not place.started:
                place.next_start = time.monotonic()

    def _take_signals(self) -> None:
        taken, self._signals = self._signals, []
        for number in taken:
            if number == signal.SIGHUP and not (self._had_terminal and not os.isatty(0)):
                self._pass_on_hangup()
            elif number != signal.SIGCHLD:
                self._stop()
                self._code = self._code or (128 + number if number == signal.SIGINT else 0)

    def _pass_on_hangup(self) -> None:
        """Tell the servers that are ready; the others have just begun anyway."""
        for place in self._places:
            if place.pid and place.is_ready:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(place.pid, signal.SIGHUP)

    def _stop(self) -> None:
        """Ask the servers to end, more firmly each time."""
        self._stops += 1
        number = signal.SIGTERM if self._stops < 3 else signal.SIGKILL
        for place in self._places:
            place.next_start = None
            if place.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(place.pid, number)

    def _take_deaths(self) -> None:
        for place in self._places:
            if place.pid:
                pid, status = os.waitpid(place.pid, os.WNOHANG)
                if pid:
                    self._bury(place, os.waitstatus_to_exitcode(status))

    def _bury(self, place: _Place, code: int) -> None:
        pid = place.pid
        place.mark_dead(time.monotonic())
        if self._stops:
            place.next_start = None
            return
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
        if not self._has_run or place.boot_deaths >= _BOOT_DEATHS:
            _log.error("server %d (pid %d) cannot start: it ended %s", place.number, pid, how)
            self._code = code if code > 0 else 1
            self._stop()
        else:
            _log.warning("server %d (pid %d) ended %s; starting it again", place.number, pid, how)

    def _start(self, place: _Place) -> None:
        ready_in, ready_out = os.pipe()
        place.next_start, place.is_ready, place.started = None, False, time.monotonic()
        signal.pthread_sigmask(signal.SIG_BLOCK, self._handled)
        sys.stdout.flush()
        sys.stderr.flush()
        place.pid = os.fork()
        if place.pid == 0:
            self._become_server(place, ready_out)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self._handled)
        os.close(ready_out)
        place.ready_pipe = ready_in

    def _become_server(self, place: _Place, ready_out: int) -> None:
        """The child's whole life; never returns."""
        code = 1
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            for number in self._handled:
                signal.signal(number, signal.SIG_DFL)
            self._close_manager_ends()
            _follow(self._life_in)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, self._handled)
            code = self._serve(place.number, lambda: _tell(ready_out))
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _close_manager_ends(self) -> None:
        for place in self._places:
            if place.ready_pipe >= 0:
                os.close(place.ready_pipe)
        for end in (self._wake_in, self._wake_out, self._life_out):
            os.close(end)

    @contextlib.contextmanager
    def _handlers(self) -> Iterator[None]:
        before = {
            number: signal.signal(number, lambda n, _: self._signals.append(n))
            for number in self._handled
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def _pipes(self) -> Iterator[None]:
        self._wake_in, self._wake_out = os.pipe()
        self._life_in, self._life_out = os.pipe()
        os.set_blocking(self._wake_out, False)
        before = signal.set_wakeup_fd(self._wake_out, warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(before)
            for end in (self._wake_in, self._wake_out, self._life_in, self._life_out):
                os.close(end)


def _tell(ready_out: int) -> None:
    os.write(ready_out, b".")
    os.close(ready_out)


def _follow(life_in: int) -> None:
    """Drain and stop when the manager is gone."""

    def wait() -> None:
        os.read(life_in, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="follow the manager", daemon=True).start()
