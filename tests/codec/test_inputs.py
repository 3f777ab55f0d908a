import enum
import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct, structs

from actionhero.codec import Inputs, compile_inputs
from actionhero.errors import DefinitionError, InvalidInputError, MalformedError
from actionhero.messages import Words


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Address(Struct):
    street: str
    zip: Annotated[str, Meta(pattern=r"^\d{5}$")]
    tags: list[int] = []


@dataclass
class Point:
    x: int
    y: int = 0


async def order(
    name: Annotated[str, Meta(max_length=5)],
    address: Address,
    count: Annotated[int, Meta(ge=1, le=10)] = 1,
    price: float = 1.0,
    tags: list[int] = [7],  # noqa: B006
    express: bool = False,
    when: datetime | None = None,
) -> None: ...


async def simple(name: str, excited: bool = False) -> None: ...


def inputs_of(function: Any) -> Inputs:
    return compile_inputs(function, lambda kind: False)


ORDER = inputs_of(order)
GOOD = b'{"name":"Ada","address":{"street":"a","zip":"12345"}}'


def problems(words: Words, body: bytes | None, inputs: Inputs = ORDER) -> dict[str, str]:
    with pytest.raises(InvalidInputError) as caught:
        inputs.read(words, body)
    return {problem.path: problem.code for problem in caught.value.problems}


def read(function: Any, words: Words, body: bytes | None = None) -> dict[str, Any]:
    return structs.asdict(inputs_of(function).read(words, body))


def test_words_are_converted() -> None:
    async def f(
        a: int, b: float, c: bool, d: date, e: Color, f: uuid.UUID, g: int | None = 1
    ) -> None: ...

    given: Words = {
        "a": "5",
        "b": "2.5",
        "c": "true",
        "d": "2026-01-31",
        "e": "red",
        "f": "12345678-1234-5678-1234-567812345678",
        "g": "null",
        "other": "ignored",
    }
    assert read(f, given) == {
        "a": 5,
        "b": 2.5,
        "c": True,
        "d": date(2026, 1, 31),
        "e": Color.RED,
        "f": uuid.UUID("12345678-1234-5678-1234-567812345678"),
        "g": None,
    }


def test_words_fill_lists_and_objects() -> None:
    async def f(tags: set[int], point: Point, ids: tuple[int, ...] = (), x: str = "") -> None: ...

    given: Words = {"tags": ["1", "2"], "point": '{"x": 3}', "ids": "[4, 5]", "x": ["a", "b"]}
    assert read(f, given) == {"tags": {1, 2}, "point": Point(3), "ids": (4, 5), "x": "b"}
    assert read(f, {"tags": "1", "point": '{"x": 3}'})["tags"] == {1}


def test_json_is_read_strictly() -> None:
    assert read(simple, {}, b'{"name":"Ada","excited":true}') == {"name": "Ada", "excited": True}
    assert problems({}, b'{"name":5,"excited":"true"}', inputs_of(simple)) == {
        "name": "wrong_type",
        "excited": "wrong_type",
    }


def test_words_win_over_the_body_beside_them() -> None:
    assert read(simple, {"name": "path"}, b'{"name":"body","excited":true}') == {
        "name": "path",
        "excited": True,
    }


def test_every_problem_of_a_body_is_named() -> None:
    body = (
        b'{"name":"too long","address":{"zip":"x","tags":[1,"a",2,"b"]},"count":99,'
        b'"price":"1","when":"yesterday"}'
    )
    assert problems({}, body) == {
        "name": "too_long",
        "address.street": "missing",
        "address.zip": "pattern",
        "address.tags[1]": "wrong_type",
        "address.tags[3]": "wrong_type",
        "count": "too_large",
        "price": "wrong_type",
        "when": "bad_format",
    }


def test_every_problem_of_words_is_named() -> None:
    given: Words = {
        "name": "too long",
        "address": '{"street":1,"zip":"12345"}',
        "count": "0",
        "price": "nan",
        "tags": ["1", "x"],
        "express": "maybe",
    }
    assert problems(given, None) == {
        "name": "too_long",
        "address.street": "wrong_type",
        "count": "too_small",
        "price": "out_of_range",
        "tags[1]": "wrong_type",
        "express": "wrong_type",
    }


def test_problems_of_both_sources_come_together() -> None:
    assert problems({"count": "many"}, b'{"name":1}') == {
        "name": "wrong_type",
        "address": "missing",
        "count": "wrong_type",
    }


