"""WebSocket at `/ws`: connections that HTTP hands over, each of which is a `ws_link`.

A turn at a time (docs/decisions/0014): what the clients have sent within a turn of the loop is only
put down; then all of it is read and begun, and what is to be sent leaves together.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from actionhero.actions.dispatch import Dispatcher
from actionhero.connections import Connection
from actionhero.errors import ActionError, DrainingError
from actionhero.protocols.deflate import agree
from actionhero.protocols.frames import GOING_AWAY
from actionhero.protocols.http1 import UpgradeRequest
from actionhero.protocols.websocket import check_opening, write_opening
from actionhero.rooms import Rooms
from actionhero.settings import WebSocketSettings
from actionhero.transports.calls import Running, Stats
from actionhero.transports.watch import Watch
from actionhero.transports.ws_link import CLOSE_TIMEOUT, Link
from actionhero.transports.ws_outbox import Outbox
from actionhero.transports.ws_session import Desk, FindFile


class WebSocketEndpoint:
    """All WebSocket connections of a server."""

    def __init__(
        self,
        settings: WebSocketSettings,
        dispatcher: Dispatcher,
        *,
        rooms: Rooms,
        stats: Stats,
        welcome: str,
        find_file: FindFile,
        documentation: Callable[[], object],
    ) -> None:
        self.settings = settings
        self.outbox = Outbox()
        self._running = Running(self._wake)
        self.submit: Callable[[Link, bytes], int] = self._running.starter.submit
        self._origins = frozenset(origin.lower().rstrip("/") for origin in settings.origins)
        self.desk = Desk(
            self._running,
            dispatcher,
            rooms,
            stats,
            stats.meter("webSockets:numberOfRequests"),
            welcome,
            find_file,
            documentation,
            settings.message_bytes,
            settings.messages_per_second,
        )
        self.watch: Watch[Link] = Watch(
            stats,
            "webSockets:numberOfActiveWebClients",
            period=settings.ping_interval,
            shortest=min(CLOSE_TIMEOUT, settings.write_timeout),
        )

    def accept(self, request: UpgradeRequest, link_type: type[Link] = Link) -> None:
        """Take over a connection, as a link of this type.

        Raises an `ActionHeroError`, before anything is done, if it is refused.
        """
        if self.watch.is_emptying:
            raise DrainingError("the server is shutting down")
        if len(self.watch) >= self.settings.connections:
            raise ActionError("too many connections", code="too_many_connections", status=503)
        key = check_opening(request.head, request.headers, self._origins, request.peer)
        offers = request.headers.get("sec-websocket-extensions", "")
        deflate = agree(offers) if offers and self.settings.deflate else None
        peer = request.peer
        connection = Connection(
            "websocket",
            peer.ip,
            peer.port,
            scheme=peer.scheme,
            forwarded_host=peer.host,
            headers=request.headers,
            max_pending=self.settings.pending,
        )
        transport = cast("asyncio.Transport", request.transport)
        link = link_type(self, transport, connection, request.on_lost, deflate)
        self.watch.enter(link)
        transport.set_protocol(link)
        transport.write(write_opening(key, "" if deflate is None else deflate.response))
        link.open(request.head.partition(b"\r\n\r\n")[2])

    def _wake(self) -> None:
        self._running.loop.call_soon(self._turn)

    def _turn(self) -> None:
        self.outbox.gather(self._running.starter.begin_batch)

    async def drain(self, deadline: float, *, code: int = GOING_AWAY) -> None:
        """Refuse new clients; close each one with `code` when its running actions have answered.

        After `deadline` seconds the rest is dropped, and what still runs cancelled.
        """
        end = asyncio.get_running_loop().time() + deadline
        for link in self.watch:
            link.session.end(code, "the server stops")
        self._running.stop_streams()
        await self.watch.empty(deadline)
        await self._running.drain(end - asyncio.get_running_loop().time())
        self._running.close()
