"""What is said in a room: on its way through the store, to hooks, and to clients.

A frame is `EPOCH:OFFSET:TIME:ENVELOPE`; the store makes its head, whoever says it the envelope
(JSON). A client's text is made of it once, whatever the number of its members.
"""

from collections.abc import Mapping
from typing import Any, Literal, Self

import msgspec
from msgspec import Raw, Struct

from actionhero.codec import encode_json
from actionhero.errors import TooLargeError
from actionhero.messages import Push


class RoomMessage(Struct, frozen=True):
    """A message as the hooks see it. `content` is any JSON; `sender` the id of the connection that
    said it, "" for a program. With `where` it goes only to members whose details have all of that.
    `offset` and `sent_at` (ms) are 0 until it was said."""

    room: str
    content: Any
    sender: str = ""
    where: dict[str, Any] | None = None
    offset: int = 0
    sent_at: int = 0

    def rewritten(self, content: Any) -> Self:
        """The same message, but for its content."""
        return msgspec.structs.replace(self, content=content)


class Envelope(Struct, omit_defaults=True, gc=False):
    """What is published of a message, or (`destroyed`) of the end of a room."""

    sender: str = msgspec.field(default="", name="from")
    message: Raw = Raw(b"null")
    where: dict[str, Any] | None = None
    kind: Literal["said", "destroyed"] = "said"


_decode = msgspec.json.Decoder(Envelope).decode
_decode_content = msgspec.json.Decoder().decode


class Frame(Struct, frozen=True, gc=False):
    """One frame, read."""

    epoch: str
    offset: int
    at: int
    envelope: Envelope


def read_frame(frame: bytes) -> Frame:
    """Read what a room's script has published. Raises `ValueError` for anything else."""
    epoch, offset, at, envelope = frame.split(b":", 3)
    return Frame(epoch.decode(), int(offset), int(at), _decode(envelope))


def write_envelope(message: RoomMessage, most: int) -> bytes:
    """The envelope of a message. Raises `TooLargeError` if that has more than so many bytes."""
    content = Raw(encode_json(message.content))
    envelope = encode_json(Envelope(message.sender, content, message.where or None))
    if len(envelope) > most:
        raise TooLargeError(f"a message in a room may have {most} bytes, not {len(envelope)}")
    return envelope


def message_of(room: str, frame: Frame) -> RoomMessage:
    """A frame as the hooks see it."""
    told = frame.envelope
    content = _decode_content(told.message)
    return RoomMessage(room, content, told.sender, told.where, frame.offset, frame.at)


def pack_frame(room: str, frame: Frame) -> Push:
    """A frame as clients get it."""
    return pack(room, frame, bytes(frame.envelope.message))


def pack(room: str, frame: Frame, content: bytes) -> Push:
    """A frame as clients get it, with this content (JSON)."""
    return Push(
        b'{"message":%b,"room":"%b","from":%b,"context":"user","sentAt":%d,"epoch":"%b","offset":%d}'
        % (
            content,
            room.encode(),
            encode_json(frame.envelope.sender),
            frame.at,
            frame.epoch.encode(),
            frame.offset,
        )
    )


def pack_lost(room: str, epoch: str, offset: int) -> Push:
    """Tells a member that what was said up to `offset` has not reached it, and will not."""
    told = {"context": "room", "room": room, "event": "lost", "epoch": epoch, "offset": offset}
    return Push(encode_json(told))


def pack_destroyed(room: str) -> Push:
    """Tells a member that there is no such room any more."""
    return Push(encode_json({"context": "room", "room": room, "event": "destroyed"}))


def fits(details: Mapping[str, Any], where: Mapping[str, Any] | None) -> bool:
    """Whether a message addressed so is for a member of these details."""
    return where is None or all(details.get(key, _ABSENT) == value for key, value in where.items())


_ABSENT = object()
