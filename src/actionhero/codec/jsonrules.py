"""What a JSON text may not do though msgspec reads it: name a field twice, or nest without end.

Of two fields of one name, readers take the first, the last or both, so that what one of them has
checked is not what another one does (RFC 8259, 4). Both checks begin with something cheap that
settles most texts; NaN, lone surrogates and the like are msgspec's own to refuse.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.inspect import AnyType, Field, Type, type_info

from actionhero.errors import MalformedError

DEEPEST = 64
"""How many objects and lists may be inside each other where the types do not say it."""
_SHORT = 8192
"""Bytes up to which it is likely that no two names of a text are alike."""
_STRING = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)"([ \t\r\n]*+:)?', re.DOTALL)
_OTHERS = bytes(set(range(256)) - set(b"[]{}"))
_ALIKE = bytes.maketrans(b"{}", b"[]")


def check_names(text: bytes) -> None:
    """Refuse an object that has two fields of one name. `text` is well-formed otherwise, but for
    bytes that are no UTF-8 where nobody looks."""
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError as exc:
            raise MalformedError("JSON is malformed: a string is not valid UTF-8") from exc
    if len(text) <= _SHORT and _are_different(text):
        return
    json.loads(
        text.decode(),
        object_pairs_hook=_check_object,
        parse_int=len,  # the values are of no interest, and long ones would cost
        parse_float=len,
        strict=False,
    )


def check_depth(text: bytes) -> None:
    """Refuse what is nested more than `DEEPEST` times. `text` is well-formed otherwise."""
    if text.count(b"[") + text.count(b"{") <= DEEPEST:
        return
    brackets = _STRING.sub(b"", text).translate(_ALIKE, _OTHERS)
    for _ in range(DEEPEST):  # each time the innermost ones go
        brackets = brackets.replace(b"[]", b"")
        if not brackets:
            return
    raise MalformedError(f"JSON is malformed: it is nested more than {DEEPEST} times")


def is_open(kind: Any) -> bool:
    """Whether a value of this type may be nested without end."""
    return _is_open(type_info(kind), frozenset())


def _are_different(text: bytes) -> bool:
    """Whether no two names in it are alike, wherever they are."""
    names = [name for name, is_name in _STRING.findall(text) if is_name]
    return len(set(names)) == len(names) and not any(b"\\" in name for name in names)


def _check_object(pairs: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise MalformedError(f"JSON is malformed: {twice[:50]!r} is given twice in one object")


def _is_open(info: Type, around: frozenset[Any]) -> bool:
    if isinstance(info, AnyType):
        return True
    own = getattr(info, "cls", None)
    if own is not None and own in around:  # it holds others of its kind
        return True
    return any(_is_open(child, around | {own}) for child in _children(info))


def _children(info: msgspec.Struct) -> Iterator[Type]:
    """The types that a type is made of."""
    for name in info.__struct_fields__:
        value = getattr(info, name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Field):
                yield item.type
            elif isinstance(item, Type):
                yield item
