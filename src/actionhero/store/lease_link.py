"""A connection of its own for a thread that keeps leases: plain, blocking, and nothing else.

The event loop's client cannot serve for that: what blocks the loop would lose the leases.
"""

import socket
import time
from collections.abc import Sequence

from hiredis import Reader

from actionhero.errors import StoreUnavailableError
from actionhero.store.dial import hello_command, tls_context
from actionhero.store.link import Command, Reply, pack, reply_error
from actionhero.store.url import StoreUrl

_PORTION = 64 * 1024


class LeaseLink:
    """Connects when it is first used, and again after every failure."""

    def __init__(self, timeout: float) -> None:
        """`timeout`: seconds that connecting, or one call, may take."""
        self._timeout = timeout
        self._socket: socket.socket | None = None
        self._reader = Reader()

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
            self._socket = socket.create_connection((url.host, url.port), timeout=self._timeout)
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
        self._socket.sendall(b"".join(map(pack, commands)))
        return [self._next_reply(deadline) for _ in commands]

    def _next_reply(self, deadline: float) -> Reply:
        assert self._socket is not None  # noqa: S101
        while (reply := self._reader.gets()) is False:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the store did not answer in time")
            self._socket.settimeout(left)
            portion = self._socket.recv(_PORTION)
            if not portion:
                raise ConnectionError("the store closed the connection")
            self._reader.feed(portion)
        return reply
