import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionhero.errors import MalformedError, UnsupportedMediaError
from actionhero.messages import Words
from actionhero.protocols.http1_fields import (
    FORM,
    JSON,
    MOST_FIELDS,
    Headers,
    read_content_type,
    read_fields,
    read_form,
    read_path,
    read_request_id,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a=1&a=2&a=3", {"a": ["1", "2", "3"]}),
        ("a", {"a": ""}),
        ("a=", {"a": ""}),
        ("=a", {"": "a"}),
        ("a=b=c", {"a": "b=c"}),
        ("&&a=1&", {"a": "1"}),
        ("a=b+c%20d&e+f=%2B", {"a": "b c d", "e f": "+"}),
        ("a=%C3%A4", {"a": "ä"}),
        ("a=100%", {"a": "100%"}),
        ("a=%zz", {"a": "%zz"}),
        ("a=%2561", {"a": "%61"}),
        ("a=1;b=2", {"a": "1;b=2"}),
        ("a=%00", {"a": "\0"}),
    ],
)
def test_fields(text: str, words: Words) -> None:
    assert read_fields(text) == words
    assert read_form(text.encode()) == words


@pytest.mark.parametrize("text", ["a=%ff", "%ff=a", "a=%c3", "a=%ed%a0%80", "a=%c0%af"])
def test_fields_that_are_not_utf8_are_malformed(text: str) -> None:
    with pytest.raises(MalformedError, match="not UTF-8"):
        read_fields(text)


def test_a_form_that_is_not_utf8_is_malformed() -> None:
    with pytest.raises(MalformedError, match="byte 2"):
        read_form(b"a=\xff")


def test_the_number_of_fields_is_bounded() -> None:
    assert len(read_fields("&".join(f"a{n}" for n in range(MOST_FIELDS)))) == MOST_FIELDS
    with pytest.raises(MalformedError, match="more than 1000"):
        read_fields("&" * MOST_FIELDS)


@given(st.text())
def test_any_text_is_fields_or_malformed(text: str) -> None:
    try:
        words = read_fields(text)
    except MalformedError:
        return
    assert all(isinstance(name, str) for name in words)


def test_a_path_is_decoded_once_and_strictly() -> None:
    assert read_path("a/b") == "a/b"
    assert read_path("%2e%2e/a%20b+c") == "../a b+c"
    assert read_path("%252e") == "%2e"
    with pytest.raises(MalformedError, match="the path is not UTF-8"):
        read_path("%ff")


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (b"application/json", JSON),
        (b"Application/JSON", JSON),
        (b"application/json; charset=utf-8", JSON),
        (b'application/json;x=y;charset="UTF-8"', JSON),
        (b"application/vnd.api+json", JSON),
        (b"application/x-www-form-urlencoded", FORM),
        (b"application/x-www-form-urlencoded;charset=UTF8", FORM),
    ],
)
def test_content_types_that_are_read(value: bytes, kind: str) -> None:
    assert read_content_type(value) == kind


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "no content type"),
        (b"", "no content type"),
        (b"text/plain", "'text/plain' is not read"),
        (b"text/x+json", "is not read"),
        (b"multipart/form-data; boundary=x", "is not read"),
        (b"application/json; charset=latin-1", "charset 'latin-1'"),
        (b"\xff", "is not read"),
    ],
)
def test_content_types_that_are_not_read(value: bytes | None, message: str) -> None:
    with pytest.raises(UnsupportedMediaError, match=message):
        read_content_type(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"abc-1", "abc-1"),
        (b"A" * 128, "A" * 128),
        (b"A" * 129, None),
        (b"", None),
        (b"a b", None),
        (b"a\x1b[0m", None),
        (b'a"b', None),
        (b"\xe4", None),
    ],
)
def test_request_ids_are_taken_if_they_are_sane(value: bytes, expected: str | None) -> None:
    assert read_request_id(value) == expected


def test_headers_are_a_mapping_of_texts() -> None:
    headers = Headers({b"host": b"a", b"x-name": b"J\xfcrgen"})
    assert dict(headers) == {"host": "a", "x-name": "Jürgen"}
    assert headers["Host"] == "a"
    assert headers.get("other") is None
    assert headers.get("ümlaut") is None
    assert headers.get("日本") is None
    assert len(headers) == 2
    assert "host" in headers
