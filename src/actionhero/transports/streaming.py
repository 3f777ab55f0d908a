"""The streams of one connection that stays: a message for each value, between other messages.

Rules
- The action is not asked for more while the client leaves much unread, or while something else
  has the connection to itself. So a stream is never what a slow reader is dropped for at once.
- A stream nobody is left to read is closed at once: other than a call, it has nothing to end.
- When the server stops, streams end with an error that says so.
"""

import asyncio
import logging
import socket
from typing import Protocol

from actionhero.actions.streams import Stream
from actionhero.errors import ActionHeroError, InternalError
from actionhero.messages import Reply
from actionhero.protocols.replies import encode_value

_MARK = 64 * 1024
"""Bytes that a client may leave unread before its streams wait; what else it may leave unread is
for what cannot wait."""
_PROBES = {"TCP_KEEPIDLE": 60, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 4}
_log = logging.getLogger("actionhero.transports")


class Outlet(Protocol):
    """The connection that values are sent over."""

    @property
    def is_flowing(self) -> bool:
        """Whether there is room for a value."""
        ...

    def narrow(self) -> None:
        """Have much less unread from now on, as far as it can wait: `narrow` its transport."""
        ...

    def send_value(self, text: bytes) -> None:
        """Send one value, whatever is unread."""
        ...


class Streams:
    """The streams of one connection."""

    __slots__ = ("__weakref__", "_flow", "_outlet", "_under_way")

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self._under_way: list[tuple[bytes, Stream]] = []
        self._flow = asyncio.Event()
        outlet.narrow()

    async def send(self, stream: Stream, trailer: bytes) -> Reply:
        """Send all values of a stream, each with `trailer`; the reply that is to end it."""
        entry = (trailer, stream)
        self._under_way.append(entry)
        try:
            async for value in stream:
                self._outlet.send_value(_encode(value, trailer))
                await self._wait_flowing(stream)
        except ActionHeroError as exc:
            return Reply(error=exc)
        finally:
            self._under_way.remove(entry)
            await stream.aclose()
        return Reply({"status": "OK"})

    def flow(self) -> None:
        """There may be room again."""
        self._flow.set()

    def cancel(self, trailer: bytes) -> bool:
        """End the streams whose trailer this is; whether there are any."""
        found = [stream for own, stream in self._under_way if own == trailer]
        for stream in found:
            stream.stop()
        self._flow.set()
        return bool(found)

    def stop(self, error: ActionHeroError | None = None) -> None:
        """End all of them."""
        for _, stream in self._under_way:
            stream.stop(error)
        self._flow.set()

    async def _wait_flowing(self, stream: Stream) -> None:
        while not (self._outlet.is_flowing or stream.is_stopped):
            self._flow.clear()
            await self._flow.wait()


def narrow(transport: asyncio.WriteTransport, most: int) -> None:
    """Have a transport say earlier that much is unread; `most` is what may be."""
    most = min(most, _MARK)
    transport.set_write_buffer_limits(high=most, low=most // 4)


def probe(transport: asyncio.BaseTransport) -> None:
    """Have the system ask, while nothing is sent, whether the client is there; about two minutes
    after it has vanished the connection ends."""
    sock = transport.get_extra_info("socket")
    if sock is None or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _PROBES.items():
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _encode(value: object, trailer: bytes) -> bytes:
    try:
        return encode_value(value, trailer)
    except Exception as exc:
        _log.exception("a value of a stream cannot be encoded as JSON: %s", exc)
        raise InternalError("a value cannot be encoded as JSON") from exc
