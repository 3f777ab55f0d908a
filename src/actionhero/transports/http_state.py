"""What the connections of one HTTP server share: settings, the time, and who is there."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING

from actionhero.errors import ActionHeroError, OverloadedError, TooManyRequestsError
from actionhero.protocols.http1 import Limits, Peer, Upgrade
from actionhero.protocols.http1_forwarded import Proxies
from actionhero.protocols.http1_origins import ALL_HOSTS, Hosts, Origins
from actionhero.protocols.http1_replies import Heads
from actionhero.settings import WebSettings
from actionhero.transports.addresses import Addresses
from actionhero.transports.http_answers import Answers
from actionhero.transports.http_turn import Turn

if TYPE_CHECKING:
    from actionhero.transports.http_connection import HttpConnection

_log = logging.getLogger("actionhero.http")


class Phase(Enum):
    """What a connection is doing, and so what it means when it is due."""

    OPENED = auto()  # nothing has come yet
    HEAD = auto()  # a request has begun
    BODY = auto()  # its body is awaited
    RUNNING = auto()  # a request is being answered
    IDLE = auto()  # all is answered
    LINGERING = auto()  # refused; the client may still read why
    CLOSING = auto()  # what is written is flushed
    GONE = auto()


class HttpState:
    """The server as its connections see it.

    `now` is the loop's time at the last tick of the timer, every `period` seconds, and `idle_due`
    when a connection that is idle from then on is due. `requests` counts those that have begun
    since they were last counted.
    `least_taken`: bytes that who has left some waiting must take in `write_timeout`.
    """

    def __init__(
        self,
        settings: WebSettings,
        answers: Answers,
        upgrades: Mapping[str, Upgrade],
        heads: Heads,
        hosts: Hosts = ALL_HOSTS,
        origins: Origins | None = None,
    ) -> None:
        self.settings = settings
        self.limits = Limits(
            settings.target_bytes, settings.header_bytes, settings.headers, settings.body_bytes
        )
        self.answers = answers
        self.open_sink = answers.bodies_for(settings, self.limits).open
        self.upgrades = upgrades
        self.hosts = hosts
        self.origins = origins
        self.heads = heads
        self.loop = asyncio.get_running_loop()
        self.turn = Turn(self.loop)
        self.connections: set[HttpConnection] = set()
        self._handed_over = 0
        names = settings.trusted_proxies
        self._proxies = Proxies(names, hosts) if names else None
        self._addresses = Addresses(settings.connections_per_address, "web.connections_per_address")
        self.requests = 0
        self._is_empty = asyncio.Event()
        self.is_draining = False
        self.least_taken = max(1, int(settings.body_rate * settings.write_timeout))
        limits = (
            settings.header_timeout,
            settings.body_timeout,
            settings.idle_timeout,
            settings.write_timeout,
        )
        self.period = min(1.0, *(limit / 4 for limit in limits))
        self.set_time(self.loop.time())

    def set_time(self, now: float) -> None:
        """Take note of the loop's time; the times that connections are due begin there."""
        self.now = now
        self.logs_requests = _log.isEnabledFor(logging.DEBUG)
        self.idle_due = self.due(self.settings.idle_timeout)

    def due(self, seconds: float) -> float:
        """When something that may take `seconds` from now on is due."""
        return self.now + seconds + self.period

    @property
    def count(self) -> int:
        """How many connections there are, those included that another protocol has."""
        return len(self.connections) + self._handed_over

    @property
    def is_full(self) -> bool:
        """Whether there are as many connections as there may be."""
        return self.count >= self.settings.connections

    def admit(self, connection: "HttpConnection", peer: Peer) -> ActionHeroError | None:
        """A connection has come; what it is to be told if there is no room for it."""
        is_full = self.is_full
        self.connections.add(connection)
        if is_full:
            return OverloadedError("the server has as many connections as it may have")
        if self._proxies is not None and self._proxies.trust(peer):
            connection.proxies = self._proxies  # and many clients come through it
        elif self._addresses.enter(peer.ip):
            connection.address = peer.ip
        else:
            return TooManyRequestsError("too many connections from your address", retry_after=1.0)
        return None

    def hand_over(self, connection: "HttpConnection") -> Callable[[], None]:
        """Count a connection as one of another protocol until the returned function is called."""
        address, connection.address = connection.address, ""
        self.forget(connection)
        self._handed_over += 1
        is_counted = True

        def on_lost() -> None:
            nonlocal is_counted
            if is_counted:
                is_counted = False
                self._handed_over -= 1
                self._addresses.leave(address)

        return on_lost

    def forget(self, connection: "HttpConnection") -> None:
        """A connection is gone."""
        self.connections.discard(connection)
        self._addresses.leave(connection.address)
        connection.address = ""
        if not self.connections:
            self._is_empty.set()

    async def wait_empty(self) -> None:
        """Wait until no connection is left."""
        while self.connections:
            self._is_empty.clear()
            await self._is_empty.wait()
