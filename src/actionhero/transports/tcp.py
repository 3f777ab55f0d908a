"""TCP: where it listens, and its clients.

A client is told when it may not come in (too many are there), and when it has to go: the server
stops, or it was silent for too long.
"""

import asyncio
import socket
from collections.abc import Callable, Sequence

from actionhero.actions.dispatch import Dispatcher
from actionhero.protocols.verbs import Limits
from actionhero.rooms import Rooms
from actionhero.settings import TcpSettings
from actionhero.transports.accepting import Acceptor
from actionhero.transports.addresses import Addresses
from actionhero.transports.calls import Running, Stats
from actionhero.transports.connecting import Bounds, Connector
from actionhero.transports.listening import Address, given_doors, open_doors, tcp_place
from actionhero.transports.tcp_client import TcpClient
from actionhero.transports.tcp_link import LINGER, Desk, FindFile, TcpLink
from actionhero.transports.tls import Tls, tls_of
from actionhero.transports.watch import Watch

_HANDSHAKE = 10.0
"""Seconds for a client to begin with TLS."""
_LOOKS = 4
"""How often a client is looked at within its idle timeout: it ends at most a quarter late."""


class TcpServer:
    """Serves actions and verbs over TCP lines.

    Raises `SettingsError` for a certificate that cannot be used.
    """

    def __init__(
        self,
        settings: TcpSettings,
        dispatcher: Dispatcher,
        *,
        rooms: Rooms,
        stats: Stats,
        welcome: str,
        find_file: FindFile,
        documentation: Callable[[], object],
    ) -> None:
        self._settings = settings
        self._running = Running()
        self.watch: Watch[TcpLink] = Watch(
            stats,
            "socketServer:numberOfActiveClients",
            period=settings.idle_timeout / _LOOKS,
            shortest=min(LINGER, settings.write_timeout),
        )
        self._desk = Desk(
            settings,
            self._running,
            dispatcher,
            rooms,
            stats,
            welcome,
            find_file,
            documentation,
            self.watch,
            Limits(settings.params, settings.line_bytes),
            Addresses(settings.connections_per_address, "tcp.connections_per_address"),
        )
        self._acceptor: Acceptor | None = None
        self.tls: Tls | None = tls_of("tcp", settings.certificate, settings.key)
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

        Raises `ListenError` with what to do about it.
        """
        settings = self._settings
        doors = given_doors(sockets) or open_doors(tcp_place(settings), reuse_port)
        bounds = Bounds(
            lambda: len(self.watch),
            settings.connections,
            min(_HANDSHAKE, settings.idle_timeout),
            settings.write_timeout,
            Addresses(settings.connections_per_address, "tcp.connections_per_address"),
        )
        connector = Connector(lambda: TcpClient(self._desk), bounds, self.tls)
        self._acceptor = Acceptor(
            doors,
            connector.connect,
            name="TCP",
            setting="tcp.connections",
            is_instant=self.tls is None,
        )
        self.address = doors.address

    async def drain(self, deadline: float) -> None:
        """Accept no more; say goodbye to each client when its running actions have answered.

        After `deadline` seconds the rest is dropped, and what still runs cancelled.
        """
        end = asyncio.get_running_loop().time() + deadline
        if self._acceptor is not None:
            self._acceptor.close()
            self._acceptor = None
        for client in self.watch:
            client.end("server shutdown")
        self._running.stop_streams()
        await self.watch.empty(deadline)
        await self._running.drain(end - asyncio.get_running_loop().time())
        self._running.close()
