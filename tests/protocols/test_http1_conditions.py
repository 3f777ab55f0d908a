import pytest

from actionhero.errors import HttpProtocolError
from actionhero.protocols.http1_conditions import (
    Part,
    Validators,
    is_unchanged,
    make_validators,
    read_range,
)

NOW = 784111777
DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"
LATER = b"Sun, 06 Nov 1994 08:49:38 GMT"
EARLIER = b"Sun, 06 Nov 1994 08:49:36 GMT"
STRONG = Validators('"a"', NOW)
WEAK = Validators('W/"a"', NOW, is_settled=False)


def test_validators_of_a_file() -> None:
    made = make_validators(255, NOW * 10**9 + 5, NOW + 60)
    assert made.tag == f'"ff-{NOW * 10**9 + 5:x}"'
    assert made.is_strong
    assert made.fields == (("ETag", made.tag), ("Last-Modified", DATE.decode()))
    assert make_validators(255, NOW * 10**9, NOW + 60, "br").tag.endswith('-br"')


def test_a_tag_is_weak_for_a_new_file_and_for_one_packed_on_the_way() -> None:
    assert not make_validators(1, NOW * 10**9, NOW + 1).is_strong
    assert not make_validators(1, NOW * 10**9, NOW - 60).is_strong  # a clock that went back
    assert not make_validators(1, NOW * 10**9, NOW + 60, "gzip", is_packed=True).is_strong


@pytest.mark.parametrize(
    ("headers", "unchanged"),
    [
        ({}, False),
        ({b"if-none-match": b'"a"'}, True),
        ({b"if-none-match": b'W/"a"'}, True),
        ({b"if-none-match": b'"b" , "a"'}, True),
        ({b"if-none-match": b"*"}, True),
        ({b"if-none-match": b'"b"'}, False),
        ({b"if-none-match": b'"b"', b"if-modified-since": DATE}, False),
        ({b"if-modified-since": DATE}, True),
        ({b"if-modified-since": LATER}, True),
        ({b"if-modified-since": EARLIER}, False),
        ({b"if-modified-since": b"yesterday"}, False),
        ({b"if-modified-since": b"Sun, 06 Nov 99999 08:49:37 GMT"}, False),
        ({b"if-match": b'"a"'}, False),
        ({b"if-match": b"*"}, False),
        ({b"if-match": b'"a"', b"if-unmodified-since": EARLIER}, False),
        ({b"if-unmodified-since": DATE}, False),
        ({b"if-unmodified-since": b"never"}, False),
    ],
)
def test_what_the_client_has(headers: dict[bytes, bytes], unchanged: bool) -> None:
    assert is_unchanged(headers, STRONG) is unchanged


@pytest.mark.parametrize(
    ("headers", "validators"),
    [
        ({b"if-match": b'"b"'}, STRONG),
        ({b"if-match": b'W/"a"'}, STRONG),
        ({b"if-match": b'W/"a"'}, WEAK),
        ({b"if-unmodified-since": EARLIER}, STRONG),
    ],
)
def test_another_state_is_wanted(headers: dict[bytes, bytes], validators: Validators) -> None:
    with pytest.raises(HttpProtocolError) as caught:
        is_unchanged(headers, validators)
    assert caught.value.status == 412


@pytest.mark.parametrize(
    ("asked", "part"),
    [
        (b"bytes=0-0", Part(0, 1)),
        (b"bytes=0-", Part(0, 10)),
        (b"bytes=5-7", Part(5, 3)),
        (b"bytes=5-99", Part(5, 5)),
        (b"bytes=9-9", Part(9, 1)),
        (b"bytes=-3", Part(7, 3)),
        (b"bytes=-99", Part(0, 10)),
        (b"Bytes = 1-2", Part(1, 2)),
        (b"bytes=0-0,5-5", None),
        (b"bytes=0-0,-1", None),
        (b"bytes=7-5", None),
        (b"bytes=-", None),
        (b"bytes=", None),
        (b"bytes", None),
        (b"bytes=a-b", None),
        (b"bytes=1-b", None),
        (b"bytes=--1", None),
        (b"bytes=+1-2", None),
        (b"bytes=1_0-2", None),
        (b"bytes=\xb2-5", None),
        (b"bytes=" + b"9" * 5000 + b"-", None),
        (b"pages=1-2", None),
    ],
)
def test_the_part_that_is_asked_for(asked: bytes, part: Part | None) -> None:
    assert read_range({b"range": asked}, 10, STRONG) == part


@pytest.mark.parametrize("asked", [b"bytes=10-", b"bytes=10-20", b"bytes=-0", b"bytes=999999999-"])
def test_a_part_that_is_not_there(asked: bytes) -> None:
    with pytest.raises(HttpProtocolError) as caught:
        read_range({b"range": asked}, 10, STRONG)
    assert caught.value.status == 416
    assert caught.value.fields == (("Content-Range", "bytes */10"),)


def test_the_parts_of_nothing() -> None:
    assert read_range({b"range": b"bytes=-5"}, 0, STRONG) is None
    with pytest.raises(HttpProtocolError):
        read_range({b"range": b"bytes=0-"}, 0, STRONG)


@pytest.mark.parametrize(
    ("condition", "validators", "is_part"),
    [
        (b'"a"', STRONG, True),
        (b'"b"', STRONG, False),
        (b'W/"a"', STRONG, False),
        (b'W/"a"', WEAK, False),
        (DATE, STRONG, True),
        (LATER, STRONG, False),
        (EARLIER, STRONG, False),
        (DATE, WEAK, False),
        (b"yesterday", STRONG, False),
        (b"", STRONG, False),
    ],
)
def test_a_part_of_the_state_that_the_client_has(
    condition: bytes, validators: Validators, is_part: bool
) -> None:
    headers = {b"range": b"bytes=0-0", b"if-range": condition}
    assert read_range(headers, 10, validators) == (Part(0, 1) if is_part else None)


def test_nothing_is_refused_for_another_state() -> None:
    headers = {b"range": b"bytes=99-", b"if-range": b'"b"'}
    assert read_range(headers, 10, STRONG) is None
