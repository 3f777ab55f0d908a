"""The transport under a WebSocket, closed so that the client can read the reason.

To close a socket while the client is sending breaks the connection, and takes back what it has not
read, the close frame first of all. So the server only says that it is done, discards what still
comes, and lets the client close.
"""

import asyncio
from collections.abc import Callable
from typing import Any


class Wire:
    """An `asyncio.Transport`, but for `close`. `on_close` has to see to it that the client's time
    is limited."""

    __slots__ = ("_on_close", "_transport")

    def __init__(self, transport: asyncio.Transport, on_close: Callable[[], None]) -> None:
        self._transport = transport
        self._on_close = on_close

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def close(self) -> None:
        """Send what is unsent, then the end."""
        transport = self._transport
        if transport.is_closing():
            return
        self._on_close()
        if not transport.can_write_eof():
            transport.close()
            return
        try:
            if transport.is_reading():
                transport.pause_reading()  # uvloop chooses how to read when it starts
            transport.set_protocol(_Discard(transport.get_protocol()))
            transport.write_eof()
            transport.resume_reading()
        except (OSError, RuntimeError):  # the client has gone meanwhile
            transport.close()


class _Discard(asyncio.Protocol):
    """Takes whatever comes for nothing, until the client closes."""

    def __init__(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def connection_lost(self, exc: Exception | None) -> None:
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()
