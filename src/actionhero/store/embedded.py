"""The embedded store: a real Valkey server that we start and that ends with its last user.

Rules
- One server per data directory. Whoever holds the lock of `<directory>/store.lock` is its owner: it
  starts the server, starts it again when it died, and shuts it down when leaving. Everybody else
  joins it through the socket that the lock file names.
- When the owner leaves or dies, its server goes with it. The others lose their connection, and the
  first of them to get the lock starts the server again from its append-only file.
- The server inherits the lock, so it stays locked until the old server has really ended: no two
  servers ever write one directory.
- `flock`, not `lockf`: two stores of one process must not share the lock by accident. Forked
  children close it at once.
- Without a directory there is no lock and nothing on disk but a socket in a private directory.
"""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import tempfile
import weakref
from pathlib import Path

import msgspec

from actionhero.errors import StoreError, StoreStartError, StoreUnavailableError
from actionhero.store.binary import find_server
from actionhero.store.client import StoreClient
from actionhero.store.dial import dial
from actionhero.store.process import ServerProcess
from actionhero.store.url import StoreUrl, parse_store_url

_SOCKET = "store.sock"
_LOCK = "store.lock"
_LOG = "store.log"
_START_TIMEOUT = 10.0
_STOP_TIMEOUT = 10.0
_LOOK_EVERY = 0.003

_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "save": "",
    "maxmemory-policy": "noeviction",
    "hz": "50",
    "latency-tracking": "no",
}
_ON_DISK = {
    "appendonly": "yes",
    "appendfsync": "everysec",
    "appenddirname": "aof",
    "aof-load-truncated": "yes",
    "auto-aof-rewrite-percentage": "100",
    "auto-aof-rewrite-min-size": "32mb",
}


class _Record(msgspec.Struct, frozen=True):
    """What the lock file says: who owns the server and where it listens."""

    owner: int
    socket: str


_forkable: "weakref.WeakSet[EmbeddedStore]" = weakref.WeakSet()


