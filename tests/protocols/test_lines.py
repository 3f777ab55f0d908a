import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from actionhero.errors import MalformedError
from actionhero.protocols.lines import JsonLine, LineReader, WordLine, read_line, read_words

INTERRUPT = b"\xff\xf4\xff\xfd\x06"


def by_byte(reader: LineReader, data: bytes) -> list[bytes]:
    return [line for index in range(len(data)) for line in reader.receive(data[index : index + 1])]


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"hello\n", [b"hello"]),
        (b"hello\r\n", [b"hello"]),
        (b"a\nb\r\nc\n", [b"a", b"b", b"c"]),
        (b"\n\r\n  \na\n", [b"a"]),
        (b"half", []),
        (b"a\nhalf", [b"a"]),
        (b"a\r\r\n", [b"a\r"]),
        (b"a\rb\n", [b"a\rb"]),
        (b"", []),
    ],
)
def test_lines_come_out_whole_and_byte_by_byte(data: bytes, lines: list[bytes]) -> None:
    whole, slow, trailed = LineReader(100), LineReader(100), LineReader(100)
    assert whole.receive(data) == lines
    assert by_byte(slow, data) == lines
    assert trailed.receive(data + b"and half a lin") == lines if data.endswith(b"\n") else True
    assert whole.ending is slow.ending is trailed.ending is None


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_line_may_be_as_long_as_the_limit(end: bytes) -> None:
    line = b"x" * 10
    assert LineReader(10).receive(line + end) == [line]
    assert by_byte(LineReader(10), line + end) == [line]


@pytest.mark.parametrize(
    "data", [b"x" * 11 + b"\n", b"x" * 11, b"x" * 11 + b"\r\n", b"x" * 10 + b"\rx"]
)
def test_a_longer_line_ends_the_reading(data: bytes) -> None:
    whole, slow = LineReader(10), LineReader(10)
    assert whole.receive(b"before\n" + data) == [b"before"]
    assert by_byte(slow, b"before\n" + data) == [b"before"]
    assert whole.ending == slow.ending == "too_long"
    assert whole.receive(b"after\n") == []


def test_what_follows_a_line_that_is_too_long_is_not_read() -> None:
    reader = LineReader(5)
    assert reader.receive(b"a\nxxxxxx\nb\n") == [b"a"]
    assert reader.ending == "too_long"


@pytest.mark.parametrize("cut", range(1, 5))
def test_an_interrupt_may_come_in_two_packets(cut: int) -> None:
    for before in (b"", b"half", b"a\n", b"x" * 96):
        reader = LineReader(100)
        lines = reader.receive(before + INTERRUPT[:cut]) + reader.receive(INTERRUPT[cut:] + b"b\n")
        assert lines == ([b"a"] if before == b"a\n" else [])
        assert reader.ending == "interrupted"


@pytest.mark.parametrize("sign", [INTERRUPT, b"\x04"])
@pytest.mark.parametrize("before", [b"", b"half", b"a\nhalf"])
def test_telnet_interrupts(sign: bytes, before: bytes) -> None:
    whole, slow = LineReader(100), LineReader(100)
    lines = [b"a"] if before.startswith(b"a") else []
    assert whole.receive(before + sign + b"after\n") == lines
    assert by_byte(slow, before + sign + b"after\n") == lines
    assert whole.ending == slow.ending == "interrupted"


def test_only_the_whole_sign_interrupts() -> None:
    assert LineReader(100).receive(b"a\x06b\n") == [b"a\x06b"]
    reader = LineReader(100)
    assert reader.receive(b"\xff\xf4\xff\xfd") == []
    assert reader.receive(b"\x05\n") == [b"\xff\xf4\xff\xfd\x05"]
    assert reader.ending is None


@given(st.lists(st.binary(max_size=30)), st.integers(0, 2**32))
@settings(max_examples=200)
def test_how_bytes_are_cut_makes_no_difference(parts: list[bytes], seed: int) -> None:
    data = b"\n".join(parts)
    whole, cut = LineReader(20), LineReader(20)
    lines = whole.receive(data)
    found: list[bytes] = []
    rest = data
    cuts = random.Random(seed)
    while rest:
        size = cuts.randint(1, 9)
        found += cut.receive(rest[:size])
        rest = rest[size:]
    assert found == lines
    if b"\x04" not in data and INTERRUPT not in data:
        assert cut.ending == whole.ending


