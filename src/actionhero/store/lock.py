"""The lock of a data directory, and where its server's socket may be.

`flock`, not `lockf`: two stores of one process must not share the lock by accident. A forked child
closes it at once, or it would hold the lock after its parent's death.
"""

import contextlib
import fcntl
import os
import shutil
import socket
import tempfile
import time
import weakref
from pathlib import Path

import msgspec

from actionhero.errors import StoreStartError

LOCK = "store.lock"
SOCKET = "store.sock"
_PREFIX = "actionhero-"
_SWEEP_AFTER = 60.0


class Record(msgspec.Struct, frozen=True):
    """What the lock file says: which process owns the server and where that listens."""

    owner: int
    socket: str


class DirectoryLock:
    """The right to run the server of `directory`. The server inherits `fd`, so the lock is free
    again only when its holder *and* the server have ended."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.fd: int | None = None
        _locks.add(self)

    def take(self) -> bool:
        """Whether it is ours now. Raises `StoreStartError` for a directory that cannot be used."""
        if self.fd is not None:
            return True
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(self.directory / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreStartError(
                f"the data directory {self.directory} cannot be used: {error.strerror}; "
                "make it a directory this user can write to, or name another one in store.url"
            ) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        self.fd = fd
        return True

    def write(self, record: Record) -> None:
        """Tell the others; only while it is ours."""
        if self.fd is not None:
            try:
                os.ftruncate(self.fd, 0)
                os.pwrite(self.fd, msgspec.json.encode(record), 0)
            except OSError as error:
                raise StoreStartError(
                    f"{self.directory / LOCK} cannot be written: {error.strerror}"
                ) from error

    def read(self) -> Record:
        """What its holder told. Raises `OSError` or `msgspec.DecodeError` if that is nothing."""
        return msgspec.json.decode((self.directory / LOCK).read_bytes(), type=Record)

    def remove_leftovers(self) -> None:
        """Remove the private directory of a holder that was killed."""
        with contextlib.suppress(OSError, msgspec.DecodeError):
            path = Path(self.read().socket)
            if path.parent != self.directory:
                path.unlink(missing_ok=True)
                path.parent.rmdir()

    def release(self) -> None:
        """Let go of it."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None


_locks: "weakref.WeakSet[DirectoryLock]" = weakref.WeakSet()


def _release_all() -> None:
    for lock in list(_locks):
        lock.release()


os.register_at_fork(after_in_child=_release_all)


class PrivateDirectory:
    """A 0700 directory with a short path, for a socket; gone at `remove` or at exit."""

    def __init__(self) -> None:
        _sweep()
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        self.remove = weakref.finalize(self, _remove, self.path, os.getpid())


def _remove(path: Path, owner: int) -> None:
    if os.getpid() == owner:  # a forked child must not take it away from its parent
        shutil.rmtree(path, ignore_errors=True)


def _sweep() -> None:
    """Remove what processes that were killed left; a server takes its socket along itself."""
    with os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX):
                with contextlib.suppress(OSError):
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime > _SWEEP_AFTER:
                        os.rmdir(entry.path)  # fails unless it is ours and empty


def can_listen(path: Path) -> bool:
    """Whether a socket can be at `path`: not if the path is too long (108 bytes) or its file system
    has no sockets. Removes what a dead server left there; so only the lock's holder may ask."""
    try:
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as probe:
            probe.bind(str(path))
        path.unlink()
    except OSError:
        return False
    return True
