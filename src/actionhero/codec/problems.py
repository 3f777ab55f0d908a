"""Every input error at once.

msgspec stops at the first problem. When a conversion fails, the value is walked down the failing
branches, so that a form with five mistakes gets five answers; see `find_problems`.
"""

import dataclasses
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Annotated, Any, NamedTuple

import msgspec

from actionhero.errors import InputProblem

MOST_PROBLEMS = 50
"""How many problems one answer lists; the client controls how many there are."""


class Field(NamedTuple):
    """One field of a struct, dataclass or signature."""

    name: str
    kind: Any
    required: bool


_CODES = (
    (re.compile(r"Object missing required field"), "missing"),
    (re.compile(r"Object contains unknown field"), "unknown"),
    (re.compile(r"Expected `(str|bytes|array|object)` of length <="), "too_long"),
    (re.compile(r"Expected `(str|bytes|array|object)` of length >="), "too_short"),
    (re.compile(r"Expected `\w+` of length"), "wrong_length"),
    (re.compile(r"Expected `\w+` (>=|>)"), "too_small"),
    (re.compile(r"Expected `\w+` (<=|<)"), "too_large"),
    (re.compile(r"Expected `\w+` that's a multiple"), "not_a_multiple"),
    (re.compile(r"Expected `str` matching regex"), "pattern"),
    (re.compile(r"out of range"), "out_of_range"),
    (re.compile(r"Invalid enum value"), "not_a_choice"),
    (re.compile(r"Invalid value"), "not_a_choice"),
    (re.compile(r"Invalid"), "bad_format"),
    (re.compile(r"Expected `.*`, got `"), "wrong_type"),
)
_PLACE = re.compile(r" - at `(key in )?\$?(.*)`$")


def find_problems(value: Any, kind: Any, path: str = "") -> tuple[InputProblem, ...]:
    """All problems of `value`, read strictly as `kind`, deepest first known; empty if it fits."""
    return tuple(islice(_walk(value, kind, path), MOST_PROBLEMS))


def missing(path: str) -> InputProblem:
    """The problem of an input that was not given."""
    return InputProblem(path, "missing", "is required")


def problem_of(error: Exception, path: str) -> InputProblem:
    """One msgspec error as a problem; its own place in the value is appended to `path`."""
    text = str(error)
    place = _PLACE.search(text)
    if place:
        text = text[: place.start()]
        path = _join(path, place.group(2))
    code = next((code for pattern, code in _CODES if pattern.search(text)), "invalid")
    return InputProblem(path, code, text[0].lower() + text[1:] if text else "is invalid")


def fields_of(kind: Any) -> list[Field] | None:
    """The fields of a struct, dataclass or typed dict; None for every other type."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return [Field(f.encode_name, f.type, f.required) for f in msgspec.structs.fields(kind)]
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        return [Field(f.name, hints[f.name], _is_required(f)) for f in dataclasses.fields(kind)]
    if typing.is_typeddict(kind):
        hints = typing.get_type_hints(kind, include_extras=True)
        return [Field(name, hint, name in kind.__required_keys__) for name, hint in hints.items()]
    return None


def strip(kind: Any) -> Any:
    """`kind` without `Annotated` and without `| None`."""
    while typing.get_origin(kind) is Annotated:
        kind = typing.get_args(kind)[0]
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        rest = [arg for arg in typing.get_args(kind) if arg is not type(None)]
        if len(rest) == 1:
            return strip(rest[0])
    return kind


def _walk(value: Any, kind: Any, path: str) -> Iterator[InputProblem]:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as exc:
        inner = list(islice(_walk_inside(value, strip(kind), path), MOST_PROBLEMS))
        yield from inner or [problem_of(exc, path)]


def _walk_inside(value: Any, kind: Any, path: str) -> Iterator[InputProblem]:
    if isinstance(value, Mapping) and (fields := fields_of(kind)) is not None:
        yield from _walk_fields(value, fields, path)
    elif isinstance(value, Mapping) and (pair := typing.get_args(kind)) and len(pair) == 2:
        for key, item in value.items():
            yield from _walk(item, pair[1], _join(path, f".{key}"))
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        yield from _walk_items(value, kind, path)


def _walk_fields(
    value: Mapping[str, Any], fields: list[Field], path: str
) -> Iterator[InputProblem]:
    for field in fields:
        inner = _join(path, f".{field.name}")
        if field.name in value:
            yield from _walk(value[field.name], field.kind, inner)
        elif field.required:
            yield missing(inner)


def _walk_items(value: Sequence[Any], kind: Any, path: str) -> Iterator[InputProblem]:
    args = [arg for arg in typing.get_args(kind) if arg is not Ellipsis]
    if len(args) != 1 or fields_of(kind) is not None:
        return
    for index, item in enumerate(value):
        yield from _walk(item, args[0], f"{path}[{index}]")


def _is_required(field: "dataclasses.Field[Any]") -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _join(path: str, step: str) -> str:
    return (path + step).lstrip(".")
