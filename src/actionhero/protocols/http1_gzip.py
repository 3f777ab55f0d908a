"""Packed bodies (`Content-Encoding: gzip`; RFC 9110, 8.4), unpacked as they come.

No more is unpacked than a body may have, however little was sent: a body that unfolds to more is
refused at that point.
"""

import zlib
from collections.abc import Callable

from actionhero.errors import MalformedError
from actionhero.protocols.http1 import Limits

_GZIP = 31
"""The window of zlib's that asks for the format of gzip."""


class Gunzip:
    """Unpacks one body; a `BodySink`."""

    __slots__ = ("_body", "_limits", "_unpacker", "limit", "on_ready", "received")

    is_full = False

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._unpacker = zlib.decompressobj(_GZIP)
        self._body = bytearray()
        self.limit = limits.body_bytes
        self.received = 0
        self.on_ready: Callable[[], None] | None = None

    def feed(self, part: bytes) -> None:
        self.received += len(part)
        most = self.limit - len(self._body) + 1
        try:
            self._body += self._unpacker.decompress(part, most)
        except zlib.error as exc:
            raise MalformedError(f"the body is not gzip: {exc}") from exc
        if len(self._body) > self.limit:
            raise self._limits.body_error()
        if self._unpacker.unused_data:
            raise MalformedError("the body goes on after its gzip data")

    def end(self) -> bytes:
        if not self._unpacker.eof:
            raise MalformedError("the gzip data of the body ends too early")
        return bytes(self._body)

    def close(self) -> None:
        self._body.clear()
