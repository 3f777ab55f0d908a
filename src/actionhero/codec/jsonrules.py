"""What a JSON text may not do though msgspec reads it: name a field twice, or nest without end.

Of two fields of one name, readers take the first, the last or both, so that what one of them has
checked is not what another one does (RFC 8259, 4). Who asks for the checks does so only where
something cheaper has not settled it. NaN, lone surrogates and the like are msgspec's to refuse.
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
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
_OTHERS = bytes(set(range(256)) - set(b"[]{}"))
_ALIKE = bytes.maketrans(b"{}", b"[]")


def _check_object(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) == len(pairs):
        return
    seen = set()
    for name, _ in pairs:
        if name in seen:
            raise MalformedError(f"JSON is malformed: {name[:50]!r} is given twice in one object")
        seen.add(name)


_names = json.JSONDecoder(
    object_pairs_hook=_check_object,
    parse_int=len,  # the values are of no interest, and long ones would cost
    parse_float=len,
    strict=False,
)


def check_names(text: bytes) -> None:
    """Refuse an object that has two fields of one name. `text` is well-formed otherwise, but for
    bytes that are no UTF-8 where nobody looks."""
    try:
        _names.raw_decode(text.decode().lstrip())
    except UnicodeDecodeError as exc:
        raise MalformedError("JSON is malformed: a string is not valid UTF-8") from exc
    except RecursionError as exc:
        raise MalformedError("JSON is malformed: it is nested too deeply") from exc


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
