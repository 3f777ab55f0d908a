"""Forms of several parts, whole and byte by byte."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionhero.errors import ActionHeroError, MalformedError, TooLargeError, UnsupportedMediaError
from actionhero.protocols.http1_multipart import Part, PartEvent, PartReader

KIND = b'multipart/form-data; boundary="XyZ"'
FORM = (
    b'--XyZ\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n--Xy\r\n'
    b'--XyZ\r\ncontent-disposition: form-data; name="f"; filename="x/y.txt"\r\n'
    b"Content-Type: text/plain; charset=x\r\n\r\nabc\r\n--XyZ--\r\nepilogue"
)
EVENTS = [
    (Part("a", None, ""), b"\r\n--Xy"),
    (Part("f", "y.txt", "text/plain; charset=x"), b"abc"),
]


def read(data: bytes, size: int, kind: bytes = KIND) -> list[tuple[Part, bytes]]:
    reader = PartReader(kind)
    events: list[PartEvent] = []
    for start in range(0, len(data), size):
        events.extend(reader.feed(data[start : start + size]))
    reader.close()
    parts: list[tuple[Part, bytes]] = []
    for event in events:
        if isinstance(event, Part):
            parts.append((event, b""))
        elif event is not None:
            parts[-1] = (parts[-1][0], parts[-1][1] + event)
    return parts


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_parts(size: int) -> None:
    assert read(FORM, size) == EVENTS
    assert read(
        FORM.replace(b"XyZ", b"a'()+_,-./:=? b"), size, KIND.replace(b"XyZ", b"a'()+_,-./:=? b")
    )
    assert read(b"--XyZ--", size) == []


@pytest.mark.parametrize("size", [1, 1000])
def test_a_form_that_ends_too_early(size: int) -> None:
    for end in (0, 1, 20, 60, len(FORM) - 13):
        with pytest.raises(MalformedError, match="end of multipart"):
            read(FORM[:end], size)


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    ("error", "old", "new"),
    [
        (MalformedError, b'name="a"', b"x=y"),
        (MalformedError, b'name="a"', b'name=""'),
        (MalformedError, b"form-data", b"attachment"),
        (MalformedError, b"Content-Type:", b"Content Type:"),
        (MalformedError, b'name="a"', b'name="\xff"'),
        (MalformedError, b"--XyZ\r\n", b"--XyZ\n"),
        (TooLargeError, b"x/y.txt", b"x" * 256),
        (TooLargeError, b"text/plain", b"t" * 5000),
        (TooLargeError, b"Content-Type:", b"X: y\r\n" * 8 + b"Content-Type:"),
    ],
)
def test_forms_that_are_refused(
    error: type[ActionHeroError], old: bytes, new: bytes, size: int
) -> None:
    assert old in FORM
    with pytest.raises(error):
        read(FORM.replace(old, new), size)


@pytest.mark.parametrize(
    "kind",
    [
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b"multipart/form-data; boundary=" + b"x" * 71,
        b"multipart/mixed; boundary=a",
        b"multipart/form-data; charset=utf-8",
    ],
)
def test_kinds_that_are_not_read(kind: bytes) -> None:
    with pytest.raises(UnsupportedMediaError, match="boundary"):
        PartReader(kind)


@given(st.binary(max_size=300), st.integers(1, 50))
def test_no_bytes_break_it(data: bytes, size: int) -> None:
    for text in (data, FORM[:60] + data, data.replace(b"\x00", b"\r\n--XyZ")):
        with suppress(MalformedError, TooLargeError):
            read(text, size)
