"""WebSocket (RFC 6455) as messages: the opening request, frames into texts, texts into requests.

Rules
- The opening request is a GET of HTTP/1.1 for version 13 with a key of 16 bytes (section 4.2.1).
- A browser says where its page comes from, and sends the user's cookies along: only pages of the
  server's own host and of the listed origins may connect. Other clients send no Origin.
- A message may come in fragments, with control frames between them (5.4). It is bounded as a
  whole, so that many small fragments gain nothing.
- Text is UTF-8 (8.1), checked here since no JSON reader looks at the parts it skips.
- The one extension is `deflate`. Where it is not agreed on, reserved bits are errors (5.2).
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Container, Mapping
from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct

from actionhero.codec import read_json
from actionhero.errors import (
    ActionError,
    FrameError,
    HttpProtocolError,
    MalformedError,
    UnknownActionError,
)
from actionhero.messages import Call
from actionhero.protocols.deflate import Deflate
from actionhero.protocols.replies import MessageId

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
"""Opcodes (section 5.2)."""

NORMAL = 1000
GOING_AWAY = 1001
PROTOCOL_ERROR = 1002
UNSUPPORTED_DATA = 1003
INVALID_TEXT = 1007
POLICY_VIOLATION = 1008
TOO_BIG = 1009
SERVICE_RESTART = 1012
"""Close codes (section 7.4.1)."""

_SENDABLE = frozenset((1000, 1001, 1002, 1003, *range(1007, 1015)))
_ORIGIN = re.compile(r"(https?)://([^/?#@\s,\\]+)")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def check_opening(head: bytes, headers: Mapping[str, str], origins: Container[str]) -> str:
    """The key of an opening request. Names in `headers` are lower case, values of repeated ones
    joined by commas; `origins` are allowed beside the server's own host, in lower case.

    Raises `HttpProtocolError`, and `ActionError` (403) for an origin that may not.
    """
    first_line = head.partition(b"\r\n")[0]
    if not first_line.startswith(b"GET ") or not first_line.endswith(b" HTTP/1.1"):
        raise HttpProtocolError("a WebSocket is opened by a GET of HTTP/1.1")
    if not _has_token(headers, "upgrade", "websocket") or not _has_token(
        headers, "connection", "upgrade"
    ):
        raise HttpProtocolError(
            "this path takes WebSocket connections; send `Upgrade: websocket` and"
            " `Connection: Upgrade`",
            status=426,
        )
    if headers.get("sec-websocket-version") != "13":
        raise HttpProtocolError("the WebSocket version must be 13", status=426)
    origin = headers.get("origin")
    if origin is not None and not is_allowed_origin(origin, headers.get("host", ""), origins):
        raise ActionError(
            f"pages of {origin} may not connect; add the origin to `websocket.origins`",
            code="origin_refused",
            status=403,
        )
    return _check_key(headers.get("sec-websocket-key", ""))


def is_allowed_origin(origin: str, host: str, origins: Container[str]) -> bool:
    """Whether a page of `origin` may connect to the server that it called `host`."""
    origin = origin.lower()
    if "*" in origins or origin in origins:
        return True
    parts = _ORIGIN.fullmatch(origin)
    if parts is None:  # also "null": a sandboxed or local page
        return False
    default_port = _DEFAULT_PORTS[parts[1]]
    return parts[2].removesuffix(default_port) == host.lower().removesuffix(default_port)


def _has_token(headers: Mapping[str, str], name: str, token: str) -> bool:
    return token in (part.strip().lower() for part in headers.get(name, "").split(","))


def _check_key(key: str) -> str:
    try:
        if len(b64decode(key, validate=True)) == 16:
            return key
    except (binascii.Error, ValueError):
        pass
    raise HttpProtocolError("`Sec-WebSocket-Key` must be 16 bytes in base64")


class DataFrame(NamedTuple):
    """A frame of a message; `is_compressed` is its first reserved bit."""

    opcode: int
    is_final: bool
    payload: bytes
    is_compressed: bool = False


class Assembler:
    """Data frames to whole messages of at most `limit` bytes."""

    __slots__ = ("_deflate", "_is_compressed", "_limit", "_opcode", "_parts")

    def __init__(self, limit: int, deflate: Deflate | None = None) -> None:
        self._limit = limit
        self._deflate = deflate
        self._opcode = TEXT
        self._is_compressed = False
        self._parts: bytearray | None = None

    def add(self, frame: DataFrame) -> tuple[int, bytes] | None:
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


def check_text(payload: bytes) -> bytes:
    """`payload`, if it is UTF-8. Raises `FrameError`."""
    if not payload.isascii():
        try:
            payload.decode()
        except UnicodeDecodeError as exc:
            raise FrameError(INVALID_TEXT, f"not UTF-8 at byte {exc.start}") from exc
    return payload


def read_close(payload: bytes) -> int:
    """The code of a close frame, 1000 if it has none. Raises `FrameError` (section 5.5.1)."""
    if not payload:
        return NORMAL
    code = int.from_bytes(payload[:2], "big")
    if len(payload) == 1 or not (code in _SENDABLE or 3000 <= code <= 4999):
        raise FrameError(PROTOCOL_ERROR, "no valid close code")
    check_text(payload[2:])
    return code


class Message(Struct, frozen=True, gc=False):
    """What a client sends: an event, with what that event needs."""

    event: str = ""
    params: Raw = Raw()
    messageId: MessageId = None  # noqa: N815  the name on the wire
    file: str | None = None


class _Named(Struct, frozen=True, gc=False):
    action: str | None = None


_decode_message = msgspec.json.Decoder(Message).decode
_decode_named = msgspec.json.Decoder(_Named).decode


def read_message(payload: bytes) -> Message:
    """The message in a text. Raises `MalformedError`."""
    try:
        return _decode_message(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _explain(payload)


def _explain(payload: bytes) -> Message:
    try:
        return read_json(_decode_message, payload)
    except msgspec.ValidationError as exc:
        raise MalformedError(f"the message is not as it should be: {exc}") from exc


def read_call(params: Raw) -> Call:
    """The call in the `params` of an action event. Raises `MalformedError`, `UnknownActionError`.

    The name of the action is among its inputs here, so they are read as they came.
    """
    body = bytes(params) or b"{}"
    try:
        action = _decode_named(body).action
    except msgspec.ValidationError as exc:
        raise MalformedError(f"`params` is not as it should be: {exc}") from exc
    if action is None:
        raise UnknownActionError('no action was named; write {"action": "...", ...} in `params`')
    return Call(action, body=body)
