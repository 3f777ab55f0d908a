import json

import pytest
from msgspec import Raw

from actionhero.errors import ActionError, InputProblem, InvalidInputError
from actionhero.messages import Reply
from actionhero.protocols.replies import (
    MessageId,
    encode_error,
    encode_fields,
    encode_id,
    encode_reply,
    find_id,
    splice,
)

TRAILER = b',"context":"response","messageId":1}'
TAIL = {"context": "response", "messageId": 1}


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        ({"a": 1}, {"a": 1}),
        ({"a": {"b": "}"}}, {"a": {"b": "}"}}),
        ({}, {}),
        (None, {"data": None}),
        (42, {"data": 42}),
        ("text", {"data": "text"}),
        ([1, 2], {"data": [1, 2]}),
        ([], {"data": []}),
        (Raw(b'{"a":1}'), {"a": 1}),
        (Raw(b'{ "a": 1}'), {"data": {"a": 1}}),
        (Raw(b"{ }"), {"data": {}}),
    ],
)
def test_a_value_gets_its_trailer(value: object, fields: dict[str, object]) -> None:
    assert json.loads(encode_reply(Reply(value), TRAILER)) == {**fields, **TAIL}


def test_the_trailer_wins_over_fields_of_its_names() -> None:
    text = encode_reply(Reply({"context": "mine", "a": 1}), TRAILER)
    assert json.loads(text) == {"a": 1, **TAIL}


def test_errors() -> None:
    error = ActionError("no", code="nope")
    text = encode_error(error, TRAILER)
    assert json.loads(text) == {"error": {"code": "nope", "message": "no"}, **TAIL}
    assert encode_reply(Reply(error=error), TRAILER) == text
    problem = InputProblem("name", "missing", "is required")
    details = json.loads(encode_error(InvalidInputError((problem,)), TRAILER))["error"]["details"]
    assert details == [{"path": "name", "code": "missing", "message": "is required"}]


def test_fields_of_our_own() -> None:
    assert json.loads(encode_fields({}, TRAILER)) == {"status": "OK", **TAIL}
    assert json.loads(encode_fields({"data": 1}, TRAILER)) == {"status": "OK", "data": 1, **TAIL}


def test_splicing_leaves_the_body_alone() -> None:
    assert splice(b'{"a":"\\u007d"}', b',"b":2}') == b'{"a":"\\u007d","b":2}'


@pytest.mark.parametrize("value", [1, -5, 0, 2**70, 1.5, "x", 'q"uote', "Zoë"])
def test_ids_come_back_as_they_were(value: MessageId) -> None:
    assert json.loads(encode_id(value)) == value


@pytest.mark.parametrize(
    ("message", "found"),
    [
        (b'{"messageId": 3, "event": 5}', 3),
        (b'{"messageId": "x"}', "x"),
        (b'{"messageId": []}', None),
        (b"{}", None),
        (b"[]", None),
        (b"{", None),
        (b"\xff", None),
        (b'{"messageId": 3, "a": ' + b"[" * 50_000, None),
    ],
)
def test_ids_are_found_where_nothing_else_can_be_read(message: bytes, found: MessageId) -> None:
    assert find_id(message) == found
