"""What JSON may not do, in texts that msgspec reads without a word."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionhero.codec import compile_inputs
from actionhero.codec.jsonrules import DEEPEST, check_depth, check_names, is_open
from actionhero.errors import MalformedError


@pytest.mark.parametrize(
    "text",
    [
        b"{}",
        b'{"a":1}',
        b'{"a":{"a":{"a":[]}}}',
        b'[{"a":1},{"a":2}]',
        b'{"a":"\\"a\\":","b":"a\\\\"}',
        b'{"a":["b:","c:", "a"],"b":1}',
        b'{"\\u0061":1,"b":{"a":1}}',
        b'{"":1,"\\u0000":2}',
        b'{"a":1e999,"b":' + b"1" * 5000 + b',"c":{"a":1}}',
    ],
)
def test_names_that_are_given_once_in_each_object(text: bytes) -> None:
    check_names(text)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":1}',
        b'{"a" : 1 , "b" : 2 , "a"\n:\t3}',
        b'{"a":1,"\\u0061":2}',
        b'[[{"b":{"a":"x","c":0,"a":"y"}}]]',
        b'{"":1,"":2}',
        b'{"a":":","a":","}',
        '{"ä":1,"\\u00e4":2}'.encode(),
    ],
)
def test_names_that_are_given_twice(text: bytes) -> None:
    with pytest.raises(MalformedError, match="given twice in one object"):
        check_names(text)


def test_one_name_twice_among_very_many_is_found_at_once() -> None:
    names = ",".join(f'"{n}":0' for n in range(100_000))
    with pytest.raises(MalformedError, match="'last' is given twice"):
        check_names(f'{{{names},"last":1,"last":2}}'.encode())


def test_names_that_are_no_text() -> None:
    with pytest.raises(MalformedError, match="UTF-8"):
        check_names(b'{"\xff":1,"\xff":2}')


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from('ab":,\\{'), inner),
    max_leaves=20,
)


@given(JSON)
def test_no_sound_text_is_refused(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        check_names(text.encode())
        check_depth(text.encode())


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_depth(opening: bytes) -> None:
    closing = b"]" if opening == b"[" else b"}"
    check_depth(opening * DEEPEST + b'"[[[[{{{"' + closing * DEEPEST)
    check_depth(b"[" + b'{"a":[]},' * 1000 + b"[]]")
    with pytest.raises(MalformedError, match="nested more than 64 times"):
        check_depth(b"[" + opening * DEEPEST + b"1" + closing * DEEPEST + b"]")


class Node(msgspec.Struct):
    name: str
    children: "list[Node]" = []


class Flat(msgspec.Struct):
    name: str
    tags: list[str] | None = None
    sizes: dict[str, tuple[int, float]] = {}


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (int, False),
        (Flat, False),
        (list[Flat], False),
        (Any, True),
        (list, True),
        (dict[str, Any] | None, True),
        (Node, True),
        (dict[str, list[Node]], True),
    ],
)
def test_types_that_leave_the_depth_open(kind: Any, wanted: bool) -> None:
    assert is_open(kind) is wanted


async def closed(name: str, size: int = 0) -> None:
    return None


async def free(given: Any, more: int = 0) -> None:
    return None


@pytest.mark.parametrize(
    ("action", "body", "message"),
    [
        (closed, b'{"name":"a","name":"b"}', "'name' is given twice"),
        (closed, b'{"name":"a","unknown":1,"unknown":2}', "'unknown' is given twice"),
        (closed, b'{"name":"action","name":"b"}', "'name' is given twice"),
        (closed, b'{"action":"a","name":"b","name":"c"}', "'name' is given twice"),
        (closed, b'{"name":"a\\ud800"}', "malformed"),
        (closed, b'{"name":"a","unknown":NaN}', "malformed"),
        (closed, b'{"name":"a","unknown":"\xff"}', "UTF-8"),
        (free, b'{"given":1e999}', "out of range"),
        (free, b'{"given":NaN}', "malformed"),
        (free, b'{"given":-Infinity}', "malformed"),
        (free, b'{"given":"\\udc00\\ud800"}', "malformed"),
        (free, b'{"given":{"a":{"b":1,"b":2}}}', "'b' is given twice"),
        (free, b'{"given":' + b"[" * 64 + b"]" * 64 + b"}", "nested more than 64 times"),
        (free, b'{"given":' + b"[" * 900 + b"]" * 900 + b"}", "nested more than 64 times"),
        (free, b'{"given":' + b"[" * 99_999 + b"]" * 99_999 + b"}", "nested too deeply"),
        (closed, b'{"name":"a","unknown":' + b"[" * 99_999 + b"}", "nested too deeply"),
    ],
)
@pytest.mark.parametrize("words", [{}, {"more": "1"}])
def test_bodies_that_are_refused(
    action: Any, body: bytes, message: str, words: dict[str, str]
) -> None:
    inputs = compile_inputs(action, lambda kind: False)
    with pytest.raises(MalformedError, match=message):
        inputs.read(dict(words), body)


@pytest.mark.parametrize("words", [{}, {"more": "1"}])
def test_bodies_that_are_taken(words: dict[str, str]) -> None:
    for body in (b'{"name":"a:b"}', b'{"action":"x","name":"a"}', b'{"size":1,"name":"a","x":[]}'):
        values = compile_inputs(closed, lambda kind: False).read(dict(words), body)
        assert values.name.startswith("a")  # type: ignore[attr-defined]
    body = b'{"given":' + b"[" * 63 + b"]" * 63 + b"}"
    assert compile_inputs(free, lambda kind: False).read(dict(words), body)
