"""A connection of its own for a thread that keeps leases: plain, blocking, and nothing else.

The event loop's client cannot serve for that: what blocks the loop would lose the leases.
"""

import socket
import threading
import time
from collections.abc import Sequence
from typing import Any, TypeAlias

from hiredis import Reader

from actionhero.errors import StoreUnavailableError
from actionhero.store.dial import hello_command, tls_context
from actionhero.store.link import Command, Reply, pack, reply_error
from actionhero.store.url import StoreUrl

_PORTION = 64 * 1024
Place: TypeAlias = tuple[Any, Any, int, str, Any]
"""What `getaddrinfo` tells of one address."""


class LeaseLink:
    """Connects when it is first used, and again after every failure."""

    def __init__(self, timeout: float) -> None:
        """`timeout`: seconds that connecting, or one call, may take."""
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._reader = Reader()
        self._known: dict[tuple[str, int], list[Place]] = {}

    def execute_many(self, url: StoreUrl, commands: Sequence[Command]) -> list[Reply]:
        """All replies, in order; an error reply is one of them. Raises `StoreUnavailableError`."""
        deadline = time.monotonic() + self._timeout
        try:
            if self._socket is None:
                self._connect(url, deadline)
            return self._ask(commands, deadline)
        except (OSError, ValueError) as error:
            self.close()
            raise StoreUnavailableError(f"no connection to the store: {error}") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Drop the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self, url: StoreUrl, deadline: float) -> None:
        self._reader = Reader(protocolError=ValueError, replyError=reply_error)
        if url.kind == "unix":
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(self._timeout)
            self._socket.connect(url.path)
        else:
            self._socket = _connect_tcp(self._places(url, deadline), deadline)
            if url.tls:
                self._socket = tls_context(url).wrap_socket(self._socket, server_hostname=url.host)
        greeting: list[Command] = [hello_command(url)]
        if url.db:
            greeting.append(("SELECT", url.db))
        for reply in self._ask(greeting, deadline):
            if isinstance(reply, Exception):
                raise reply

    def _ask(self, commands: Sequence[Command], deadline: float) -> list[Reply]:
        assert self._socket is not None  # noqa: S101
        self._socket.settimeout(_left(deadline))
        self._socket.sendall(b"".join(map(pack, commands)))
        return [self._next_reply(deadline) for _ in commands]

    def _next_reply(self, deadline: float) -> Reply:
        assert self._socket is not None  # noqa: S101
        while (reply := self._reader.gets()) is False:
            self._socket.settimeout(_left(deadline))
            portion = self._socket.recv(_PORTION)
            if not portion:
                raise ConnectionError("the store closed the connection")
            self._reader.feed(portion)
        return reply

    def _places(self, url: StoreUrl, deadline: float) -> list[Place]:
        """Where the store is now. A name server that does not answer must not cost the leases: then
        it is where it was."""
        looking = _LookUp(url)
        looking.start()
        looking.join(_left(deadline) / 3)
        if looking.found:
            self._known = {(url.host, url.port): looking.found}
        elif (url.host, url.port) not in self._known:
            raise looking.error or TimeoutError(f"no name server knows {url.host} in time")
        return self._known[url.host, url.port]


class _LookUp(threading.Thread):
    """The look-up of a name, which nothing can interrupt."""

    def __init__(self, url: StoreUrl) -> None:
        super().__init__(name="find the store", daemon=True)
        self._url = url
        self.found: list[Place] = []
        self.error: OSError | None = None

    def run(self) -> None:
        try:
            self.found = socket.getaddrinfo(self._url.host, self._url.port, type=socket.SOCK_STREAM)
        except OSError as exc:
            self.error = exc


def _connect_tcp(places: Sequence[Place], deadline: float) -> socket.socket:
    error: OSError = ConnectionError("the store's name has no address")
    for number, (family, kind, protocol, _, address) in enumerate(places):
        one = socket.socket(family, kind, protocol)
        try:
            one.settimeout(_left(deadline) / (len(places) - number))
            one.connect(address)
        except OSError as exc:
            one.close()
            error = exc
        else:
            return one
    raise error


def _left(deadline: float) -> float:
    """Seconds. Raises `TimeoutError` if there are none."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the store did not answer in time")
    return left
