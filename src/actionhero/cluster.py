"""The manager of N server processes that share their ports.

Rules
- Each server is a fork of the manager, which itself neither imports the app nor touches the store,
  and a process group of its own: Ctrl-C reaches only the manager, which passes on one signal.
- The first server starts alone. If it cannot start, its reason is on the screen once, and the
  manager ends with its exit code. The others follow when it is ready.
- A server that dies is started again, after a pause that doubles with each death; one that dies
  three times in a row before it was ready ends them all.
- The first TERM or INT lets the servers drain, the second makes them stop, a third kills them.
- Servers hold the reading end of a pipe whose writing end only the manager has: when the manager
  is gone, however it went, they drain and stop.
- The ports are bound by the manager too, without listening, so that they are the same for all,
  stay ours between two servers, and are refused if somebody else has them.
"""

import contextlib
import errno
import logging
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from actionhero.errors import ListenError

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

    def __init__(self, size: int, serve: Serve) -> None:
        self._serve = serve
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
            if number != signal.SIGCHLD:
                self._stop()
                self._code = self._code or (128 + number if number == signal.SIGINT else 0)

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
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        sys.stdout.flush()
        sys.stderr.flush()
        place.pid = os.fork()
        if place.pid == 0:
            self._become_server(place, ready_out)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        os.close(ready_out)
        place.ready_pipe = ready_in

    def _become_server(self, place: _Place, ready_out: int) -> None:
        """The child's whole life; never returns."""
        code = 1
        try:
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            for number in _SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            self._close_manager_ends()
            _follow(self._life_in)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
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
            for number in _SIGNALS
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


@contextlib.contextmanager
def reserved_port(host: str, port: int, flag: str = "--port") -> Iterator[int]:
    """Keep a port for servers that will share it; 0 takes a free one. Raises `ListenError`, whose
    message names the `flag` that chooses another."""
    family, _, _, _, address = _resolve(host, port)[0]
    with contextlib.ExitStack() as exits:
        try:
            with _bound(family, address, socket.SO_REUSEADDR) as probe:
                address = probe.getsockname()
            exits.enter_context(_bound(family, address, socket.SO_REUSEADDR, socket.SO_REUSEPORT))
        except OSError as exc:
            raise ListenError(_why(exc, host, port, flag)) from exc
        yield address[1]


def _bound(family: int, address: Any, *options: int) -> socket.socket:
    """A socket bound to an address; without `SO_REUSEPORT` only if nobody listens there."""
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        for option in options:
            one.setsockopt(socket.SOL_SOCKET, option, 1)
        one.bind(address)
    except BaseException:
        one.close()
        raise
    return one


def _why(error: OSError, host: str, port: int, flag: str) -> str:
    where = f"port {port} on {host}"
    if error.errno == errno.EADDRINUSE:
        return f"{where} is in use by another program; stop that, or choose another with {flag}"
    if error.errno == errno.EACCES:
        return f"{where} may not be opened by this user; choose one above 1023 with {flag}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine; see --host"
    return f"cannot listen on {where}: {error.strerror or error}"


def _resolve(host: str, port: int) -> list[tuple[Any, Any, Any, str, Any]]:
    try:
        return socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except OSError as exc:
        raise ListenError(f"{host!r} is not an address of this machine; see --host") from exc


def _tell(ready_out: int) -> None:
    os.write(ready_out, b".")
    os.close(ready_out)


def _follow(life_in: int) -> None:
    """Drain and stop when the manager is gone."""

    def wait() -> None:
        os.read(life_in, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="follow the manager", daemon=True).start()
