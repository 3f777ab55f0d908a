"""A request is recalled only where nothing but its first line and body can be new."""

import pytest

from actionhero.protocols.http1 import Request
from actionhero.protocols.http1_known import KnownHead

BLOCK = b"\r\nHost: a\r\n\r\n"
LINE = b"GET / HTTP/1.1"


def known() -> KnownHead:
    head = KnownHead(target_bytes=100)
    head.remember(Request("GET", "/", {b"host": b"a"}), LINE + BLOCK, len(LINE))
    return head


def test_nothing_is_known_at_first() -> None:
    assert (KnownHead(100).size, KnownHead(100).block) == (-1, b"")


def test_what_is_remembered() -> None:
    head = known()
    assert (head.size, head.block) == (len(BLOCK), BLOCK)
    request = head.recall(b"PUT /b?c HTTP/1.1" + BLOCK, 17)
    assert request == Request("PUT", "/b?c", {b"host": b"a"})


def test_a_body_belongs_to_its_own_request() -> None:
    head = KnownHead(target_bytes=100)
    block = b"\r\nContent-Length: 2\r\n\r\n"
    fields = {b"content-length": b"2"}
    head.remember(Request("GET", "/", fields, b"ab"), LINE + block + b"ab", len(LINE))
    request = head.recall(LINE + block + b"cd", len(LINE))
    assert request is not None
    assert request.body == b"cd"


@pytest.mark.parametrize(
    "line",
    [
        b"GET  / HTTP/1.1",
        b"GET /  HTTP/1.1",
        b"TEA / HTTP/1.1",
        b"GET / HTTP/1.0",
        b"GET a HTTP/1.1",
        b"GET /# HTTP/1.1",
        b"GET /\x00 HTTP/1.1",
        b"GET /\xe4 HTTP/1.1",
        b"GET /%b HTTP/1.1" % (b"a" * 100),
    ],
)
def test_lines_that_are_parsed_in_full(line: bytes) -> None:
    assert known().recall(line + BLOCK, len(line)) is None


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "/", {b"expect": b"100-continue"}),
        Request("GET", "/", {b"transfer-encoding": b"chunked"}),
        Request("GET", "/", {b"upgrade": b"x"}),
        Request("GET", "/", {}, keep_alive=False),
        Request("GET", "/", {}, is_old=True),
        Request("GET", "/other", {}),
    ],
)
def test_requests_that_are_not_remembered(request_: Request) -> None:
    head = KnownHead(target_bytes=100)
    head.remember(request_, LINE + BLOCK, len(LINE))
    assert head.size == -1


def test_it_gives_up_on_clients_whose_heads_differ() -> None:
    head = known()
    for _ in range(8):
        head.remember(Request("GET", "/", {}), LINE + BLOCK, len(LINE))
    head.remember(Request("GET", "/", {}), LINE + b"\r\nX: y\r\n\r\n", len(LINE))
    assert head.block == BLOCK
    assert head.recall(LINE + BLOCK, len(LINE)) is not None
    head.remember(Request("GET", "/", {}), LINE + b"\r\nX: y\r\n\r\n", len(LINE))
    assert head.block == b"\r\nX: y\r\n\r\n"