class EmbeddedStore:
    """Our own server, or our share in one that another process of the project started."""

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory and directory.absolute()
        self.url = StoreUrl("unix")
        self.pid: int | None = None
        self._lock: int | None = None
        self._process: ServerProcess | None = None
        self._private: Path | None = None
        self._mutex = asyncio.Lock()
        self._is_closed = False
        _forkable.add(self)

    @classmethod
    async def start(cls, directory: Path | None) -> "EmbeddedStore":
        """A store that answers. `None` keeps nothing on disk. Raises `StoreStartError`."""
        store = cls(directory)
        try:
            await store.ensure_running()
        except BaseException:
            await store.aclose()
            raise
        return store

    @property
    def is_owner(self) -> bool:
        """Whether the server is ours: it ends when we leave."""
        return self._process is not None

    async def ensure_running(self) -> None:
        """Return when the server answers; start it if it does not run and nobody else does.

        Raises `StoreStartError` if it cannot be started.
        """
        async with self._mutex:
            if self._is_closed:
                raise StoreStartError("the embedded store was closed")
            if self.directory is None or self._take_lock():
                await self._run_server()
            else:
                await self._join_server()

    # owning it

    def _take_lock(self) -> bool:
        if self._lock is not None:
            return True
        assert self.directory is not None  # noqa: S101
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreStartError(
                f"the data directory {self.directory} cannot be used: {error.strerror}; "
                "make it a writable directory, or name another one in store.url"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    async def _run_server(self) -> None:
        if self._process is not None and self._process.is_running:
            await self._wait_ready(self._process)
            return
        path = self._place_socket()
        if self._lock is not None:
            record = msgspec.json.encode(_Record(os.getpid(), str(path)))
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, record, 0)
        self.url = StoreUrl("unix", path=str(path))
        self._process = self._launch(path)
        self.pid = self._process.pid
        await self._wait_ready(self._process)

    def _place_socket(self) -> Path:
        """A path that a socket can have: in the data directory, or, where that is too long or its
        file system has no sockets, in a private temporary one."""
        if self._private is None and self.directory is not None:
            path = self.directory / _SOCKET
            if _can_bind(path):
                return path
        if self._private is None:
            self._private = Path(tempfile.mkdtemp(prefix="actionhero-"))
        return self._private / _SOCKET

    def _launch(self, path: Path) -> ServerProcess:
        settings = {**_SETTINGS, **(_ON_DISK if self.directory else {"appendonly": "no"})}
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        binary = find_server()
        try:
            return ServerProcess(
                [str(binary), *options, "--unixsocket", str(path)],
                directory=self.directory or path.parent,
                log=self.directory and self.directory / _LOG,
                inherited=() if self._lock is None else (self._lock,),
            )
        except OSError as error:
            raise StoreStartError(f"{binary} cannot be started: {error.strerror}") from error

    async def _wait_ready(self, process: ServerProcess) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _START_TIMEOUT
        while True:
            try:
                pid = await self._look()
            except StoreUnavailableError as error:
                if not process.is_running:
                    process.join()
                    raise StoreStartError(
                        f"the embedded store did not start: {process.last_words()}"
                    ) from None
                if "LOADING" in str(error):
                    deadline = loop.time() + _START_TIMEOUT
                if loop.time() > deadline:
                    process.signal(signal.SIGKILL)
                    raise StoreStartError(
                        f"the embedded store does not answer: {process.last_words()}"
                    ) from None
                await asyncio.sleep(_LOOK_EVERY)
            else:
                if pid != process.pid:
                    raise StoreStartError(f"another server (process {pid}) answers at {self.url}")
                return

    async def _look(self) -> int | None:
        """The process id of the server that answers. Raises `StoreUnavailableError`."""
        link, engine = await dial(self.url, timeout=2.0, stall_timeout=2.0)
        link.lose("it answers")
        return engine.pid

    # joining it

    async def _join_server(self) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _START_TIMEOUT
        record: _Record | None = None
        while True:
            with contextlib.suppress(StoreUnavailableError, msgspec.DecodeError, OSError):
                record = self._read_record()
                self.url = StoreUrl("unix", path=record.socket)
                self.pid = await self._look()
                return
            if self._take_lock():
                await self._run_server()
                return
            if loop.time() > deadline:
                owner = f"process {record.owner}" if record else "another process"
                raise StoreStartError(
                    f"{owner} holds {self.directory}/{_LOCK}, but its store does not answer; "
                    "end that process (and its valkey-server), then start again"
                )
            await asyncio.sleep(_LOOK_EVERY)

    def _read_record(self) -> _Record:
        assert self.directory is not None  # noqa: S101
        return msgspec.json.decode((self.directory / _LOCK).read_bytes(), type=_Record)

    # leaving it

    async def aclose(self) -> None:
        """Leave it. An owner shuts the server down, after it wrote everything to its disk."""
        async with self._mutex:
            self._is_closed = True
            process, self._process = self._process, None
            if process is not None:
                await self._stop(process)
            self.pid = None
            self._unlock()
            if self._private is not None:
                shutil.rmtree(self._private, ignore_errors=True)

    async def _stop(self, process: ServerProcess) -> None:
        if self.directory is None:
            process.signal(signal.SIGKILL)
        else:
            await self._shut_down()
        for last_resort in (signal.SIGTERM, signal.SIGKILL):
            if await _has_ended(process, _STOP_TIMEOUT):
                break
            process.signal(last_resort)
        process.join()

    async def _shut_down(self) -> None:
        try:
            link, _ = await dial(self.url, timeout=2.0, stall_timeout=_STOP_TIMEOUT)
        except StoreError:
            return
        with contextlib.suppress(StoreError):
            await link.send(("SHUTDOWN",))
        link.lose("shut down")

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def disown(self) -> None:
        """In a forked child: the server and its lock are the parent's alone."""
        self._unlock()
        if self._process is not None:
            self._process.close_leash()
        self._process = None
        self._private = None


def _disown_all() -> None:
    for store in list(_forkable):
        store.disown()


os.register_at_fork(after_in_child=_disown_all)


async def _has_ended(process: ServerProcess, timeout: float) -> bool:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while process.is_running:
        if loop.time() > deadline:
            return False
        await asyncio.sleep(_LOOK_EVERY)
    return True


def _can_bind(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.bind(str(path))
        except OSError:
            return False
    path.unlink()
    return True


async def open_store(
    url: StoreUrl | str, *, command_timeout: float = 5.0, connect_timeout: float = 10.0
) -> StoreClient:
    """A client of the store at `url`, with the embedded server behind it if the URL says so; then
    closing the client leaves that server too. The one way into the store for the framework.

    Raises what `StoreClient.connect` raises, `SettingsError` for a bad URL, and `StoreStartError`.
    """
    parsed = parse_store_url(url) if isinstance(url, str) else url
    if parsed.kind != "embedded":
        return await StoreClient.connect(
            parsed, command_timeout=command_timeout, connect_timeout=connect_timeout
        )
    store = await EmbeddedStore.start(Path(parsed.path) if parsed.path else None)
    try:
        return await _client_of(store, command_timeout, connect_timeout)
    except BaseException:
        await store.aclose()
        raise


async def _client_of(
    store: EmbeddedStore, command_timeout: float, connect_timeout: float
) -> StoreClient:
    async def come_back() -> None:
        await store.ensure_running()
        client.url = store.url

    client = await StoreClient.connect(
        store.url,
        on_reconnect=come_back,
        command_timeout=command_timeout,
        connect_timeout=connect_timeout,
    )
    client.call_at_close(store.aclose)
    return client
