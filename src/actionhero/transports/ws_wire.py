"""What is under a WebSocket: how its texts leave, and how its connection ends.

Rules
- Texts leave together, at the end of a turn of the loop. picows makes a system call of each at
  once; between two pieces of Python that makes both slow (a tenth of a round trip).
- To close a socket while the client is sending breaks the connection, and takes back what it has
  not read, the close frame first of all. So the server only says that it is done, discards what
  still comes, and lets the client close.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Protocol

_MOST_TEXTS = 500
"""Texts that wait for the end of the turn; one flood of messages may cause any number."""


class Sender(Protocol):
    """What can send a text at once."""

    def transmit(self, text: bytes) -> None: ...


class Outbox:
    """The texts of all connections on their way."""

    __slots__ = ("_loop", "_texts")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._texts: list[tuple[Sender, bytes]] = []

    def add(self, sender: Sender, text: bytes) -> None:
        """Send `text` by the end of this turn, in the order of all that are added."""
        texts = self._texts
        if not texts:
            self._loop.call_soon(self.flush)
        texts.append((sender, text))
        if len(texts) > _MOST_TEXTS:
            self.flush()

    def flush(self) -> None:
        """Send all of them now."""
        texts, self._texts = self._texts, []
        for sender, text in texts:
            sender.transmit(text)


class Wire:
    """An `asyncio.Transport`, but for `close` and `writelines`.

    `on_close` has to see to it that the client's time is limited.
    """

    __slots__ = ("_on_close", "_transport")

    def __init__(self, transport: asyncio.Transport, on_close: Callable[[], None]) -> None:
        self._transport = transport
        self._on_close = on_close

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def writelines(self, parts: Iterable[bytes]) -> None:
        """Write parts of which picows uses the memory of the first, the header, again; asyncio from
        3.12 on would keep it, and not tell of a full buffer."""
        for part in parts:
            self._transport.write(bytes(part))

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
