import json

import pytest

from actionhero.messages import Event
from actionhero.protocols.events import END, HEARTBEAT, chunk, encode_event, encode_failure


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, b"id: 7\ndata: 5\n\n"),
        ("a\nb\r\0", b'id: 7\ndata: "a\\nb\\r\\u0000"\n\n'),
        (None, b"id: 7\ndata: null\n\n"),
        (Event({"a": 1}), b'id: 7\ndata: {"a":1}\n\n'),
        (Event(1, id=0), b"id: 0\ndata: 1\n\n"),
        (Event(1, id="x", event="Grüße"), "id: x\nevent: Grüße\ndata: 1\n\n".encode()),
    ],
)
def test_a_value_is_an_event(value: object, expected: bytes) -> None:
    assert encode_event(7, value) == expected


def test_what_is_no_json_raises() -> None:
    with pytest.raises(TypeError):
        encode_event(1, object())


def test_a_stream_ends_in_a_way_that_browsers_tell() -> None:
    """An event without a line of data is none."""
    failure = encode_failure(json.dumps({"status": 500}).encode())
    assert END.decode().splitlines() == ["event: end", "data: null", ""]
    assert failure.decode().splitlines() == ["event: error", 'data: {"status": 500}', ""]
    assert HEARTBEAT.startswith(b":")


def test_chunks() -> None:
    assert chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"
    assert chunk(b"") == b"0\r\n\r\n"
