"""A task as the store keeps it.

A record is a header of fixed width, which the scripts read, and a JSON object, which they do not:

    1 n o - 1763999999123 {"name":"send_welcome","params":{"email":"a@b.c"}}
    │ │ │ │ └ enqueued at (ms), written by the store
    │ │ │ └ what a script must know of: - for nothing, else 64 and: 1 it is unique,
    │ │ │   2 its type is limited, 4 its result is kept
    │ │ └ kind: o once · a once on all, c its copies · p periodic · b periodic on all, d its copies
    │ └ band: h n l
    └ version

(without the spaces). Between name and params there may be, in this order, `unique` (its key),
`keep` (ms that its result is kept) and `trace`. A later version may add members; what we do not
know is left alone. A record that cannot be read is never dropped: it is parked among the failed
ones.
"""

from typing import Final, Literal

import msgspec
from msgspec import Raw, Struct

from actionhero.codec import decode_json
from actionhero.errors import MalformedError, TaskError

Scope = Literal["any", "all"]
Priority = Literal["high", "normal", "low"]

HEADER: Final = 17
"""Bytes before the JSON object, in the store."""
BANDS: Final = {"high": "h", "normal": "n", "low": "l"}
ONCE: Final = ord("o")
KIND: Final = 2
FLAG: Final = 3
"""Where the kind and the flag are."""
NO_FLAG: Final = ord("-")
UNIQUE: Final = 1
LIMITED: Final = 2
KEPT: Final = 4
COPIES: Final = frozenset(b"cd")
_KINDS: Final = {
    (False, "any"): "o",
    (False, "all"): "a",
    (True, "any"): "p",
    (True, "all"): "b",
}
_VERSION: Final = b"1"


class Body(Struct):
    """The JSON object of a record."""

    name: str
    params: Raw
    trace: str | None = None


_decode_body = msgspec.json.Decoder(Body).decode


class UnreadableRecordError(TaskError):
    """A record is of another version, or no record at all."""

    code = "unreadable_record"


def record_head(
    name: str, priority: Priority, scope: Scope, *, is_periodic: bool, flags: int = 0, keep: int = 0
) -> bytes:
    """All of a type's records up to their parameters. `keep` is in ms."""
    if keep:
        flags |= KEPT
    flag = chr(64 + flags) if flags else "-"
    header = f"1{BANDS[priority]}{_KINDS[is_periodic, scope]}{flag}"
    kept = f'"keep":{keep},' if keep else ""
    return f'{header}{{"name":"{name}",{kept}"params":'.encode()


def is_kept(record: bytes) -> bool:
    """Whether the result of this task is to be kept."""
    flag = record[FLAG]
    return flag != NO_FLAG and bool(flag & KEPT)


def new_record(head: bytes, params: bytes) -> bytes:
    """A record on its way into the store, which adds the time."""
    return head + params + b"}"


def with_members(head: bytes, *, unique: str | None = None, trace: str | None = None) -> bytes:
    """A head with what this one task adds to its type's: its key, its trace (both plain ASCII
    without quotes)."""
    if unique is not None:
        place = head.index(b'",') + 2
        head = b'%b"unique":"%b",%b' % (head[:place], unique.encode(), head[place:])
    if trace is not None:
        head = b'%b"trace":"%b","params":' % (head.removesuffix(b'"params":'), trace.encode())
    return head


def read_body(record: bytes) -> Body:
    """The object of a record out of the store. Raises `UnreadableRecordError`."""
    if record[:1] != _VERSION:
        raise UnreadableRecordError(
            f"the record has version {record[:1]!r}; this server reads version 1: upgrade it"
        )
    try:
        return _decode_body(record[HEADER:])
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise UnreadableRecordError(f"the record cannot be read: {exc}") from exc


def enqueued_at(record: bytes) -> int:
    """When it was enqueued, ms; 0 if the record does not say."""
    digits = record[4:HEADER]
    return int(digits) if digits.isdigit() else 0


class Troubles(Struct, frozen=True):
    """What went wrong with a task so far: how often it raised, how often its server died under it,
    and the last error (`type`, `message`, `traceback`, …)."""

    attempts: int = 0
    lapses: int = 0
    error: dict[str, str] | None = None


NO_TROUBLES: Final = Troubles()


def read_troubles(text: bytes | None) -> Troubles:
    """The troubles as the store keeps them: `attempts lapses error`."""
    if not text:
        return NO_TROUBLES
    attempts, lapses, error = text.split(b" ", 2)
    return Troubles(int(attempts), int(lapses), read_error(error))


def read_error(text: bytes) -> dict[str, str] | None:
    """An error as the store keeps it: JSON, or whatever text it is."""
    if not text:
        return None
    try:
        error = decode_json(text)
    except MalformedError:
        error = None
    if not isinstance(error, dict):
        return {"type": "", "message": text.decode("utf-8", "replace")}
    return {str(key): str(value) for key, value in error.items()}