@pytest.mark.parametrize("word", ["nan", "inf", "-Infinity", "1e999"])
def test_what_is_no_finite_number_is_refused(word: str) -> None:
    async def f(x: float | None, xs: list[float]) -> None: ...

    assert problems({"x": word, "xs": ["1", word]}, None, inputs_of(f)).keys() <= {
        "x",
        "xs",
        "xs[1]",
    }


def test_a_wrong_word_is_shown_as_it_was_written() -> None:
    with pytest.raises(InvalidInputError, match="expected `int`, got 'many'"):
        ORDER.read({"count": "many", "name": "Ada", "address": "{}"}, None)


def test_the_number_of_problems_is_bounded() -> None:
    async def f(xs: list[int]) -> None: ...

    body = b'{"xs":[' + b",".join([b'"a"'] * 10_000) + b"]}"
    with pytest.raises(InvalidInputError) as caught:
        inputs_of(f).read({}, body)
    assert len(caught.value.problems) == 50


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", r"ends too early \(byte 0\)"),
        (b'{"name":"Ada"', r"ends too early \(byte 13\)"),
        (b'{"name":NaN}', r"\(byte 8\)"),
        (b'{"name":"a"} x', r"trailing characters \(byte \d+\)"),
        (b'{"name":"\xff"}', "UTF-8"),
        (b'{"name":"a","deep":' + b"[" * 100_000, "nested too deeply"),
    ],
)
def test_malformed_json_tells_where(body: bytes, message: str) -> None:
    for words in ({}, {"excited": "true"}):
        with pytest.raises(MalformedError, match=message):
            inputs_of(simple).read(dict(words), body)


@pytest.mark.parametrize("body", [b"[1]", b"5", b"null", b'"text"'])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    assert problems({}, body, inputs_of(simple)) == {"": "wrong_type"}
    assert problems({"name": "a"}, body, inputs_of(simple)) == {"": "wrong_type"}


def test_a_default_is_not_shared_between_calls() -> None:
    first: Any = ORDER.read({}, GOOD)
    first.tags.append(8)
    second: Any = ORDER.read({}, GOOD)
    assert second.tags == [7]


def test_a_default_of_none_makes_the_type_optional() -> None:
    async def f(x: int = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013

    assert read(f, {}, b'{"x":null}') == {"x": None}


def test_injected_parameters_are_no_inputs() -> None:
    class Database: ...

    async def f(db: Database, name: str, other: Database | None = None) -> None: ...

    inputs = compile_inputs(f, lambda kind: kind is Database)
    assert inputs.injected == {"db": Database, "other": Database}
    assert list(inputs.fields) == ["name"]


def test_python_values_are_bound_as_in_a_call() -> None:
    values = ORDER.bind(("Ada",), {"address": Address("a", "12345"), "count": 2})
    assert ORDER.decode(ORDER.encode(values)) == values
    assert ORDER.arguments(values)["count"] == 2


@pytest.mark.parametrize(
    ("args", "kwargs", "expected"),
    [
        ((), {}, {"name": "missing", "address": "missing"}),
        (("Ada",), {"adress": 1}, {"address": "missing", "adress": "unknown"}),
        ((5,), {"address": Address("a", "12345")}, {"name": "wrong_type"}),
        (("Ada",), {"address": Address("a", "x")}, {"address.zip": "pattern"}),
        (("Ada", Address("a", "12345"), 1, 1.0, [], True, None, 9), {}, {"": "wrong_arguments"}),
    ],
)
def test_python_values_that_do_not_fit_are_refused(
    args: tuple[Any, ...], kwargs: dict[str, Any], expected: dict[str, str]
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        ORDER.bind(args, kwargs)
    assert {p.path: p.code for p in caught.value.problems} == expected


def test_the_schema_names_the_inputs() -> None:
    schema = ORDER.schema()
    assert schema["required"] == ["name", "address"]
    assert schema["properties"]["count"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 10,
        "default": 1,
    }
    assert "Address" in schema["$defs"]


async def no_type(x) -> None: ...  # type: ignore[no-untyped-def]
async def stars(*xs: int) -> None: ...
async def double_stars(**xs: int) -> None: ...
async def positional(x: int, /) -> None: ...
async def custom(x: Inputs) -> None: ...
async def two_lists(x: list[int] | set[int]) -> None: ...


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_type, "has no type"),
        (stars, "must be an ordinary one"),
        (double_stars, "must be an ordinary one"),
        (positional, "must be an ordinary one"),
        (custom, "cannot be read from JSON"),
        (two_lists, "more than one array-like"),
    ],
)
def test_a_signature_that_cannot_be_read_is_refused_with_its_place(
    function: Any, message: str
) -> None:
    with pytest.raises(DefinitionError, match=message) as caught:
        inputs_of(function)
    assert "test_inputs.py:" in str(caught.value)
