"""How picows gets a WebSocket connection that HTTP has accepted."""

import asyncio
import logging
import socket
from collections.abc import Callable

from msgspec import Struct
from picows import (
    WSAutoPingStrategy,
    WSListener,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # its stub leaves it out

from actionhero.protocols.deflate import Deflate
from actionhero.transports.ws_wire import Wire

READ_BUFFER = 2048
"""Bytes of a connection's buffer at first; it grows with the messages."""
RECEIVE_BUFFER = 64 * 1024
"""Bytes that the kernel may hold for a connection. picows reads all there is, so that a flood would
make its buffer as large as the kernel's."""

_log = logging.getLogger("actionhero.websocket")


class Opened(Struct, frozen=True):
    """A connection that is to be a WebSocket: the `key` of its opening request, what was `received`
    after that, the extension that was agreed on, and the bytes a frame may have."""

    transport: asyncio.Transport
    key: str
    received: bytes
    deflate: Deflate | None
    frame_bytes: int


class _Quiet:
    """What picows logs to: its own words, one line per connection and more, only when debugging."""

    def isEnabledFor(self, _level: int) -> bool:  # noqa: N802  the name that picows calls
        return False

    def log(self, _level: int, message: str, *args: object) -> None:
        _log.debug(message, *args)

    def debug(self, message: str, *args: object) -> None:
        _log.debug(message, *args)

    info = warning = error = debug

    def exception(self, message: str, *args: object) -> None:
        """A fault of ours, which picows closes with 1011."""
        _log.exception(message, *args)


_quiet = _Quiet()


def _opening(key: str) -> bytes:
    """The opening request as picows wants to see it; the real one has been checked."""
    return (
        "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


def hand_over(opened: Opened, listener: WSListener, on_closing: Callable[[], None]) -> None:
    """Let picows go on with a connection. `on_closing`: see `Wire`."""
    transport, deflate = opened.transport, opened.deflate
    agreed = {} if deflate is None else {"Sec-WebSocket-Extensions": deflate.response}
    answer = WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(agreed), listener)
    no_ping = (False, 0, 0, WSAutoPingStrategy.PING_WHEN_IDLE)
    protocol = WSProtocol(
        None, None, False, lambda _: answer, _quiet, True, None, *no_ping, False,
        opened.frame_bytes, None, READ_BUFFER,
    )  # fmt: skip
    sock: socket.socket = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    transport.set_protocol(protocol)
    protocol.connection_made(Wire(transport, on_closing))
    received = _opening(opened.key) + opened.received
    while received:
        space = protocol.get_buffer(-1)
        size = min(len(space), len(received))
        space[:size] = received[:size]
        protocol.buffer_updated(size)
        received = received[size:]
