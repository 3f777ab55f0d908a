"""The embedded store: a real Valkey server that we start and that ends with its last user.

Rules
- One server per data directory. Whoever holds the directory's lock is its owner: it starts the
  server, starts it again when it died, and shuts it down when leaving. Everybody else joins it
  through the socket that the lock file names.
- When the owner leaves or dies, its server goes with it. The others lose their connection, and the
  first of them to get the lock starts the server again from its append-only file.
- The server inherits the lock, so the directory stays locked until the old server has really ended:
  no two servers ever write to one directory.
- Without a directory there is no lock and nothing on disk but a socket in a private directory.
"""

import asyncio
import contextlib
import logging
import os
import signal
import time
from pathlib import Path

import msgspec

from actionhero.errors import StoreError, StoreStartError, StoreUnavailableError
from actionhero.store.binary import find_server
from actionhero.store.client import StoreClient
from actionhero.store.dial import dial
from actionhero.store.lock import LOCK, SOCKET, DirectoryLock, PrivateDirectory, Record, can_listen
from actionhero.store.process import ServerProcess
from actionhero.store.url import StoreUrl, parse_store_url

_log = logging.getLogger("actionhero.store")
_LOG = "store.log"
_START_TIMEOUT = 10.0
_STOP_TIMEOUT = 10.0
_LOOK_TIMEOUT = 2.0

_SETTINGS = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "save": "",
    "maxmemory-policy": "noeviction",
    "latency-tracking": "no",
    "hz": "50",  # how soon SIGTERM is noticed, and expired keys go
}
_IN_MEMORY = {"appendonly": "no"}
_ON_DISK = {
    "appendonly": "yes",
    "appendfsync": "everysec",
    "appenddirname": "aof",
    "aof-load-truncated": "yes",
    "auto-aof-rewrite-percentage": "100",
    "auto-aof-rewrite-min-size": "32mb",
}


