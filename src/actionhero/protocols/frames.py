"""WebSocket's frames (RFC 6455, section 5): bytes to frames, frames to messages, and back.

Rules
- A frame is judged by its head: what breaks the rules, or is too big, is refused before its payload
  is waited for. What came before it has been given out by then, so that a close is answered even
  if nonsense follows in the same packet.
- A message may come in fragments, with control frames between them (5.4). It is bounded as a
  whole, so that many small fragments gain nothing.
- Text is UTF-8 (8.1), checked here since no JSON reader looks at the parts it skips.
- The one extension is `deflate`. Where it is not agreed on, reserved bits are errors (5.2).
- An idle connection keeps no buffer. Nearly all messages come as one short frame in a read of its
  own, so that way is short (`read_text`); masks are undone in C (5.3), by `websockets`.
"""

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from actionhero.errors import FrameError
from actionhero.protocols.deflate import Deflate

try:
    from websockets.speedups import apply_mask
except ImportError:  # an unusual platform; as right, and slower
    from websockets.utils import apply_mask

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
"""Opcodes (section 5.2)."""

NORMAL = 1000
GOING_AWAY = 1001
PROTOCOL_ERROR = 1002
UNSUPPORTED_DATA = 1003
INVALID_TEXT = 1007
POLICY_VIOLATION = 1008
TOO_BIG = 1009
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012
"""Close codes (section 7.4.1)."""

LONGEST_CONTROL = 125
"""Bytes of a control frame's payload (section 5.5)."""
_FINAL, _COMPRESSED, _MASKED = 0x80, 0x40, 0x80
_FIRST = frozenset((*range(3), *(_FINAL | opcode for opcode in (0, 1, 2, CLOSE, PING, PONG))))
_FIRST_COMPRESSED = _FIRST | {_COMPRESSED | first for first in (1, 2, _FINAL | 1, _FINAL | 2)}
"""First bytes that a frame may have, without `deflate` and with it."""
_SENDABLE = frozenset((1000, 1001, 1002, 1003, *range(1007, 1015)))
_SHORT = tuple(bytes((_FINAL | TEXT, size)) for size in range(126))
_MIDDLE, _LONG = Struct(">BBH").pack, Struct(">BBQ").pack


class Frame(NamedTuple):
    """A frame, unmasked; `is_compressed` is its first reserved bit."""

    opcode: int
    is_final: bool
    payload: bytes
    is_compressed: bool = False


class FrameReader:
    """The frames in what one client sends, each of at most `limit` bytes of payload."""

    __slots__ = ("_first", "_kept", "_limit", "_wanted")

    def __init__(self, limit: int, *, takes_compressed: bool = False) -> None:
        self._limit = limit
        self._first = _FIRST_COMPRESSED if takes_compressed else _FIRST
        self._kept: bytearray | None = None
        self._wanted = 0

    @property
    def is_within(self) -> bool:
        """Whether a frame has begun and not ended."""
        return self._kept is not None

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that end in `data`. Raises `FrameError` where one is broken."""
        if self._kept is not None:
            self._kept += data
            if len(self._kept) < self._wanted:
                return
            data, self._kept = bytes(self._kept), None
        start, size = 0, len(data)
        end = 2
        while size >= end:
            begin, end = self._measure(data, start)
            if size < end:
                break
            first = data[start]
            payload = apply_mask(data[begin:end], data[begin - 4 : begin])
            yield Frame(first & 0x0F, first >= _FINAL, payload, bool(first & _COMPRESSED))
            start, end = end, end + 2
        if size > start:
            self._kept, self._wanted = bytearray(data[start:]), end - start

    def _measure(self, data: bytes, start: int) -> tuple[int, int]:
        """Where the payload of the frame at `start` begins and ends; if its head is not all there,
        where that ends. Raises `FrameError`."""
        first, second = data[start], data[start + 1]
        if first not in self._first or second < _MASKED:
            raise FrameError(PROTOCOL_ERROR, _explain(first, second))
        size, begin = second & 0x7F, start + 6
        if first & CLOSE and size > LONGEST_CONTROL:
            raise FrameError(PROTOCOL_ERROR, "a control frame of more than 125 bytes")
        if size > 125:
            begin += 2 if size == 126 else 8
            if len(data) < begin - 4:
                return begin, begin - 4
            size = _read_size(data[start + 2 : begin - 4])
        if size > self._limit and not first & CLOSE:
            raise FrameError(TOO_BIG, f"a message may have {self._limit} bytes")
        return begin, begin + size


def _read_size(field: bytes) -> int:
    """A long frame's size, which has to be in the shortest form (section 5.2)."""
    size = int.from_bytes(field, "big")
    if size <= (125 if len(field) == 2 else 0xFFFF) or size >> 63:
        raise FrameError(PROTOCOL_ERROR, "the size of a frame is not in the form that it must have")
    return size


