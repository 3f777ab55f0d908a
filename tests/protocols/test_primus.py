"""What Primus says beside the messages."""

import json

import pytest

from actionhero.protocols.primus import answer_control, describe, is_control, ping, translate


@pytest.mark.parametrize("text", [b'"primus::pong::17"', b'"primus::id::"', b'"primus::"'])
def test_knows_control_messages(text: bytes) -> None:
    assert is_control(text)


@pytest.mark.parametrize("text", [b"", b'"primus"', b'{"event":"primus::pong::1"}', b"primus::"])
def test_knows_what_is_none(text: bytes) -> None:
    assert not is_control(text)


def test_tells_an_id_to_who_asks_for_it() -> None:
    assert answer_control(b'"primus::id::"', "a-1") == b'"primus::id::a-1"'
    assert answer_control(b'"primus::pong::1"', "a-1") is None


def test_asks_for_life_by_the_time() -> None:
    text = json.loads(ping())
    assert text.startswith("primus::ping::")
    assert int(text.rpartition(":")[2]) > 1_700_000_000_000


def test_errors_are_texts() -> None:
    told = b'{"error":{"code":"x","message":"no such thing"},"context":"response","messageId":1}'
    assert json.loads(translate(told)) == {
        "error": "Error: no such thing",
        "context": "response",
        "messageId": 1,
    }


def test_values_are_left_alone() -> None:
    told = b'{"error":null,"data":{"error":{"message":"x"}}}'
    assert translate(told) is told


def test_separators_of_lines_are_escaped() -> None:
    told = json.dumps({"a": "\u2028 \u2029"}, ensure_ascii=False).encode()
    assert translate(told) == b'{"a": "\\u2028 \\u2029"}'


def test_says_how_often_it_pings() -> None:
    assert describe(30.0)["pingInterval"] == 30_000
