import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec
import pytest

from actionhero.errors import StoreStartError
from actionhero.store import lock as lock_module
from actionhero.store.lock import (
    LOCK,
    SOCKET,
    DirectoryLock,
    PrivateDirectory,
    Record,
    can_listen,
)


def test_one_has_it_and_the_other_gets_it_afterwards(tmp_path: Path) -> None:
    first, second = DirectoryLock(tmp_path), DirectoryLock(tmp_path)
    assert first.take()
    assert first.take()
    assert not second.take()
    first.release()
    first.release()
    assert second.take()
    second.release()


def test_a_process_that_inherits_it_keeps_it(tmp_path: Path) -> None:
    first, second = DirectoryLock(tmp_path), DirectoryLock(tmp_path)
    assert first.take()
    assert first.fd is not None
    heir = subprocess.Popen(["cat"], stdin=subprocess.PIPE, pass_fds=[first.fd])
    first.release()
    assert not second.take()
    heir.communicate()
    assert second.take()
    second.release()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_does_not_keep_it(tmp_path: Path) -> None:
    first, second = DirectoryLock(tmp_path), DirectoryLock(tmp_path)
    assert first.take()
    stay, go = os.pipe()
    ready, say = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go)
        os.write(say, b"!")
        os.read(stay, 1)
        os._exit(0)
    os.read(ready, 1)
    first.release()
    try:
        assert second.take()
    finally:
        second.release()
        for end in (stay, go, ready, say):
            os.close(end)
        os.waitpid(child, 0)


def test_the_record(tmp_path: Path) -> None:
    lock, other = DirectoryLock(tmp_path), DirectoryLock(tmp_path)
    with pytest.raises(FileNotFoundError):
        other.read()
    lock.write(Record(1, "/not/ours"))
    assert not (tmp_path / LOCK).exists()
    assert lock.take()
    with pytest.raises(msgspec.DecodeError):
        other.read()
    lock.write(Record(10**6, "/a/rather/long/path/of/a/socket"))
    lock.write(Record(7, "/short"))
    assert other.read() == Record(7, "/short")
    lock.release()


def test_the_directory_is_made_for_us_alone(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path / "new" / "data")
    assert lock.take()
    assert (tmp_path / "new" / "data").stat().st_mode & 0o777 == 0o700
    lock.release()


def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    for path in (tmp_path / "data", tmp_path / "data" / "below"):
        with pytest.raises(StoreStartError, match=r"cannot be used.*store\.url"):
            DirectoryLock(path).take()


AS_NOBODY = """
import os, sys
from pathlib import Path
from actionhero.errors import StoreStartError
from actionhero.store.lock import DirectoryLock
os.setuid(65534)
try:
    DirectoryLock(Path(sys.argv[1])).take()
except StoreStartError as error:
    print(error)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_directory_of_somebody_else(directory: Path) -> None:
    for path in (directory, directory / "below"):
        said = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, str(path)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "Permission denied; make it a directory this user can write to" in said


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_private_directory_goes_with_us() -> None:
    private = PrivateDirectory()
    assert private.path.stat().st_mode & 0o777 == 0o700
    child = os.fork()
    if child == 0:
        private.remove()
        os._exit(0)
    os.waitpid(child, 0)
    assert private.path.exists()
    private.remove()
    assert not private.path.exists()


def test_what_killed_holders_left_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    left, full, young, other = (tmp_path / name for name in ("a-1", "a-2", "a-3", "b-1"))
    monkeypatch.setattr(lock_module, "_PREFIX", "a-")
    for path in (left, full, young, other):
        path.mkdir()
        if path != young:
            os.utime(path, (0, 0))
    (full / "s").touch()
    os.utime(full, (0, 0))
    private = PrivateDirectory()
    private.remove()
    assert not left.exists()
    assert full.exists()
    assert young.exists()
    assert other.exists()


def test_the_private_directory_of_a_killed_holder_is_removed(tmp_path: Path) -> None:
    private, data = tmp_path / "private", tmp_path / "data"
    private.mkdir()
    lock = DirectoryLock(data)
    assert lock.take()
    for leftover in (private / SOCKET, data / SOCKET):
        leftover.touch()
        lock.write(Record(1, str(leftover)))
        lock.remove_leftovers()
    assert not private.exists()
    assert (data / SOCKET).exists()
    lock.release()


def test_where_a_socket_can_be(tmp_path: Path, directory: Path) -> None:
    assert can_listen(directory / "s")
    (directory / "s").touch()
    assert can_listen(directory / "s")
    assert not (directory / "s").exists()
    assert not can_listen(directory / ("long" * 30))
    assert not can_listen(directory / "missing" / "s")
