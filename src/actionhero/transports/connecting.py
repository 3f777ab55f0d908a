"""From an accepted socket to a connection with a protocol; over TLS, shaken hands with.

- Who has not shaken hands yet is a connection like any: it counts among those there may be, and
  has its time. Over TLS there is no way to say that there are too many, so those are closed.
- Plain connections are the loop's own: aiofastnet's have 4.3 KiB inside, so that an idle WebSocket
  took 8.4 KB instead of 3.4, and cost as much processor time. Over TLS they are aiofastnet's, which
  calls OpenSSL without Python between; it is imported when the first certificate is.
"""

import asyncio
import contextlib
import errno
import os
import socket
import struct
from collections.abc import Callable
from typing import Any, TypeAlias

from msgspec import Struct

from actionhero.transports.addresses import Addresses, ip_of
from actionhero.transports.tls import Tls

_RECORD = 16 * 1024 + 64
"""Bytes of a TLS record. Each connection has a buffer of some, each way; aiofastnet's own are of
16, half a megabyte in all."""


Handler: TypeAlias = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object]


class Bounds(Struct, frozen=True):
    """What bounds the connections: how many there are by `count`, how many there may be, the
    seconds for a handshake and for what is unsent at the end, and who shakes hands by address."""

    count: Callable[[], int]
    most: int
    handshake_timeout: float
    shutdown_timeout: float
    addresses: Addresses


_NO_LINGER = struct.pack("ii", 1, 0)


def cut(transport: asyncio.Transport) -> None:
    """End a connection at once, whatever is unsent. Closed without a reset, the kernel would go on
    offering that to the client, and hold a megabyte or two of it for minutes."""
    sock = transport.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()


class Connector:
    """Gives each accepted socket a protocol of its own."""

    def __init__(
        self, make_protocol: Callable[[], asyncio.Protocol], bounds: Bounds, tls: Tls | None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._make_protocol = make_protocol
        self._bounds = bounds
        self._tls = tls
        self._shaking = 0
        if tls is not None:
            import aiofastnet

            self._shake_hands = aiofastnet.connect_accepted_socket
            _Quiet.install(self._loop)

    async def connect(self, sock: socket.socket) -> asyncio.BaseTransport:
        """Have a protocol take it. Raises `OSError` if it does not come to that."""
        transport: asyncio.BaseTransport
        if self._tls is None:
            transport, _ = await self._loop.connect_accepted_socket(self._make_protocol, sock)
            return transport
        bounds, ip = self._bounds, ip_of(sock)
        is_full = bounds.count() + self._shaking >= bounds.most
        if is_full or not bounds.addresses.enter(ip):
            raise OSError(errno.EUSERS, os.strerror(errno.EUSERS))
        self._shaking += 1
        try:
            transport, _ = await self._shake_hands(
                self._loop,
                self._make_protocol,
                sock,
                ssl=self._tls.context,
                ssl_handshake_timeout=bounds.handshake_timeout,
                ssl_shutdown_timeout=bounds.shutdown_timeout,
                ssl_incoming_bio_size=2 * _RECORD,
                ssl_outgoing_bio_size=4 * _RECORD,
            )
        finally:
            self._shaking -= 1
            bounds.addresses.leave(ip)
        return transport


class _Quiet:
    """The loop's handler of exceptions, without one: aiofastnet 1.2 reports a client that goes away
    before its handshake is done, as any port scan does, by a class in place of an exception, on
    which the loop's own handler fails."""

    def __init__(self, before: Handler | None) -> None:
        self._before = before

    @classmethod
    def install(cls, loop: asyncio.AbstractEventLoop) -> None:
        before = loop.get_exception_handler()
        if not isinstance(before, cls):
            loop.set_exception_handler(cls(before))

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> object:
        if context.get("exception") is ConnectionResetError:
            return None
        if self._before is not None:
            return self._before(loop, context)
        return loop.default_exception_handler(context)
