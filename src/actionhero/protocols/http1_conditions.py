"""Validators, conditions and ranges of a file (RFC 9110, 8.8, 13 and 14).

- `If-Match` and `If-Range` compare strongly, `If-None-Match` weakly. A date counts only where no
  tag is given.
- One range of bytes is served. Several are answered with the whole file, as is a field that
  cannot be read: 14.2 lets a server ignore it, and no client can then ask for a thousand pieces.
- A file that was changed in the last two seconds may change again within what its time can tell,
  so that its tag is weak until then, and its date is no strong validator.
"""

from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime

from msgspec import Struct

from actionhero.errors import HttpProtocolError
from actionhero.protocols.http1_replies import Fields, http_date

_SETTLED = 2.0
"""Seconds after which a change cannot hide behind the time of the last one."""


class Validators(Struct, frozen=True):
    """What tells one state of a file from another: its entity tag, and when it was last changed
    (whole seconds since the epoch)."""

    tag: str
    changed: int
    is_settled: bool = True

    @property
    def fields(self) -> Fields:
        """Their header fields."""
        return (("ETag", self.tag), ("Last-Modified", http_date(self.changed)))

    @property
    def is_strong(self) -> bool:
        return not self.tag.startswith("W/")


class Part(Struct, frozen=True):
    """A range of bytes: the first one, and how many."""

    start: int
    length: int


def make_validators(
    size: int, mtime_ns: int, now: float, coding: str = "", is_packed: bool = False
) -> Validators:
    """The validators of a file of `size` bytes in a coding. One that is packed on the way may
    differ from one version of the library to the next, so its tag is weak."""
    is_settled = now - mtime_ns / 1e9 > _SETTLED
    tag = f'"{size:x}-{mtime_ns:x}{f"-{coding}" if coding else ""}"'
    if is_packed or not is_settled:
        tag = f"W/{tag}"
    return Validators(tag, mtime_ns // 1_000_000_000, is_settled)


def is_unchanged(headers: Mapping[bytes, bytes], validators: Validators) -> bool:
    """Whether the client of a GET or HEAD has this state already (304).

    Raises `HttpProtocolError` (412) where it wants another state or nothing.
    """
    _check_wanted(headers, validators)
    tags = headers.get(b"if-none-match")
    if tags is not None:
        known = {_opaque(tag) for tag in _list(tags)}
        return "*" in known or _opaque(validators.tag) in known
    since = _date(headers.get(b"if-modified-since"))
    return since is not None and validators.changed <= since


def read_range(headers: Mapping[bytes, bytes], size: int, validators: Validators) -> Part | None:
    """The part that a GET asks for; None for all of it.

    Raises `HttpProtocolError` (416) if none of it is there.
    """
    asked = headers.get(b"range")
    if asked is None or not _is_meant(headers.get(b"if-range"), validators):
        return None
    unit, mark, rest = asked.decode("latin-1").partition("=")
    first, dash, last = rest.strip().partition("-")
    if unit.strip().lower() != "bytes" or not mark or not dash:
        return None
    first, last = first.strip(), last.strip()
    if not _is_number(first or "0") or not _is_number(last or "0") or not (first or last):
        return None
    if not first:
        return _suffix(int(last), size)
    start = int(first)
    if last and int(last) < start:
        return None
    if start >= size:
        raise _unsatisfiable(size)
    end = min(int(last), size - 1) if last else size - 1
    return Part(start, end - start + 1)


def _suffix(length: int, size: int) -> Part | None:
    if length == 0:
        raise _unsatisfiable(size)
    if size == 0:
        return None
    length = min(length, size)
    return Part(size - length, length)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 19


def _unsatisfiable(size: int) -> HttpProtocolError:
    return HttpProtocolError(
        f"the range is outside of the file, which has {size} bytes",
        416,
        (("Content-Range", f"bytes */{size}"),),
    )


def _check_wanted(headers: Mapping[bytes, bytes], validators: Validators) -> None:
    tags = headers.get(b"if-match")
    if tags is not None:
        known = _list(tags)
        if "*" not in known and not (validators.is_strong and validators.tag in known):
            raise HttpProtocolError("the file is not what If-Match names", 412)
        return
    limit = _date(headers.get(b"if-unmodified-since"))
    if limit is not None and validators.changed > limit:
        raise HttpProtocolError("the file was changed after If-Unmodified-Since", 412)


def _is_meant(condition: bytes | None, validators: Validators) -> bool:
    """Whether `If-Range` names this very state."""
    if condition is None:
        return True
    text = condition.decode("latin-1").strip()
    if text.startswith(('"', "W/")):
        return validators.is_strong and text == validators.tag
    return validators.is_settled and _date(condition) == validators.changed


def _list(value: bytes) -> list[str]:
    return [part.strip() for part in value.decode("latin-1").split(",")]


def _opaque(tag: str) -> str:
    return tag.removeprefix("W/")


def _date(value: bytes | None) -> int | None:
    """A date in seconds since the epoch; None if it is none, as if it were not there."""
    if value is None:
        return None
    try:
        when = parsedate_to_datetime(value.decode("latin-1"))
        return int(when.replace(tzinfo=when.tzinfo or UTC).timestamp())
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
