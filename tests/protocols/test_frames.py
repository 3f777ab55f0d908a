import contextlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionhero.errors import FrameError
from actionhero.protocols.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Assembler,
    Frame,
    FrameReader,
    check_text,
    read_close,
    read_text,
    write_close,
    write_frame,
    write_text,
)
from tests.transports.ws_kit import frame

# Frames.

EXAMPLES = [
    Frame(TEXT, True, b""),
    Frame(TEXT, False, b"he"),
    Frame(PING, True, b"x" * 125),
    Frame(CONTINUATION, True, "llö".encode()),
    Frame(BINARY, True, bytes(range(126))),
    Frame(TEXT, True, b"x" * 0xFFFF),
    Frame(TEXT, True, b"y" * 0x10000),
    Frame(PONG, True, b""),
    Frame(CLOSE, True, b"\x03\xe8bye"),
]
SENT = b"".join(frame(one.opcode, one.payload, one.is_final * 0x80) for one in EXAMPLES)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = [0, *sorted(place % len(data) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(ends)]


@given(st.lists(st.integers(0, len(SENT)) | st.integers(0, 300), max_size=20))
@settings(max_examples=100)
def test_how_frames_are_cut_makes_no_difference(places: list[int]) -> None:
    reader = FrameReader(2**20)
    assert [one for part in cut(SENT, places) for one in reader.feed(part)] == EXAMPLES
    assert not reader.is_within


@pytest.mark.parametrize("example", EXAMPLES[:4])
def test_frames_byte_by_byte(example: Frame) -> None:
    reader = FrameReader(2**20)
    sent = frame(example.opcode, example.payload, example.is_final * 0x80)
    for index, byte in enumerate(sent):
        found = list(reader.feed(bytes([byte])))
        is_last = index == len(sent) - 1
        assert found == ([example] if is_last else [])
        assert reader.is_within != is_last


def feed_slowly(reader: FrameReader, data: bytes) -> list[Frame]:
    return [one for byte in data for one in reader.feed(bytes([byte]))]


BROKEN_FRAMES = [
    *((frame(opcode, b"x"), 1002) for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)),
    *((frame(TEXT, b"x", first), 1002) for first in (0x90, 0xA0, 0xC0, 0xF0, 0x40)),
    *((frame(opcode, b"x", 0), 1002) for opcode in (CLOSE, PING, PONG)),
    *((frame(opcode, b"x" * 126), 1002) for opcode in (CLOSE, PING, PONG)),
    (frame(PING, b"x" * 70_000), 1002),
    (frame(TEXT, b"x", mask=False), 1002),
    (b"\x81\xfe\x00\x7d", 1002),
    (b"\x81\xff" + (0xFFFF).to_bytes(8, "big"), 1002),
    (b"\x81\xff" + (2**63).to_bytes(8, "big"), 1002),
    (b"\x81\xff" + (2**64 - 1).to_bytes(8, "big"), 1002),
    (b"\x81\xff" + (2**62).to_bytes(8, "big"), 1009),
    (b"\x81\xfe\x03\xe9", 1009),
]


@pytest.mark.parametrize(("broken", "code"), BROKEN_FRAMES)
def test_a_broken_frame_is_refused_by_its_head(broken: bytes, code: int) -> None:
    for is_compressing in {False, broken[0] not in {0xC1, 0x41}}:
        reader = FrameReader(1000, takes_compressed=is_compressing)
        found = reader.feed(frame(PING, b"before") + broken + frame(TEXT, b"after"))
        assert next(found) == Frame(PING, True, b"before")
        with pytest.raises(FrameError) as caught:
            next(found)
        assert caught.value.close_code == code
        assert len(caught.value.message) < 120
    slow = FrameReader(1000)
    with pytest.raises(FrameError):
        feed_slowly(slow, broken[:14])


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("first", [0xC0, 0x40])
def test_compressed_frames_where_that_is_agreed_on(opcode: int, first: int) -> None:
    reader = FrameReader(1000, takes_compressed=True)
    assert list(reader.feed(frame(opcode, b"x", first))) == [
        Frame(opcode, first > 0x80, b"x", True)
    ]
    with pytest.raises(FrameError):
        list(reader.feed(frame(CONTINUATION, b"x", first)))


@given(st.binary(max_size=40))
@settings(max_examples=300)
def test_noise_is_frames_or_an_error(noise: bytes) -> None:
    found = FrameReader(1000).feed(noise)
    with contextlib.suppress(FrameError):
        assert all(len(one.payload) <= 1000 for one in found)


@given(st.binary(max_size=140))
@settings(max_examples=200)
def test_the_short_way_reads_the_same(payload: bytes) -> None:
    text = read_text(frame(TEXT, payload))
    assert text == (payload if len(payload) <= 125 and payload.isascii() else None)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x81",
        frame(TEXT, b"hello")[:-1],
        frame(TEXT, b"hello") + b"x",
        frame(TEXT, b"hello", 0),
        frame(TEXT, b"hello", 0xC0),
        frame(PING, b"hello"),
        frame(TEXT, b"hello", mask=False) + bytes(4),
    ],
)
def test_what_the_short_way_leaves_alone(data: bytes) -> None:
    assert read_text(data) is None


