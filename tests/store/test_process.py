"""The process that ends with us. What stands in for the server is a `sleep`."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from actionhero.store import process as process_module
from actionhero.store.process import BoundedLog, ServerProcess, launcher
from tests.store.conftest import is_alive

OWNER = """
import sys, time
from pathlib import Path
from actionhero.store import process
if "no-setpriv" in sys.argv:
    process.shutil.which = lambda _: None
server = process.ServerProcess(
    ["sleep", "1000"], directory=Path("/"), log=None, use_watchdog="watchdog" in sys.argv
)
print(server.pid, flush=True)
if "leaves" not in sys.argv:
    time.sleep(1000)
"""


def wait(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def start(*command: str, directory: Path = Path("/"), log: Path | None = None) -> ServerProcess:
    return ServerProcess(command, directory=directory, log=log)


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@linux
@pytest.mark.parametrize("how", ["setpriv", "no-setpriv", "watchdog"])
@pytest.mark.parametrize("end", ["killed", "leaves"])
def test_it_ends_with_its_owner(how: str, end: str) -> None:
    if how == "setpriv" and shutil.which("setpriv") is None:
        pytest.skip("setpriv is not on PATH: the server is started without it, as the other cases")
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, how, end], stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    if end == "killed":
        assert is_alive(pid)
        owner.kill()
    owner.wait()
    owner.stdout.close()
    wait(lambda: not is_alive(pid))


def test_it_has_a_session_of_its_own() -> None:
    process = start("sleep", "1000")
    assert os.getsid(process.pid) != os.getsid(0)
    process.signal(signal.SIGTERM)
    wait(lambda: not process.is_running)
    assert process.ended == "signal 15"


def test_it_outlives_the_thread_that_asked_for_it() -> None:
    made: list[ServerProcess] = []
    thread = threading.Thread(target=lambda: made.append(start("sleep", "1000")))
    thread.start()
    thread.join()
    process = made[0]
    # Whatever would reach it with the thread's end has reached it before this signal does.
    process.signal(signal.SIGCONT)
    assert process.is_running
    process.signal(signal.SIGKILL)
    wait(lambda: not process.is_running)


def test_its_owner_died_before_the_launcher_looked() -> None:
    """A launcher that was told of another parent does not start the server."""
    ours = str(os.getpid())
    command = [part if part != ours else "1" for part in launcher()]
    assert command != launcher()
    ended = subprocess.run([*command, "/bin/echo", "started"], capture_output=True, check=False)
    assert b"started" not in ended.stdout


def test_the_launcher_without_setpriv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    started = subprocess.run([*launcher(), "/bin/echo", "yes"], capture_output=True, check=True)
    assert started.stdout == b"yes\n"
    command = [part if part != str(os.getpid()) else "1" for part in launcher()]
    refused = subprocess.run([*command, "/bin/echo", "yes"], capture_output=True, check=False)
    assert refused.stdout == b""


def test_the_launcher_does_not_trust_busybox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "busybox").touch()
    (tmp_path / "setpriv").symlink_to(tmp_path / "busybox")
    monkeypatch.setattr(shutil, "which", lambda _: str(tmp_path / "setpriv"))
    assert launcher()[0] == sys.executable


def test_its_last_words(tmp_path: Path) -> None:
    script = "for n in 1 2 3 4 5 6 7 8 9 10; do echo line $n; done; echo oops >&2; exit 3"
    process = start("/bin/sh", "-c", script, log=tmp_path / "log")
    wait(lambda: not process.is_running)
    process.join()
    assert process.ended == "status 3"
    assert process.last_words.splitlines()[0] == "  line 4"
    assert process.last_words.endswith("  line 10\n  oops")
    assert (tmp_path / "log").read_text().startswith("line 1\nline 2\n")


@pytest.mark.parametrize("own", [None, "glibc.malloc.arena_max=1"])
def test_its_malloc_is_told_to_keep_more_unless_the_user_told_it_something(
    own: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GLIBC_TUNABLES", raising=False)
    if own is not None:
        monkeypatch.setenv("GLIBC_TUNABLES", own)
    process = start("/bin/sh", "-c", 'echo "$GLIBC_TUNABLES"', log=tmp_path / "log")
    wait(lambda: not process.is_running)
    process.join()
    assert process.last_words.strip() == (own or "glibc.malloc.tcache_count=2000")


def test_a_command_that_does_not_exist() -> None:
    process = start("/no/such/binary")
    wait(lambda: not process.is_running)
    process.join()
    assert "/no/such/binary" in process.last_words


def test_what_cannot_be_started_at_all(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        start("true", directory=tmp_path / "missing")


def test_a_server_that_talks_too_much_is_not_held_up(tmp_path: Path) -> None:
    """Its pipe never blocks it: what does not fit is dropped."""
    process = start("/bin/sh", "-c", "yes | head -c 3000000 2>/dev/null; exit 4")
    wait(lambda: not process.is_running)
    process.join()
    assert process.ended == "status 4"


def test_the_log_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_module, "MAX_LOG", 1000)
    log = BoundedLog(tmp_path / "log")
    for number in range(1000):
        log.write(f"line {number}\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "log.1"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2100
    assert list(log.last)[-1] == "line 999"


def test_a_log_that_cannot_be_written_is_no_matter(tmp_path: Path) -> None:
    log = BoundedLog(tmp_path / "missing" / "log")
    log.write("still remembered\n")
    assert list(log.last) == ["still remembered"]


@linux
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_neither_owns_it_nor_keeps_its_leash() -> None:
    process = ServerProcess(["sleep", "1000"], directory=Path("/"), log=None, use_watchdog=True)
    wait(lambda: process.has_leash)
    child = os.fork()
    if child == 0:
        os._exit(0 if not process.is_ours and not process.has_leash else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert process.is_ours
    assert process.has_leash
    process.signal(signal.SIGKILL)
    wait(lambda: not process.is_running)
    process.join()