@pytest.mark.parametrize(
    ("line", "first", "rest"),
    [
        (b"hello", "hello", ""),
        (b"  hello  ", "hello", ""),
        (b"hello name=Ada", "hello", "name=Ada"),
        (b"hello\tname=Ada  x=1 ", "hello", "name=Ada  x=1"),
        ("hello name=Zoë".encode(), "hello", "name=Zoë"),
    ],
)
def test_words(line: bytes, first: str, rest: str) -> None:
    assert read_line(line) == WordLine(first, rest)


@pytest.mark.parametrize(
    ("line", "action", "body", "message_id"),
    [
        (b'{"action": "a"}', "a", None, None),
        (b' {"action": "a", "params": null} ', "a", None, None),
        (b'{"action": "a", "params": {"k": 1}}', "a", b'{"k": 1}', None),
        (b'{"action": "a", "params": {}, "messageId": 7}', "a", b"{}", 7),
        (b'{"action": "a", "messageId": "x"}', "a", None, "x"),
        (b'{"action": "a", "params": {"messageId": "in"}}', "a", b'{"messageId": "in"}', "in"),
        (
            b'{"action": "a", "params": {"messageId": 1}, "messageId": 2}',
            "a",
            b'{"messageId": 1}',
            2,
        ),
        (b'{"params": {"action": "in"}}', "in", b'{"action": "in"}', None),
        (b'{"params": {"k": 1}}', None, b'{"k": 1}', None),
        (b'{"unknown": 1}', None, None, None),
    ],
)
def test_json_lines(
    line: bytes, action: str | None, body: bytes | None, message_id: int | str | None
) -> None:
    asked = read_line(line)
    assert isinstance(asked, JsonLine)
    assert (asked.action, asked.body, asked.messageId) == (action, body, message_id)


def test_the_params_are_not_encoded_anew() -> None:
    asked = read_line(b'{"params": {"a" : 1.50, "b":[ ]}, "action":"x"}')
    assert isinstance(asked, JsonLine)
    assert bytes(asked.params) == b'{"a" : 1.50, "b":[ ]}'
    assert isinstance(asked.params, Raw)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{", "ends too early (byte 1)"),
        (b'{"action": hello}', "invalid character (byte 11)"),
        (b'{"action": "a", "params": {"x": NaN}}', "byte 32"),
        (b"[1]", "Expected `object`, got `array`"),
        (b'{"action": 1}', "`$.action`"),
        (b'{"messageId": true}', "`$.messageId`"),
        (b'{"messageId": {}}', "`$.messageId`"),
        (b'{"messageId": 1e999}', "out of range"),
        (b'{"action": "a", "params": []}', "Expected `object`, got `array`"),
        (b'{"action": "a", "params": 5}', "Expected `object`, got `int`"),
        (b'{"params": {"action": 5}}', "Expected `str | null`"),
        (b'{"params": ' + b"[" * 50_000, "nested too deeply"),
        (b'{"params": ' + b'{"a":' * 50_000, "nested too deeply"),
        (b"hello \xff", "not UTF-8 at byte 6"),
        (b'{"action": "\xff"}', "not UTF-8 at byte 12"),
        (b"\xff", "not UTF-8 at byte 0"),
    ],
)
def test_what_cannot_be_read_is_told(line: bytes, said: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read_line(line)
    assert said in caught.value.message


@given(st.binary(min_size=1, max_size=200))
@settings(max_examples=300)
def test_no_line_makes_it_fail_otherwise(line: bytes) -> None:
    if line.isspace():
        return
    try:
        asked = read_line(line)
    except MalformedError:
        return
    assert isinstance(asked, (JsonLine, WordLine))


def test_words_with_values() -> None:
    assert read_words("") == {}
    assert read_words("a=1 b=x=y c=") == {"a": "1", "b": "x=y", "c": ""}
    assert read_words("t=1 t=2 t=3") == {"t": ["1", "2", "3"]}


@pytest.mark.parametrize("text", ["Ada", "=x", "a=1 loose"])
def test_words_without_a_name_are_told(text: str) -> None:
    with pytest.raises(MalformedError, match="name=value"):
        read_words(text)


def test_the_body_of_a_line_is_json() -> None:
    asked = read_line(b'{"action": "a", "params": {"a": [1, {"b": null}]}}')
    assert isinstance(asked, JsonLine)
    assert asked.body is not None
    assert msgspec.json.decode(asked.body) == {"a": [1, {"b": None}]}


def test_only_spaces_and_tabs_part_words() -> None:
    assert read_words("a=1\u00a02\tb=\x1c  c=3") == {"a": "1\u00a02", "b": "\x1c", "c": "3"}
    assert read_line(b"\x1c") == WordLine("\x1c", "")
