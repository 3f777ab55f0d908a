"""WebSocket (RFC 6455) around its frames: the opening handshake, and texts into requests.

Rules
- The opening request is a GET of HTTP/1.1 for version 13 with a key of 16 bytes (section 4.2.1).
- A browser says where its page comes from, and sends the user's cookies along: only pages of the
  server's own host and of the listed origins may connect. Other clients send no Origin.
"""

import binascii
from base64 import b64decode, b64encode
from collections.abc import Container, Mapping
from hashlib import sha1
from typing import Any

import msgspec
from msgspec import Raw, Struct

from actionhero.codec import read_json
from actionhero.errors import (
    ActionError,
    HttpProtocolError,
    MalformedError,
    UnknownActionError,
)
from actionhero.messages import Call
from actionhero.protocols.http1 import Peer
from actionhero.protocols.replies import MessageId
from actionhero.protocols.same_origin import is_own_origin

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_NOBODY = Peer()


def check_opening(
    head: bytes, headers: Mapping[str, str], origins: Container[str], peer: Peer = _NOBODY
) -> str:
    """The key of an opening request. Names in `headers` are lower case, values of repeated ones
    joined by commas; `origins` are allowed beside the server's own host, in lower case, which is
    that of `peer` if a proxy has said it.

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
    host = peer.host or headers.get("host", "")
    if origin is not None and not is_allowed_origin(origin, host, origins, peer.scheme):
        raise ActionError(
            f"pages of {origin} may not connect; add the origin to `websocket.origins`",
            code="origin_refused",
            status=403,
        )
    return _check_key(headers.get("sec-websocket-key", ""))


def is_allowed_origin(
    origin: str, host: str, origins: Container[str], scheme: str = "http"
) -> bool:
    """Whether a page of `origin` may connect to the server that it called `host`. Never `null`,
    unless all may: that is every sandboxed or local page."""
    listed = "*" in origins or origin.lower() in origins
    return listed or is_own_origin(origin, host, scheme)


def _has_token(headers: Mapping[str, str], name: str, token: str) -> bool:
    return token in (part.strip().lower() for part in headers.get(name, "").split(","))


def _check_key(key: str) -> str:
    try:
        if len(b64decode(key, validate=True)) == 16:
            return key
    except (binascii.Error, ValueError):
        pass
    raise HttpProtocolError("`Sec-WebSocket-Key` must be 16 bytes in base64")


def write_opening(key: str, extension: str = "") -> bytes:
    """The answer that opens a connection (section 4.2.2), with the extension that is agreed on."""
    proof = b64encode(sha1(key.encode() + _GUID, usedforsecurity=False).digest())
    agreed = f"Sec-WebSocket-Extensions: {extension}\r\n".encode() if extension else b""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: %b\r\n%b\r\n" % (proof, agreed)
    )


class Message(Struct, frozen=True, gc=False):
    """What a client sends: an event, with what that event needs."""

    event: str = ""
    params: Raw = Raw()
    messageId: MessageId = None  # noqa: N815  the name on the wire
    file: str | None = None


class RoomEvent(Struct, frozen=True, gc=False):
    """What an event of rooms needs: what is said, to whom (`where`), and from where to go on."""

    room: str = ""
    message: Raw = Raw(b"null")
    where: dict[str, Any] | None = None
    epoch: str | None = None
    offset: int | None = None


class _Named(Struct, frozen=True, gc=False):
    action: str | None = None


_decode_room_event = msgspec.json.Decoder(RoomEvent).decode
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


def read_room_event(text: bytes) -> RoomEvent:
    """What an event says of rooms. Raises `MalformedError`."""
    try:
        return read_json(_decode_room_event, text)
    except msgspec.ValidationError as exc:
        raise MalformedError(f"the message is not as it should be: {exc}") from exc
