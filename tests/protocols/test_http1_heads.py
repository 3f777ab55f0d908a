"""What llhttp takes too leniently in a head, in every piece in which it may arrive."""

import pytest

from actionhero.errors import ActionHeroError, HttpProtocolError
from actionhero.protocols.http1 import Limits, Request
from actionhero.protocols.http1_heads import (
    UNKNOWN,
    check_host,
    join_fields,
    measure_head,
    read_expects,
    read_is_old,
    read_length,
    read_target,
)
from actionhero.protocols.http1_origins import ALL_HOSTS
from actionhero.protocols.http1_parser import RequestParser

LIMITS = Limits(target_bytes=200, header_bytes=1000, headers=20, body_bytes=100)
REST = b" HTTP/1.1\r\nHost: a\r\n\r\n"
SANE = b"GET /sane" + REST
BEFORE = {
    "nothing": b"",
    "empty lines": b"\r\n\r\n",
    "a request": SANE,
    "a body of a length": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nGET  \r\n\r\n",
    "a body in chunks": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"9\r\nGET  \r\n\r\n\r\n4;x=y\r\n\r\n\r\n\r\n0\r\nX: y\r\n\r\n",
    "an upgrade that nobody takes": b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n"
    b"Connection: upgrade\r\n\r\n",
}


def feed(data: bytes, size: int) -> tuple[list[Request], ActionHeroError | None]:
    parser = RequestParser(LIMITS)
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return [request for piece in pieces for request in parser.feed(piece)], parser.error


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("line", [b"GET  /", b"GET   /", b"GET / ", b"GET /  "])
def test_the_parts_of_the_first_line_are_one_space_apart(
    line: bytes, before: str, size: int
) -> None:
    wanted, error = feed(BEFORE[before], size)
    assert error is None
    requests, error = feed(BEFORE[before] + line + REST + SANE, size)
    assert requests == wanted
    assert isinstance(error, HttpProtocolError)
    assert error.status == 400
    assert "one space" in error.message


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("before", BEFORE)
def test_spaces_elsewhere_mean_nothing(before: str, size: int) -> None:
    data = b"GET /a HTTP/1.1\r\nHost:  a\r\nX:  GET  /b  HTTP/1.1 \r\n\r\n"
    requests, error = feed(BEFORE[before] + data + SANE, size)
    assert error is None
    assert [request.target for request in requests[-2:]] == ["/a", "/sane"]
    assert requests[-2].headers[b"x"] == b"GET  /b  HTTP/1.1"


def test_repeated_fields_are_joined() -> None:
    assert join_fields(b"accept", b"a", b"b") == b"a, b"
    assert join_fields(b"cookie", b"a=1", b"b=2") == b"a=1; b=2"
    with pytest.raises(HttpProtocolError, match="host is given more than once"):
        join_fields(b"host", b"a", b"a")


def test_versions() -> None:
    assert (read_is_old("1.0"), read_is_old("1.1")) == (True, False)
    with pytest.raises(HttpProtocolError, match="not served"):
        read_is_old("2.0")


def test_a_host_is_required_by_the_newer_version_alone() -> None:
    check_host(None, True, ALL_HOSTS)
    check_host(b"a", False, ALL_HOSTS)
    with pytest.raises(HttpProtocolError, match="Host"):
        check_host(None, False, ALL_HOSTS)


def test_the_length_of_a_body() -> None:
    assert read_length({b"content-length": b"12"}, False) == 12
    assert read_length({b"transfer-encoding": b"Chunked"}, False) == UNKNOWN
    with pytest.raises(HttpProtocolError, match="has no Transfer"):
        read_length({b"transfer-encoding": b"chunked"}, True)
    with pytest.raises(HttpProtocolError, match="but chunked"):
        read_length({b"transfer-encoding": b"gzip"}, False)


def test_expectations() -> None:
    assert not read_expects({}, False)
    assert read_expects({b"expect": b"100-Continue"}, False)
    assert not read_expects({b"expect": b"100-continue", b"content-length": b"0"}, False)
    assert not read_expects({b"expect": b"tea"}, True)
    with pytest.raises(HttpProtocolError, match="100-continue"):
        read_expects({b"expect": b"tea"}, False)


def test_the_measure_of_a_head() -> None:
    measure_head({b"a": b"b" * 995}, 19, LIMITS)
    for headers, repeated in (({b"a": b"b" * 996}, 0), ({b"a": b"b"}, 20)):
        with pytest.raises(HttpProtocolError, match="header fields"):
            measure_head(headers, repeated, LIMITS)


def test_targets_in_origin_form() -> None:
    assert read_target("*", "OPTIONS", b"a", ALL_HOSTS) == "*"
    assert read_target("http://a?b", "GET", b"A", ALL_HOSTS) == "/?b"
    assert read_target("http://a?b", "GET", None, ALL_HOSTS) == "/?b"
    for target in ("*", "a", "/a#b", "ftp://a/b", "http://a b/", "http://b/"):
        with pytest.raises(HttpProtocolError):
            read_target(target, "GET", b"a", ALL_HOSTS)
