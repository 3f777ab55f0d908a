"""How many connections one address has."""

import asyncio
import logging
import socket

from actionhero.protocols.addresses import bucket_of
from actionhero.protocols.http1 import Peer

_log = logging.getLogger("actionhero.transports")


class Addresses:
    """The connections of one transport by address. `setting` names what bounds them."""

    def __init__(self, most: int, setting: str) -> None:
        self._most = most
        self._setting = setting
        self._counts: dict[str, int] = {}
        self._refused: set[str] = set()

    def enter(self, ip: str) -> bool:
        """Count a connection; False, and it is not counted, if its address has as many as it may.
        Those without an address (unix sockets) are not counted."""
        bucket = bucket_of(ip)
        if not bucket:
            return True
        count = self._counts.get(bucket, 0)
        if count >= self._most:
            self._note(bucket)
            return False
        self._counts[bucket] = count + 1
        return True

    def leave(self, ip: str) -> None:
        """A connection that has entered is gone."""
        bucket = bucket_of(ip)
        if not bucket:
            return
        count = self._counts.get(bucket, 0) - 1
        if count > 0:
            self._counts[bucket] = count
        else:
            self._counts.pop(bucket, None)
            self._refused.discard(bucket)

    def _note(self, bucket: str) -> None:
        """Say once of each address that it is refused, until it has gone."""
        if bucket not in self._refused:
            self._refused.add(bucket)
            _log.warning(
                "%s has %d connections and gets no more (%s); if that is a proxy, name it in "
                "web.trusted_proxies",
                bucket,
                self._most,
                self._setting,
            )


def peer_of(transport: asyncio.BaseTransport) -> Peer:
    """Whom a transport leads to."""
    peer = transport.get_extra_info("peername")
    ip, port = peer[:2] if isinstance(peer, tuple) else ("", 0)
    is_secure = transport.get_extra_info("sslcontext") is not None
    return Peer(ip, port, "https" if is_secure else "http")


def ip_of(sock: socket.socket) -> str:
    """Whom a socket leads to; empty for a unix socket. Raises `OSError` if the client has gone."""
    peer = sock.getpeername()
    return str(peer[0]) if isinstance(peer, tuple) else ""
