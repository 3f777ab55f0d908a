"""JSON in and out, by msgspec, with one error for every way a text can be malformed."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from actionhero.errors import MalformedError

T = TypeVar("T")

encode_json: Callable[[Any], bytes] = msgspec.json.Encoder().encode
"""JSON of any value that msgspec knows. Raises `TypeError` for others."""

_decode_any = msgspec.json.Decoder().decode


def decode_json(text: bytes) -> Any:
    """The value of a JSON text. Raises `MalformedError`, with the position."""
    try:
        return read_json(_decode_any, text)
    except msgspec.ValidationError as exc:  # a number that no float can be
        raise MalformedError(f"JSON cannot be read: {exc}") from exc


def read_json(decode: Callable[[bytes], T], text: bytes) -> T:
    """`decode(text)`, with malformed JSON as `MalformedError`.

    `msgspec.ValidationError` (well-formed, but not of the wanted type) passes through.
    """
    try:
        return decode(text)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError as exc:
        raise MalformedError(_position(str(exc), text)) from exc
    except UnicodeDecodeError as exc:
        raise MalformedError("JSON is malformed: a string is not valid UTF-8") from exc
    except RecursionError as exc:
        raise MalformedError("JSON is malformed: it is nested too deeply") from exc


def _position(message: str, text: bytes) -> str:
    if message == "Input data was truncated":
        return f"JSON is malformed: it ends too early (byte {len(text)})"
    return message
