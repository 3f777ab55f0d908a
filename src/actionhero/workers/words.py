"""What a worker and a child process say to each other, over one socket.

Each message is its length in four bytes and msgpack. Parameters go as the JSON that the record
has, and the child reads them as the type says; only what a function returned or raised is pickled,
and only if somebody looks at it.
"""

from typing import Any, Final, TypeAlias

import msgspec
from msgspec import Struct

from actionhero.tasks.importable import ImportPlace

SIZE: Final = 4
"""Bytes of the length."""


class Setup(Struct, tag=True):
    """The first word: the levels of the loggers, the root's by the name ""."""

    levels: dict[str, int]


class Load(Struct, tag=True):
    """Import this; the answer is `Loaded` or `Unloadable`."""

    place: ImportPlace


class Run(Struct, tag=True):
    """Run this; the answer is `Returned` or `Raised`, if it comes. What the store keeps of a
    result, and the value itself, come back only if they are wanted."""

    place: ImportPlace
    id: str
    params: bytes
    troubles: bytes | None
    parent: str | None
    trace: str | None
    wants_kept: bool
    wants_value: bool


class Loaded(Struct, tag=True):
    """It is there."""


class Unloadable(Struct, tag=True):
    """It is not; the error, as a dead letter keeps it."""

    error: bytes


class Said(Struct, tag=True):
    """How far it has come."""

    fraction: float
    note: str


class Logged(Struct, tag=True):
    """A log line, its message formatted."""

    logger: str
    level: int
    path: str
    line: int
    function: str | None
    message: str
    trace: str | None
    created: float
    fields: dict[str, Any]


class Returned(Struct, tag=True):
    """It returned. `kept` is what the store keeps of that; `value` is pickled, None if it was not
    wanted or cannot be."""

    kept: bytes = b""
    value: bytes | None = None


class Raised(Struct, tag=True):
    """It raised. `error` is pickled, None if it cannot be."""

    kind: str
    message: str
    trace: str
    error: bytes | None


ToChild: TypeAlias = Setup | Load | Run
ToParent: TypeAlias = Loaded | Unloadable | Said | Logged | Returned | Raised

_encoder = msgspec.msgpack.Encoder(enc_hook=repr)
read_to_child = msgspec.msgpack.Decoder(ToChild).decode
read_to_parent = msgspec.msgpack.Decoder(ToParent).decode


def frame(message: ToChild | ToParent) -> bytes:
    """A message as it goes over the socket."""
    text = _encoder.encode(message)
    return len(text).to_bytes(SIZE, "big") + text