@pytest.mark.parametrize("size", [0, 1, 125, 126, 0xFFFF, 0x10000])
def test_what_is_written_can_be_read(size: int) -> None:
    payload = b"x" * size
    for written in (write_text(payload), write_frame(TEXT, payload)):
        lengths = {126: 2, 127: 8}.get(written[1], 0)
        assert written[0] == 0x81
        stated = int.from_bytes(written[2 : 2 + lengths], "big") if lengths else written[1]
        assert (stated, written[2 + lengths :]) == (size, payload)
    assert write_frame(BINARY, b"x", is_compressed=True) == b"\xc2\x01x"


def test_the_reason_of_a_close_is_cut_between_letters() -> None:
    assert write_close(1000) == b"\x88\x02\x03\xe8"
    assert write_close(1002, "why") == b"\x88\x05\x03\xeawhy"
    long = write_close(1002, "€" * 100)
    assert (len(long), long[1], long[4:].decode()) == (127, 125, "€" * 41)


# Messages.


def test_a_whole_text_goes_through() -> None:
    assert Assembler(10).add(Frame(TEXT, True, b"hello")) == (TEXT, b"hello")


def test_fragments_are_joined() -> None:
    assembler = Assembler(10)
    assert assembler.add(Frame(TEXT, False, b"he")) is None
    assert assembler.add(Frame(CONTINUATION, False, b"")) is None
    assert assembler.add(Frame(CONTINUATION, True, b"llo")) == (TEXT, b"hello")
    assert assembler.add(Frame(TEXT, True, b"next")) == (TEXT, b"next")


def test_a_message_may_be_no_text() -> None:
    assert Assembler(10).add(Frame(BINARY, True, b"\xff")) == (BINARY, b"\xff")


def test_a_letter_may_be_cut_in_two() -> None:
    euro = "€".encode()
    assembler = Assembler(10)
    assert assembler.add(Frame(TEXT, False, euro[:1])) is None
    assert assembler.add(Frame(CONTINUATION, True, euro[1:])) == (TEXT, euro)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([(CONTINUATION, True, b"x")], 1002),
        ([(CONTINUATION, False, b"x")], 1002),
        ([(TEXT, False, b"x"), (TEXT, True, b"y")], 1002),
        ([(TEXT, False, b"x"), (BINARY, True, b"y")], 1002),
        ([(TEXT, True, b"x", True)], 1002),
        ([(TEXT, False, b"x"), (CONTINUATION, True, b"y", True)], 1002),
        ([(TEXT, True, b"\xff")], 1007),
        ([(TEXT, False, b"\xe2\x82"), (CONTINUATION, True, b"x")], 1007),
        ([(TEXT, True, b"x" * 11)], 1009),
        ([(TEXT, False, b"x" * 6), (CONTINUATION, False, b"x" * 5)], 1009),
    ],
)
def test_broken_messages_have_their_close_code(
    frames: list[tuple[int, bool, bytes, bool]], code: int
) -> None:
    assembler = Assembler(10)
    for one in frames[:-1]:
        assert assembler.add(Frame(*one)) is None
    with pytest.raises(FrameError) as caught:
        assembler.add(Frame(*frames[-1]))
    assert caught.value.close_code == code
    assert len(caught.value.message) < 120


@given(st.text(max_size=50), st.lists(st.integers(0, 60), max_size=5))
@settings(max_examples=200)
def test_how_a_text_is_cut_makes_no_difference(text: str, cuts: list[int]) -> None:
    payload = text.encode()
    places = [0, *sorted(min(cut, len(payload)) for cut in cuts), len(payload)]
    parts = [payload[a:b] for a, b in itertools.pairwise(places)]
    assembler = Assembler(1000)
    for index, part in enumerate(parts):
        opcode = CONTINUATION if index else TEXT
        whole = assembler.add(Frame(opcode, index == len(parts) - 1, part))
    assert whole == (TEXT, payload)


@pytest.mark.parametrize(
    "payload", [b"", b"plain", "Zoë €𝄞".encode(), b"\xf4\x8f\xbf\xbf", b"\x00"]
)
def test_utf8_is_let_through(payload: bytes) -> None:
    assert check_text(payload) is payload


@pytest.mark.parametrize(
    "payload",
    [b"\xff", b"\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\xe2\x82"],
)
def test_other_bytes_are_not(payload: bytes) -> None:
    with pytest.raises(FrameError) as caught:
        check_text(payload)
    assert caught.value.close_code == 1007


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", 1000),
        *((number.to_bytes(2, "big"), number) for number in (1000, 1001, 1003, 1007, 1011, 1014)),
        *((number.to_bytes(2, "big"), number) for number in (3000, 3999, 4000, 4999)),
        (b"\x03\xe8bye", 1000),
        ("\u20ac".encode().join([b"\x03\xe8", b""]), 1000),
    ],
)
def test_close_codes(payload: bytes, code: int) -> None:
    assert read_close(payload) == code


@pytest.mark.parametrize("number", [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535])
def test_codes_that_may_not_be_sent(number: int) -> None:
    with pytest.raises(FrameError) as caught:
        read_close(number.to_bytes(2, "big"))
    assert caught.value.close_code == 1002


def test_broken_closes() -> None:
    for payload, code in ((b"\x03", 1002), (b"\x03\xe8\xff", 1007)):
        with pytest.raises(FrameError) as caught:
            read_close(payload)
        assert caught.value.close_code == code
