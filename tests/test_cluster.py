"""The manager with small servers of its own: starts, deaths, signals.

Each runs in a Python of its own, since the manager forks and takes the process's signals.
"""

import os
import select
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator

import pytest

DEADLINE = 30.0
_PRELUDE = """
import os, signal, sys, time
from actionhero.cluster import Cluster

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def until_term(ready, *words):
    told = []
    signal.signal(signal.SIGTERM, lambda *_: told.append(1))
    say(*words)
    ready()
    while not told:
        time.sleep(0.005)
"""


class Manager:
    """A manager in a process of its own. `code` defines `serve(number, ready)`."""

    def __init__(self, code: str, size: int) -> None:
        script = f"{_PRELUDE}\n{textwrap.dedent(code)}\nsys.exit(Cluster({size}, serve).run())"
        self.process = subprocess.Popen(
            [sys.executable, "-c", script],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._buffer = b""

    def line(self) -> str:
        """The next line that it or one of its servers prints."""
        assert self.process.stdout is not None
        end = time.monotonic() + DEADLINE
        while b"\n" not in self._buffer:
            assert select.select([self.process.stdout], [], [], end - time.monotonic())[0]
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, f"it ended after {self._buffer!r}"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode()

    def lines(self, count: int) -> set[str]:
        return {self.line() for _ in range(count)}

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def ends(self) -> tuple[int, str]:
        """Its exit code and what it printed since."""
        output, _ = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, (self._buffer + output).decode()


Start = Callable[..., Manager]


@pytest.fixture
def manage() -> Iterator[Start]:
    managers = []

    def start(code: str, size: int = 2) -> Manager:
        managers.append(Manager(code, size))
        return managers[-1]

    yield start
    for manager in managers:
        if manager.process.poll() is None:
            manager.process.kill()
        manager.process.communicate(timeout=DEADLINE)


def test_the_first_starts_alone_and_the_others_follow(manage: Start) -> None:
    manager = manage(
        """
        def serve(number, ready):
            say("begins", number)
            time.sleep(0.05)
            until_term(ready, "ready", number)
            say("drained", number)
            return 0
        """,
        size=3,
    )
    assert [manager.line(), manager.line()] == ["begins 0", "ready 0"]
    assert manager.lines(4) == {"begins 1", "begins 2", "ready 1", "ready 2"}
    manager.send(signal.SIGTERM)
    code, output = manager.ends()
    assert code == 0
    assert set(output.split("\n")) >= {"drained 0", "drained 1", "drained 2"}


def test_a_first_server_that_cannot_start_ends_it_with_its_code(manage: Start) -> None:
    manager = manage(
        """
        def serve(number, ready):
            say("error: the port is taken")
            return 2
        """
    )
    code, output = manager.ends()
    assert code == 2
    assert output.count("error: the port is taken") == 1


def test_a_dead_server_is_started_again(manage: Start) -> None:
    manager = manage(
        """
        def serve(number, ready):
            until_term(ready, "pid", number, os.getpid())
            return 0
        """
    )
    pids = {line.split()[1]: int(line.split()[2]) for line in manager.lines(2)}
    os.kill(pids["1"], signal.SIGKILL)
    again = [line for line in manager.lines(2) if line.startswith("pid")]
    assert len(again) == 1
    assert again[0].startswith("pid 1 ")
    assert int(again[0].split()[2]) != pids["1"]
    manager.send(signal.SIGTERM)
    assert manager.ends()[0] == 0


def test_a_server_that_keeps_dying_before_it_is_ready_ends_them_all(manage: Start) -> None:
    manager = manage(
        """
        def serve(number, ready):
            if number == 1:
                say("dies")
                return 7
            until_term(ready, "ready")
            say("drained", number)
            return 0
        """
    )
    code, output = manager.ends()
    assert code == 7
    assert output.count("dies") == 3
    assert "drained 0" in output
    assert "cannot start" in output


def test_a_second_signal_is_passed_on_and_a_third_kills(manage: Start) -> None:
    manager = manage(
        """
        def serve(number, ready):
            signal.signal(signal.SIGTERM, lambda *_: say("told"))
            ready()
            say("ready")
            while True:
                signal.pause()
        """,
        size=1,
    )
    assert manager.line() == "ready"
    for _ in range(2):
        manager.send(signal.SIGTERM)
        assert manager.line() == "told"
    manager.send(signal.SIGTERM)
    assert manager.ends()[0] == 0


def test_ctrl_c_reaches_the_servers_once_and_as_term(manage: Start) -> None:
    manager = manage(
        """
        def serve(number, ready):
            signal.signal(signal.SIGINT, lambda *_: say("interrupted"))
            until_term(ready, "ready")
            say("drained")
            return 0
        """
    )
    assert manager.lines(2) == {"ready"}
    os.killpg(manager.process.pid, signal.SIGINT)
    code, output = manager.ends()
    assert (code, output) == (130, "drained\ndrained\n")


def test_servers_end_with_their_manager(manage: Start) -> None:
    manager = manage(
        """
        def serve(number, ready):
            until_term(ready, "ready")
            say("drained")
            return 0
        """
    )
    assert manager.lines(2) == {"ready"}
    manager.process.kill()
    assert [manager.line(), manager.line()] == ["drained", "drained"]


def test_a_stop_during_the_first_start_leaves_nothing(manage: Start) -> None:
    manager = manage(
        """
        def serve(number, ready):
            say("begins")
            time.sleep(60)
            return 0
        """
    )
    assert manager.line() == "begins"
    manager.send(signal.SIGTERM)
    assert manager.ends() == (0, "")
