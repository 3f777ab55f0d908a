"""Where the input is cut. That the requests are the same is `test_http1_heads`'s to show."""

import pytest

from actionhero.protocols.http1_pieces import Pieces


@pytest.mark.parametrize(
    ("data", "start", "end", "spaces"),
    [
        (b"GET / HTTP/1.1\r\nX:  y\r\n\r\nGET", 0, 25, 2),
        (b"xyzGET  / HTTP/1.1\r\n\r\n", 3, 22, 3),
        (b"\r\n\r\nGET /\r\n\r\nabc", 0, 13, 1),
        (b"\r\n", 0, 2, 0),
        (b"GET / ", 0, 6, 2),
    ],
)
def test_a_piece_ends_with_the_head(data: bytes, start: int, end: int, spaces: int) -> None:
    pieces = Pieces()
    assert pieces.begin(data, start) == end
    assert pieces.spaces == spaces


@pytest.mark.parametrize("cut", range(1, 25))
def test_an_empty_line_is_found_though_it_comes_in_parts(cut: int) -> None:
    data = b"GET / HTTP/1.1\r\nX:  y\r\n\r\nGET"
    pieces = Pieces()
    assert pieces.begin(data[:cut], 0) == cut
    assert cut + pieces.go_on(data[cut:], 0) == 25
    assert pieces.spaces == 2


def test_byte_by_byte() -> None:
    pieces = Pieces()
    pieces.begin(b"G", 0)
    for byte in b"ET  /\r\n X:  y\r\n\r":
        assert pieces.go_on(bytes((byte,)), 0) == 1
    assert pieces.go_on(b"\nrest", 0) == 1
    assert pieces.spaces == 2
