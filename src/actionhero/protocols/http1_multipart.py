"""A body of several parts, as forms with files send it (multipart/form-data; RFC 7578).

The library `multipart` finds the parts; what is bounded and refused is here. What comes out is a
`Part` for each beginning, the bytes of its content as they come, and None for its end.
"""

import re
from collections.abc import Iterator
from typing import TypeAlias

from msgspec import Struct
from multipart import (  # type: ignore[import-untyped]  # it has types but no mark that says so
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)

from actionhero.errors import ActionHeroError, MalformedError, TooLargeError, UnsupportedMediaError

MOST_PARTS = 1000
"""How many fields and files a form may have together."""
LONGEST_NAME = 255
"""Characters that the name of a field or file may have."""
_CONTROL = re.compile(r"[\0-\x08\n-\x1f\x7f]")
_LONGEST_LINE = 4096
_MOST_LINES = 8
_LONGEST_BOUNDARY = 70
"""RFC 2046, 5.1.1."""


class Part(Struct, frozen=True):
    """The beginning of a part. `filename` is None for an ordinary field; it is the client's, but
    never more than a name: no folder, no control character."""

    name: str
    filename: str | None
    content_type: str


PartEvent: TypeAlias = Part | bytes | None


class PartReader:
    """Reads one body. Raises `MalformedError`, `TooLargeError`, and `UnsupportedMediaError` for a
    `content_type` that is another multipart, or has no boundary."""

    __slots__ = ("_parser",)

    def __init__(self, content_type: bytes) -> None:
        kind, options = parse_options_header(content_type.decode("latin-1"))
        boundary = options.get("boundary", "")
        if kind != "multipart/form-data" or not 0 < len(boundary) <= _LONGEST_BOUNDARY:
            raise UnsupportedMediaError(
                f"the content type {kind!r} is not read; send multipart/form-data with a boundary"
            )
        self._parser = PushMultipartParser(
            boundary.encode("latin-1"),
            max_header_size=_LONGEST_LINE,
            max_header_count=_MOST_LINES,
            max_segment_count=MOST_PARTS,
        )

    def feed(self, data: bytes) -> Iterator[PartEvent]:
        """What is in the body's next bytes. What follows the last boundary is nothing."""
        if self._parser.closed:
            return
        try:
            for event in self._parser.parse(data):
                yield _read_part(event) if isinstance(event, MultipartSegment) else event
        except MultipartError as exc:
            raise _refusal(exc) from exc

    def close(self) -> None:
        """The body has ended; raises `MalformedError` if that is too early."""
        try:
            self._parser.close()
        except MultipartError as exc:
            raise _refusal(exc) from exc


def _read_part(segment: MultipartSegment) -> Part:
    if any(_CONTROL.search(value) for _, value in segment.headerlist):
        raise MalformedError("the head of a part of the form has a control character")
    filename = segment.filename
    if filename is not None:
        filename = filename.replace("\\", "/").rpartition("/")[2]
        filename = "".join(sign for sign in filename if sign.isprintable())
        filename = "" if filename in {".", ".."} else filename
    if not segment.name:
        raise MalformedError("the form has a part without a name")
    if max(len(segment.name), len(filename or "")) > LONGEST_NAME:
        raise TooLargeError(f"the form has a name of more than {LONGEST_NAME} characters")
    return Part(segment.name, filename, segment.header("Content-Type", ""))


def _refusal(error: MultipartError) -> ActionHeroError:
    """The error of the library as one of ours."""
    text = str(error.args[0]) if error.args else "it is malformed"
    if isinstance(error, ParserLimitReached):
        return TooLargeError(f"the form is over a limit: {text[0].lower()}{text[1:]}")
    return MalformedError(f"the form cannot be read: {text[0].lower()}{text[1:]}")
