"""TCP: one listening socket and its clients.

A client is told when it may not come in (too many are there), and when it has to go: the server
stops, or it was silent for too long.
"""

import asyncio
import socket
from collections.abc import Callable

from actionhero.actions.dispatch import Dispatcher
from actionhero.errors import ListenError
from actionhero.protocols.verbs import Limits
from actionhero.settings import TcpSettings
from actionhero.transports.calls import Running, Stats
from actionhero.transports.listening import Place, why_not
from actionhero.transports.tcp_client import LINGER, Desk, FindFile, TcpClient
from actionhero.transports.watch import Watch

_BACKLOG = 2048
_LOOKS = 4
"""How often a client is looked at within its idle timeout: it ends at most a quarter late."""


class TcpServer:
    """Serves actions and verbs over TCP lines."""

    def __init__(
        self,
        settings: TcpSettings,
        dispatcher: Dispatcher,
        *,
        stats: Stats,
        welcome: str,
        find_file: FindFile,
        documentation: Callable[[], object],
    ) -> None:
        self._settings = settings
        self._running = Running()
        self.watch: Watch[TcpClient] = Watch(
            stats,
            "socketServer:numberOfActiveClients",
            period=settings.idle_timeout / _LOOKS,
            shortest=min(LINGER, settings.write_timeout),
        )
        self._desk = Desk(
            settings,
            self._running,
            dispatcher,
            stats,
            welcome,
            find_file,
            documentation,
            self.watch,
            Limits(settings.params, settings.line_bytes),
        )
        self._listener: asyncio.Server | None = None
        self.port = settings.port
        """The port that it listens on, once it has started; 0 for a unix socket."""

    async def start(self, sock: socket.socket | None = None, reuse_port: bool = False) -> None:
        """Listen on the port of the settings, or on a socket that is bound already.

        Raises `ListenError` with what to do about it.
        """
        try:
            self._listener = await self._listen(sock, reuse_port)
        except (OSError, OverflowError) as exc:
            raise ListenError(why_not(exc, self._place())) from exc
        address = self._listener.sockets[0].getsockname()
        self.port = address[1] if isinstance(address, tuple) else 0

    def _place(self) -> Place:
        settings = self._settings
        return Place(
            "TCP",
            settings.host,
            settings.port,
            "--tcp-port",
            "ACTIONHERO_TCP__PORT",
            "ACTIONHERO_TCP__HOST",
        )

    async def drain(self, deadline: float) -> None:
        """Accept no more; say goodbye to each client when its running actions have answered.

        After `deadline` seconds the rest is dropped, and what still runs cancelled.
        """
        end = asyncio.get_running_loop().time() + deadline
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for client in self.watch:
            client.end("server shutdown")
        await self.watch.empty(deadline)
        await self._running.drain(end - asyncio.get_running_loop().time())
        self._running.close()

    async def _listen(self, sock: socket.socket | None, reuse_port: bool) -> asyncio.Server:
        loop = asyncio.get_running_loop()

        def accept() -> TcpClient:
            return TcpClient(self._desk)

        if sock is not None:
            return await loop.create_server(accept, sock=sock, backlog=_BACKLOG)
        return await loop.create_server(
            accept,
            self._settings.host,
            self._settings.port,
            backlog=_BACKLOG,
            reuse_port=reuse_port or None,
        )
