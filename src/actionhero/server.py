"""One running process: brings the services up in order, and down in reverse under a deadline.

Up: store, tables, initializers, workers, transports. Down: the transports accept no more and the
workers claim no more; what runs may finish until the deadline; what never started is given back;
then teardowns, the last flush of the stats, the store. SIGTERM or SIGINT begins it, a second one
ends the waiting. SIGHUP has the certificates read again, where there are any.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from actionhero.actions.documentation import describe
from actionhero.app import App
from actionhero.background import end_task
from actionhero.peers import Peer
from actionhero.protocols import primus
from actionhero.protocols.http1 import Upgrade
from actionhero.services import Services
from actionhero.settings import Settings
from actionhero.settings_loading import load_settings
from actionhero.transports.files import FoundFile, find_public
from actionhero.transports.http import HttpServer
from actionhero.transports.http_answers import Probe
from actionhero.transports.primus import PrimusLink
from actionhero.transports.tcp import TcpServer
from actionhero.transports.websocket import WebSocketEndpoint
from actionhero.workers.worker import Worker

_log = logging.getLogger("actionhero.server")
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Burst(NamedTuple):
    """How a burst ended: tasks that failed, and the signal that stopped it, if one did."""

    failures: int
    stopped_by: signal.Signals | None


class Server:
    """A server for one app. `http_port` and `tcp_port` are the real ones once it has started.

    `sockets` that listen already, for "web" and "tcp", are used in place of what is set.
    """

    def __init__(
        self,
        app: App,
        settings: Settings | None = None,
        *,
        reuse_port: bool = False,
        sockets: Mapping[str, Sequence[socket.socket]] | None = None,
    ) -> None:
        self.app = app
        self.settings = settings or load_settings()
        self.reuse_port = reuse_port
        self._sockets = sockets or {}
        self.services: Services
        self.http: HttpServer | None = None
        self.tcp: TcpServer | None = None
        self.websocket: WebSocketEndpoint | None = None
        self.worker: Worker | None = None
        self.is_ready = False
        self._started_at = 0
        self._version = ""
        self._exits = contextlib.AsyncExitStack()

    @property
    def http_port(self) -> int:
        """The port of HTTP and WebSocket; 0 if there is none, or a unix socket."""
        return self.http.port if self.http else 0

    @property
    def tcp_port(self) -> int:
        """The port of TCP; 0 if there is none, or a unix socket."""
        return self.tcp.port if self.tcp else 0

    async def run(self, on_ready: Callable[[], None] | None = None) -> signal.Signals:
        """Start, serve until SIGTERM or SIGINT, drain, close; which of them it was.

        `on_ready` is called once everything answers. Raises `SetupError`, `StoreError`.
        """
        with _stop_signals() as (asked, forced, taken), self._reload_signal():
            try:
                await _until(asked, self.start())
                if self.is_ready and on_ready is not None:
                    on_ready()
                await asked.wait()
                if self.is_ready:
                    await _until(forced, self.drain())
            finally:
                await self.aclose()
        return taken[0]

    async def burst(self) -> Burst:
        """Work off the queues and end; a stop signal ends that earlier, as it ends `run`.

        Raises `SetupError`, `StoreError`.
        """
        with _stop_signals() as (asked, forced, taken):
            failures = 0
            try:
                await _until(asked, self.start())
                if self.is_ready:
                    worker = self.make_worker()
                    deadline = self.settings.general.shutdown_timeout
                    await _until(forced, worker.run_burst(asked.is_set, deadline))
                    failures = worker.failures
            finally:
                await self.aclose()
        return Burst(failures, taken[0] if taken else None)

    async def start(self) -> None:
        """Bring everything up; what was up is brought down again if a step fails."""
        async with self._exits as exits:
            self.services = await exits.enter_async_context(self.app.connected(self.settings))
            await self.services.rooms.start()
            self._version = _own_version()
            await self._start_worker()
            await self._start_web()
            await self._start_tcp()
            self._started_at = round(time.time() * 1000)
            await self.services.peers.join(self.describe, self.services.peer_functions)
            self.is_ready = True
            self._exits = exits.pop_all()
        _log.info("server started", extra={"server": self.services.server, **self._addresses()})

    async def stop(self) -> None:
        """Drain and close."""
        await self.drain()
        await self.aclose()

    def make_worker(self) -> Worker:
        """A worker on this server's queues."""
        services, settings = self.services, self.settings.tasks
        return Worker(
            services.store,
            services.tasks,
            queues=settings.queues or self.app.definitions.queues(),
            concurrency=settings.concurrency,
            server=services.server,
            deadlines=services.deadlines,
            stats=services.stats,
            lease=settings.lease,
            max_lapses=settings.max_lapses,
            processes=settings.processes,
        )

    def reload_certificates(self) -> None:
        """Read the files of the certificates again, for the connections from now on. What cannot
        be read leaves the last ones in use and is logged."""
        for part in (self.http, self.tcp):
            if part is not None and part.tls is not None:
                part.tls.reload()

    @contextlib.contextmanager
    def _reload_signal(self) -> Iterator[None]:
        """SIGHUP reads the certificates again. Without any, or when it comes because the terminal
        was closed, it ends the process as ever."""
        if not self.settings.has_certificates:
            yield
            return
        loop = asyncio.get_running_loop()
        had_terminal = os.isatty(0)

        def on_hangup() -> None:
            if had_terminal and not os.isatty(0):
                os.kill(os.getpid(), signal.SIGTERM)
            else:
                self.reload_certificates()

        loop.add_signal_handler(signal.SIGHUP, on_hangup)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGHUP)

    async def drain(self) -> None:
        """Accept nothing more and let what runs finish, for `general.shutdown_timeout` seconds."""
        self.is_ready = False
        deadline = self.settings.general.shutdown_timeout
        _log.info("server stops", extra={"server": self.services.server, "deadline": deadline})
        parts = (self.worker, self.http, self.tcp, self.websocket)
        drains = [part.drain(deadline) for part in parts if part is not None]
        for failure in await asyncio.gather(*drains, return_exceptions=True):
            if isinstance(failure, BaseException):
                _log.error("a part did not drain", exc_info=failure)
        self.services.dispatcher.is_draining = True

    async def aclose(self) -> None:
        """Close everything, in reverse; what still runs is cancelled."""
        self.is_ready = False
        await self._exits.aclose()

    async def _start_worker(self) -> None:
        if self.settings.tasks.enabled:
            self.worker = self.make_worker()
            await self.worker.start()
            self._exits.push_async_callback(self.worker.drain, 0.0)

    async def _start_web(self) -> None:
        settings, services = self.settings, self.services
        if not settings.web.enabled:
            return
        upgrades: dict[str, Upgrade] = {}
        probes: dict[str, Probe] = {"/healthz": self.health, "/readyz": self.readiness}
        if settings.websocket.enabled:
            self.websocket = WebSocketEndpoint(
                settings.websocket,
                services.dispatcher,
                stats=services.stats,
                **self._guide(),
            )
            self._exits.push_async_callback(self.websocket.drain, 0.0)
            upgrades[settings.websocket.path] = self.websocket.accept
            upgrades[primus.PATH] = partial(self.websocket.accept, link_type=PrimusLink)
            spec = primus.describe(settings.websocket.ping_interval)
            probes[f"{primus.PATH}/spec"] = lambda: (200, spec)
        self.http = HttpServer(
            settings.web,
            services.dispatcher,
            self.app.definitions.routes(),
            stats=services.stats,
            probes=probes,
            upgrades=upgrades,
            app_name=self.app.name,
            version=self._version,
        )
        await self.http.start(self._sockets.get("web", ()), reuse_port=self.reuse_port)
        self._exits.push_async_callback(self.http.aclose)

    async def _start_tcp(self) -> None:
        settings, services = self.settings.tcp, self.services
        if settings.enabled:
            self.tcp = TcpServer(
                settings, services.dispatcher, stats=services.stats, **self._guide()
            )
            await self.tcp.start(self._sockets.get("tcp", ()), reuse_port=self.reuse_port)
            self._exits.push_async_callback(self.tcp.drain, 0.0)

    def _guide(self) -> dict[str, Any]:
        """What a client of WebSocket or TCP is told and may look up."""
        return {
            "rooms": self.services.rooms,
            "welcome": f"Welcome to {self.app.name}",
            "find_file": self._find_file,
            "documentation": self.documentation,
        }

    async def _find_file(self, name: str) -> FoundFile:
        return await asyncio.to_thread(find_public, self.settings.web.public, name)

    def _addresses(self) -> dict[str, str]:
        """Where what listens."""
        shown = {}
        if self.http is not None:
            shown["http"] = str(self.http.address)
        if self.tcp is not None:
            shown["tcp"] = str(self.tcp.address)
        return shown

    def health(self) -> tuple[int, dict[str, Any]]:
        """What `/healthz` answers: the process is alive and its event loop turns."""
        return 200, {"status": "ok", "server": self.services.server}

    def readiness(self) -> tuple[int, dict[str, Any]]:
        """What `/readyz` answers: whether work should be sent here, and if not, why."""
        reasons = []
        if not self.is_ready:
            reasons.append("the server is starting or stopping")
        if not self.services.store.is_connected:
            reasons.append("the store cannot be reached")
        if self.worker is not None:
            reasons += self.worker.problems
        if reasons:
            return 503, {"status": "not ready", "reasons": reasons}
        return 200, {"status": "ready"}

    def describe(self) -> Peer:
        """This server, as the others see it."""
        parts = {"web": self.http, "websocket": self.websocket, "tcp": self.tcp}
        roles = [name for name, part in {**parts, "tasks": self.worker}.items() if part]
        return Peer(
            id=self.services.server,
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=self._started_at,
            version=self._version,
            roles=tuple(roles),
            functions=self.services.peer_functions.names,
            load=self._load(),
        )

    def _load(self) -> dict[str, int]:
        """What goes on here."""
        return {
            "actions": self.services.dispatcher.pending,
            "websockets": len(self.websocket.watch) if self.websocket else 0,
            "tcp": len(self.tcp.watch) if self.tcp else 0,
        }

    def documentation(self) -> list[dict[str, Any]]:
        """The actions with their inputs, as TCP's and WebSocket's `documentation` show them."""
        return describe(self.app.definitions.actions, self.services.dispatcher)


def _own_version() -> str:
    from importlib import metadata

    return metadata.version("actionhero")


@contextlib.contextmanager
def _stop_signals() -> Iterator[tuple[asyncio.Event, asyncio.Event, list[signal.Signals]]]:
    """Two events, set by the first stop signal and by a second one, and the signals so far."""
    loop = asyncio.get_running_loop()
    asked, forced = asyncio.Event(), asyncio.Event()
    taken: list[signal.Signals] = []

    def on_signal(number: signal.Signals) -> None:
        taken.append(number)
        if asked.is_set():
            forced.set()
        asked.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal, number)
    try:
        yield asked, forced, taken
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


async def _until(event: asyncio.Event, coroutine: Coroutine[Any, Any, Any]) -> None:
    """Run `coroutine`, cancelled when `event` is set; its error is raised."""
    task = asyncio.create_task(coroutine)
    waiting = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
        await end_task(task)