def _explain(first: int, second: int) -> str:
    """What is wrong with the first two bytes of a frame."""
    opcode = first & 0x0F
    if first & 0x70:
        return "reserved bits without an extension"
    if opcode not in {CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG}:
        return f"a frame of the unknown kind {opcode:#x}"
    return "a control frame in fragments" if second & _MASKED else "a frame without a mask"


def read_text(data: bytes) -> bytes | None:
    """The text in `data`, if that is one short frame, final and uncompressed, of ASCII; None for
    all else, which `FrameReader` reads."""
    size = len(data) - 6
    if size > 125 or size < 0 or data[0] != 0x81 or data[1] != 0x80 | size:
        return None
    text = apply_mask(data[6:], data[2:6])
    return text if text.isascii() else None


def write_text(text: bytes) -> bytes:
    """A text as a whole frame of the server's, which has no mask."""
    size = len(text)
    return _SHORT[size] + text if size < 126 else write_frame(TEXT, text)


def write_frame(opcode: int, payload: bytes, *, is_compressed: bool = False) -> bytes:
    """A final frame of the server's."""
    first = _FINAL | opcode | (_COMPRESSED if is_compressed else 0)
    size = len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    head = _MIDDLE(first, 126, size) if size <= 0xFFFF else _LONG(first, 127, size)
    return head + payload


def write_close(code: int, reason: str = "") -> bytes:
    """A close frame; the reason is cut where it is too long."""
    said = reason.encode()[: LONGEST_CONTROL - 2].decode(errors="ignore")
    return write_frame(CLOSE, code.to_bytes(2, "big") + said.encode())


def read_close(payload: bytes) -> int:
    """The code of a close frame, 1000 if it has none. Raises `FrameError` (section 5.5.1)."""
    if not payload:
        return NORMAL
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not (code in _SENDABLE or 3000 <= code <= 4999):
        raise FrameError(PROTOCOL_ERROR, "no valid close code")
    check_text(payload[2:])
    return code


def check_text(payload: bytes) -> bytes:
    """`payload`, if it is UTF-8. Raises `FrameError`."""
    if not payload.isascii():
        try:
            payload.decode()
        except UnicodeDecodeError as exc:
            raise FrameError(INVALID_TEXT, f"not UTF-8 at byte {exc.start}") from exc
    return payload


class Assembler:
    """Data frames to whole messages of at most `limit` bytes."""

    __slots__ = ("_deflate", "_is_compressed", "_limit", "_opcode", "_parts")

    def __init__(self, limit: int, deflate: Deflate | None = None) -> None:
        self._limit = limit
        self._deflate = deflate
        self._opcode = TEXT
        self._is_compressed = False
        self._parts: bytearray | None = None

    def add(self, frame: Frame) -> tuple[int, bytes] | None:
        """The message that this frame completes, with its opcode, or None. Raises `FrameError`."""
        parts = self._parts
        if (parts is None) == (frame.opcode == CONTINUATION):
            raise FrameError(
                PROTOCOL_ERROR,
                "a continuation without a beginning"
                if parts is None
                else "a new message before the end of the last",
            )
        if parts is None:
            parts = bytearray()
            self._opcode, self._is_compressed = frame.opcode, frame.is_compressed
        elif frame.is_compressed:
            raise FrameError(PROTOCOL_ERROR, "a continuation that says it is compressed")
        if len(parts) + len(frame.payload) > self._limit:
            raise FrameError(TOO_BIG, f"a message may have {self._limit} bytes")
        parts += frame.payload
        self._parts = None if frame.is_final else parts
        return self._complete(bytes(parts)) if frame.is_final else None

    def _complete(self, message: bytes) -> tuple[int, bytes]:
        if self._is_compressed:
            if self._deflate is None:
                raise FrameError(PROTOCOL_ERROR, "a compressed message without an agreement on it")
            message = self._deflate.decompress(message, self._limit)
        return self._opcode, check_text(message) if self._opcode == TEXT else message
