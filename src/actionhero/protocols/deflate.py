"""Compressed WebSocket messages (permessage-deflate, RFC 7692): what is agreed on, and the bytes.

Rules
- Each message stands for itself: neither side keeps a context from one to the next, so that an idle
  connection costs no memory. Every offer allows that.
- What a message unfolds to is bounded while it unfolds (section 8.2 leaves that to us): a bomb
  costs no more than the largest message that may be sent.
- Offers are taken in their order; one with a parameter that the RFC does not know, twice, or out of
  its range, is passed over (section 7.1).
"""

import zlib
from collections.abc import Iterator

from actionhero.errors import FrameError

NAME = "permessage-deflate"
_TAIL = b"\x00\x00\xff\xff"
"""What ends each message, and is not sent (section 7.2.1)."""
_LEVEL = 1
_FLAGS = frozenset(("server_no_context_takeover", "client_no_context_takeover"))
_BITS = frozenset(("server_max_window_bits", "client_max_window_bits"))
_SMALLEST_WINDOW, _LARGEST_WINDOW = 9, 15
"""Bits of the windows that zlib can write; the RFC allows 8, too."""
_PROTOCOL_ERROR, _TOO_BIG = 1002, 1009

_Parameters = dict[str, int | None]


class Deflate:
    """What was agreed on with one client. `response` is the header's value that says so."""

    __slots__ = ("_window", "response")

    def __init__(self, window: int | None) -> None:
        self._window = _LARGEST_WINDOW if window is None else window
        agreed = [NAME, "server_no_context_takeover", "client_no_context_takeover"]
        if window is not None:
            agreed.append(f"server_max_window_bits={window}")
        self.response = "; ".join(agreed)

    def compress(self, message: bytes) -> bytes | None:
        """The message compressed; None if it is to be sent as it is."""
        if self._window < _SMALLEST_WINDOW:
            return None
        pressing = zlib.compressobj(_LEVEL, zlib.DEFLATED, -self._window)
        pressed = pressing.compress(message) + pressing.flush(zlib.Z_SYNC_FLUSH)
        return pressed[: -len(_TAIL)] if len(pressed) < len(message) else None

    def decompress(self, message: bytes, limit: int) -> bytes:
        """The message unfolded, at most `limit` bytes. Raises `FrameError`."""
        rest, parts, size = message + _TAIL, [], 0
        while rest:  # a sender may end a stream in the midst of a message (section 7.2.3.5)
            unfolding = zlib.decompressobj(-_LARGEST_WINDOW)
            try:
                part = unfolding.decompress(rest, limit + 1 - size)
            except zlib.error as exc:
                raise FrameError(_PROTOCOL_ERROR, "a compressed message is broken") from exc
            size += len(part)
            if size > limit:
                raise FrameError(_TOO_BIG, f"a message may have {limit} bytes")
            parts.append(part)
            rest = unfolding.unused_data if unfolding.eof and unfolding.unused_data != rest else b""
        return b"".join(parts)


def agree(offers: str) -> Deflate | None:
    """The first of the offers in `Sec-WebSocket-Extensions` that can be taken, if any."""
    for offer in offers.split(","):
        name, *given = (part.strip() for part in offer.split(";"))
        if name == NAME:
            parameters = _read_parameters(given)
            if parameters is not None:
                return Deflate(parameters.get("server_max_window_bits"))
    return None


def _read_parameters(given: list[str]) -> _Parameters | None:
    """The parameters of an offer; None if it must be declined."""
    parameters: _Parameters = {}
    for name, value in _split(given):
        if name in parameters:
            return None
        if name in _FLAGS and value is None:
            parameters[name] = None
        elif name in _BITS and _is_window(name, value):
            parameters[name] = None if value is None else int(value)
        else:
            return None
    return parameters


def _split(given: list[str]) -> Iterator[tuple[str, str | None]]:
    for one in given:
        name, has_value, value = one.partition("=")
        yield name.strip(), value.strip().strip('"') if has_value else None


def _is_window(name: str, value: str | None) -> bool:
    """Whether this is a window size of 8 to 15 bits, or left open where that is allowed."""
    if value is None:
        return name == "client_max_window_bits"
    return value in {str(bits) for bits in range(8, _LARGEST_WINDOW + 1)}
