"""The HTTP server: where it listens, its connections, and the one timer that bounds them.

A connection says when it is due (`http_connection`); the timer looks at all of them once a tick,
which is a second unless a limit is short. That costs a connection nothing while it is served.
"""

import asyncio
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from actionhero.actions.dispatch import Dispatcher
from actionhero.actions.ready import Counter
from actionhero.actions.routes import Routes
from actionhero.protocols.http1 import Upgrade
from actionhero.protocols.http1_origins import Origins, hosts_of
from actionhero.protocols.http1_replies import Fields, Heads, read_constant
from actionhero.settings import WebSettings
from actionhero.transports.accepting import Acceptor
from actionhero.transports.addresses import Addresses
from actionhero.transports.connecting import Bounds, Connector
from actionhero.transports.http_answers import Answers, Probe
from actionhero.transports.http_connection import HttpConnection
from actionhero.transports.http_files import StaticFiles
from actionhero.transports.http_state import HttpState
from actionhero.transports.listening import Address, given_doors, open_doors, web_place
from actionhero.transports.tls import Tls, tls_of

_ALPN = ("http/1.1",)


class HttpServer:
    """Serves actions, files and probes over HTTP/1.1.

    `probes` are paths with a function each that gives a status and a JSON value; `upgrades` are
    paths with what takes a connection over there. With a `server_name`, replies have `Server`;
    classic ones tell the `app_name` and `version`.
    Raises `SettingsError` for hosts, origins, header fields and certificates that cannot be ones.
    """

    def __init__(
        self,
        settings: WebSettings,
        dispatcher: Dispatcher,
        routes: Routes,
        *,
        stats: Counter,
        probes: Mapping[str, Probe] | None = None,
        upgrades: Mapping[str, Upgrade] | None = None,
        server_name: str = "",
        app_name: str = "",
        version: str = "",
    ) -> None:
        self._settings = settings
        self._origins = origins = _read_origins(settings)
        self._heads = Heads(server_name, _constant_fields(settings, origins))
        self._hosts = hosts_of(settings.hosts, settings.host)
        self._upgrades = dict(upgrades or {})
        self._answers = _answers_of(settings, app_name, version)(
            dispatcher,
            routes,
            StaticFiles(settings, stats),
            probes=dict(probes or {}),
            upgrades=self._upgrades,
            origins=origins,
            packs_from=settings.compress_from if settings.compress_replies else sys.maxsize,
        )
        self._stats = stats
        self._state: HttpState | None = None
        self._acceptor: Acceptor | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.tls: Tls | None = tls_of("web", settings.certificate, settings.key, _ALPN)
        self.address = Address(settings.host, settings.port)
        """Where it listens, once it has started."""

    @property
    def port(self) -> int:
        """The port that it listens on, once it has started; 0 for a unix socket."""
        return self.address.port

    async def start(
        self, sockets: Sequence[socket.socket] = (), *, reuse_port: bool = False
    ) -> None:
        """Listen where the settings say, or on sockets that listen already.

        Raises `ListenError` with what to do about it, `SettingsError` for proxies that are none.
        """
        state = HttpState(
            self._settings,
            self._answers,
            self._upgrades,
            self._heads,
            self._hosts,
            self._origins,
        )
        settings = self._settings
        doors = given_doors(sockets) or open_doors(web_place(settings), reuse_port)
        bounds = Bounds(
            lambda: state.count,
            settings.connections,
            settings.header_timeout,
            settings.write_timeout,
            Addresses(settings.connections_per_address, "web.connections_per_address"),
        )
        connector = Connector(lambda: HttpConnection(state), bounds, self.tls)
        self._acceptor = Acceptor(
            doors,
            connector.connect,
            name="HTTP",
            setting="web.connections",
            is_instant=self.tls is None,
        )
        self.address = doors.address
        self._state = state
        self._tick(state)

    async def drain(self, timeout: float) -> None:
        """Accept no more; close what is idle, answer what runs, and after `timeout` seconds end
        the rest. Connections that another protocol has taken over are not touched."""
        state = self._state
        if state is None or self._acceptor is None:
            return
        state.is_draining = True
        self._acceptor.close()
        state.turn.read()
        for connection in tuple(state.connections):
            connection.drain()
        try:
            async with asyncio.timeout(timeout):
                await state.wait_empty()
        except TimeoutError:
            await self._abort(state)
        finally:
            self._count(state)
            state.turn.starter.close()
            if self._timer is not None:
                self._timer.cancel()
            self._state = self._timer = self._acceptor = None

    async def aclose(self) -> None:
        """Stop at once; what runs is cancelled."""
        await self.drain(0.0)

    async def _abort(self, state: HttpState) -> None:
        for connection in tuple(state.connections):
            connection.abort()
        await state.wait_empty()

    def _tick(self, state: HttpState) -> None:
        """One tick of the timer: the time, the date, and whatever is due."""
        loop = state.loop
        now = loop.time()
        state.set_time(now)
        self._timer = loop.call_at(now + state.period, self._tick, state)
        self._heads.set_time(time.time())
        self._count(state)
        late = [one for one in state.connections if one.due <= now or one.write_due <= now]
        for connection in late:
            connection.check(now)

    def _count(self, state: HttpState) -> None:
        if state.requests:
            self._stats.increment("webServer:numberOfWebRequests", state.requests)
            state.requests = 0


def _answers_of(settings: WebSettings, name: str, version: str) -> Callable[..., Answers]:
    """What makes the answers that the settings ask for."""
    if settings.envelope == "classic":
        from actionhero.transports.http_classic import ClassicAnswers

        has_codes = settings.return_error_codes
        return partial(ClassicAnswers, name=name, version=version, has_codes=has_codes)
    if settings.jsonp:
        from actionhero.transports.http_jsonp import JsonpAnswers

        return JsonpAnswers
    return Answers


def _read_origins(settings: WebSettings) -> Origins | None:
    """The origins of CORS; None without any, so that replies need not look."""
    origins = Origins(
        settings.cors_origins,
        credentials=settings.cors_credentials,
        max_age=settings.cors_max_age,
    )
    return origins if settings.cors_origins else None


def _constant_fields(settings: WebSettings, origins: Origins | None) -> Fields:
    """What every reply has."""
    fields = read_constant(settings.security_headers)
    return (*fields, ("Vary", "Origin")) if origins and origins.differ else fields
