"""What goes back over connections that stay, WebSocket's and TCP's: one JSON object a message.

Rules
- A reply is the action's value with a trailer behind its fields (`context`, `messageId`, …), so
  that one object carries both. The value is encoded once; the trailer is written before its last
  brace.
- A value that is no object is sent as `data`.
- Where the value has a field of a trailer's name, the trailer's comes last, and readers take that.
"""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec
from msgspec import Struct

from actionhero.codec import encode_json
from actionhero.errors import ActionHeroError, wire_error
from actionhero.messages import Event, Reply

MessageId: TypeAlias = int | float | str | None
"""How a client names its message; the reply carries the same. None: not named."""


_END = ord("}")
_OF_RESPONSE = len(b',"context":"response"')


class _Identified(Struct):
    messageId: MessageId = None  # noqa: N815  the name on the wire


_decode_identified = msgspec.json.Decoder(_Identified).decode


def encode_id(message_id: MessageId) -> bytes:
    """A message's id as JSON."""
    return b"%d" % message_id if type(message_id) is int else encode_json(message_id)


def find_id(message: bytes) -> MessageId:
    """The id in a JSON message that cannot be read otherwise; None if that cannot be read either.

    So that the client can tell which of its messages an error is about.
    """
    try:
        return _decode_identified(message).messageId
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def splice(body: bytes, trailer: bytes) -> bytes:
    """One JSON object of the encoded `body` and a `trailer` such as `,"context":"api"}`."""
    if body[:2] == b'{"' and body[-1] == _END:
        return body[:-1] + trailer
    if body == b"{}":
        return b"{" + trailer[1:]
    return b'{"data":%b%b' % (body, trailer)


def encode_fields(fields: Mapping[str, object], trailer: bytes) -> bytes:
    """A reply of the framework's own, that all went well."""
    return splice(encode_json({"status": "OK", **fields}), trailer)


def encode_error(error: ActionHeroError, trailer: bytes) -> bytes:
    """A reply that says what is wrong."""
    return splice(encode_json({"error": wire_error(error)}), trailer)


def encode_reply(reply: Reply, trailer: bytes) -> bytes:
    """An action's reply. Raises whatever the encoder does for a value that is not JSON's."""
    if reply.error is not None:
        return encode_error(reply.error, trailer)
    body = encode_json(reply.value)
    if body[:2] == b'{"':
        return body[:-1] + trailer
    return splice(body, trailer)


def encode_value(value: object, trailer: bytes) -> bytes:
    """One value of a stream, as `data`, with the trailer of the reply that will end it. Raises as
    `encode_reply`."""
    named = b""
    if isinstance(value, Event):
        named = b"" if value.id is None else b',"id":%b' % encode_json(str(value.id))
        named += b"" if value.event is None else b',"event":%b' % encode_json(value.event)
        value = value.data
    body = encode_json(value)
    return b'{"data":%b%b,"context":"stream"%b' % (body, named, trailer[_OF_RESPONSE:])
