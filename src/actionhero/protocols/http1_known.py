"""The header fields of a connection's last request, so that the same need not be parsed again.

Clients send the same header fields again and again. Where a request has, byte for byte, those of
an earlier one of the connection, only its first line is new, and llhttp need not run.
"""

from actionhero.protocols.http1 import METHODS, Request, is_multipart

_METHODS = frozenset(METHODS)
_SPECIAL = frozenset((b"content-encoding", b"expect", b"transfer-encoding", b"upgrade"))
"""Fields that concern one message; a request with any of them is always parsed in full."""
_MOST_MISSES = 8
"""After so many requests in a row with other header fields, no more of them are remembered."""


class KnownHead:
    """The head of one request. `block` are its header fields as they came, `size` is their length
    with that of the body after them; -1 while nothing is known."""

    __slots__ = ("_block_size", "_fields", "_misses", "_target_bytes", "block", "size")

    def __init__(self, target_bytes: int) -> None:
        self.block = b""
        self.size = -1
        self._fields: dict[bytes, bytes] = {}  # what the block says
        self._block_size = self._misses = 0
        self._target_bytes = target_bytes

    def recall(self, data: bytes, end: int) -> Request | None:
        """The request that `data` is, known to be its first line (to `end`), the block and a body
        of the same length: it is framed as that one was. None if llhttp must look at it."""
        line = data[:end].decode("latin-1")
        parts = line.split(" ")
        if (
            len(parts) != 3
            or parts[0] not in _METHODS
            or parts[2] != "HTTP/1.1"
            or parts[1][:1] != "/"
            or "#" in line
            or not (line.isascii() and line.isprintable())
            or end > self._target_bytes
        ):
            return None
        self._misses = 0
        return Request(parts[0], parts[1], self._fields, data[end + self._block_size :] or None)

    def remember(self, request: Request, data: bytes, end: int) -> None:
        """Keep the head of a plain request: clients seldom send another on the same connection.
        Where they do, this gives up soon."""
        if self._misses >= _MOST_MISSES:
            return
        self._misses += 1
        headers = request.headers
        if not request.keep_alive or request.is_old or not headers.keys().isdisjoint(_SPECIAL):
            return
        if is_multipart(headers):  # who takes in the body depends on the target
            return
        line = f"{request.method} {request.target} HTTP/1.1".encode("latin-1")
        block_end = data.find(b"\r\n\r\n", end) + 4
        length = int(headers.get(b"content-length", 0))
        if data[:end] == line and len(data) == block_end + length:
            self.block = data[end:block_end]
            self._block_size = len(self.block)
            self.size = self._block_size + length
            self._fields = headers