class EmbeddedStore:
    """Our own server, or our share in one that another process of the project started."""

    def __init__(self, directory: Path | None) -> None:
        self.directory = directory and directory.absolute()
        self.url = StoreUrl("unix")
        self.pid: int | None = None
        self._lock = DirectoryLock(self.directory) if self.directory else None
        self._process: ServerProcess | None = None
        self._private: PrivateDirectory | None = None
        self._mutex = asyncio.Lock()
        self._is_closed = False

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
        return self._process is not None and self._process.is_ours

    async def ensure_running(self) -> None:
        """Return when the server answers; start it if it does not run and nobody else does.

        Raises `StoreStartError` if it cannot be started.
        """
        async with self._mutex:
            if self._is_closed:
                raise StoreStartError("the embedded store was closed")
            if self._lock is None or self._lock.take():
                await self._run_server()
            else:
                await self._join_server(self._lock)

    # owning it

    async def _run_server(self) -> None:
        if self._process is not None:
            if await self._answers(self._process):
                return
            lost = "" if self.directory else "; what it held is lost, it was in memory only"
            _log.warning("the embedded store ended (%s)%s", self._process.ended, lost)
        path = self._place_socket()
        if self._lock is not None:
            self._lock.remove_leftovers()
            self._lock.write(Record(os.getpid(), str(path)))
        self.url = StoreUrl("unix", path=str(path))
        process = self._process = self._launch(path)
        self.pid = process.pid
        if not await self._answers(process):
            self._process = self.pid = None
            raise StoreStartError(
                f"the embedded store did not start ({process.ended}); its last words:\n"
                f"{process.last_words}"
            )

    def _place_socket(self) -> Path:
        if self._private is None:
            if self.directory is not None and can_listen(self.directory / SOCKET):
                return self.directory / SOCKET
            self._private = PrivateDirectory()
        return self._private.path / SOCKET

    def _launch(self, path: Path) -> ServerProcess:
        settings = {**_SETTINGS, **(_ON_DISK if self.directory else _IN_MEMORY)}
        options = [part for name, value in settings.items() for part in (f"--{name}", value)]
        lock = None if self._lock is None else self._lock.fd
        binary = find_server()
        try:
            return ServerProcess(
                [str(binary), *options, "--unixsocket", str(path)],
                directory=self.directory or path.parent,
                log=self.directory and self.directory / _LOG,
                inherited=() if lock is None else (lock,),
            )
        except OSError as error:
            raise StoreStartError(f"{binary} cannot be started: {error.strerror}") from error

    async def _answers(self, process: ServerProcess) -> bool:
        """Wait until it does (True) or has ended (False). One that hangs is ended."""
        patience = _Patience(_START_TIMEOUT)
        while True:
            try:
                pid = await self._look(patience)
            except StoreUnavailableError:
                if not process.is_running:
                    process.join()
                    return False
                if patience.is_over:
                    _log.error("the embedded store (process %d) hangs: ending it", process.pid)
                    process.signal(signal.SIGKILL)
                await patience.rest()
            else:
                if pid == process.pid:
                    return True
                raise StoreStartError(
                    f"process {pid} answers for our process {process.pid}; is the valkey-server "
                    "on PATH a wrapper? Put the real one first"
                )

    async def _look(self, patience: "_Patience") -> int | None:
        """The process id of the server that answers. Raises `StoreUnavailableError`."""
        try:
            link, engine = await dial(self.url, timeout=_LOOK_TIMEOUT, stall_timeout=_LOOK_TIMEOUT)
        except StoreUnavailableError as error:
            if "LOADING" in str(error) or "BUSY" in str(error):
                patience.renew()  # it lives, and it says that it takes a while
            raise
        link.lose("seen")
        return engine.pid

    # joining it

    async def _join_server(self, lock: DirectoryLock) -> None:
        patience = _Patience(_START_TIMEOUT)
        record: Record | None = None
        while True:
            with contextlib.suppress(StoreUnavailableError, msgspec.DecodeError, OSError):
                record = lock.read()
                self.url = StoreUrl("unix", path=record.socket)
                self.pid = await self._look(patience)
                return
            if lock.take():
                await self._run_server()
                return
            if patience.is_over:
                owner = f"process {record.owner}" if record else "another process"
                raise StoreStartError(
                    f"{owner} holds {self.directory}/{LOCK}, but its store does not answer; "
                    "end that process and its valkey-server, then start again"
                )
            await patience.rest()

    # leaving it

    async def aclose(self) -> None:
        """Leave it. An owner shuts the server down, after it wrote everything to its disk."""
        async with self._mutex:
            self._is_closed = True
            process, self._process = self._process, None
            if process is not None and process.is_ours:
                await self._stop(process)
            self.pid = None
            if self._lock is not None:
                self._lock.release()
            if self._private is not None:
                self._private.remove()

    async def _stop(self, process: ServerProcess) -> None:
        if self.directory is None:
            process.signal(signal.SIGKILL)
        else:
            await self._shut_down()
        for last_resort in (signal.SIGTERM, signal.SIGKILL):
            if await _has_ended(process):
                break
            process.signal(last_resort)
        process.join()

    async def _shut_down(self) -> None:
        with contextlib.suppress(StoreError):
            link, _ = await dial(self.url, timeout=_LOOK_TIMEOUT, stall_timeout=_STOP_TIMEOUT)
            try:
                await link.send(("SHUTDOWN",))
            finally:
                link.lose("shut down")


async def _has_ended(process: ServerProcess) -> bool:
    patience = _Patience(_STOP_TIMEOUT)
    while process.is_running:
        if patience.is_over:
            return False
        await patience.rest()
    return True


class _Patience:
    """Looks often at first, then ever more seldom, until its time is over."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._rest = 0.003
        self.renew()

    def renew(self) -> None:
        self._end = time.monotonic() + self._seconds

    @property
    def is_over(self) -> bool:
        return time.monotonic() > self._end

    async def rest(self) -> None:
        await asyncio.sleep(self._rest)
        self._rest = min(self._rest * 1.2, 0.05)


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
    async def come_back() -> StoreUrl:
        await store.ensure_running()
        return store.url

    client = await StoreClient.connect(
        store.url,
        on_reconnect=come_back,
        command_timeout=command_timeout,
        connect_timeout=connect_timeout,
    )
    client.call_at_close(store.aclose)
    return client
