"""Packed bodies: unpacked as they come, and no further than a body may be."""

import gzip
import zlib

import pytest

from actionhero.errors import MalformedError, TooLargeError
from actionhero.protocols.http1 import Limits
from actionhero.protocols.http1_gzip import Gunzip

LIMITS = Limits(target_bytes=100, header_bytes=100, headers=10, body_bytes=1000)


def unpack(data: bytes, size: int) -> bytes:
    sink = Gunzip(LIMITS)
    for start in range(0, len(data), size):
        sink.feed(data[start : start + size])
    assert (sink.received, sink.is_full) == (len(data), False)
    return sink.end()


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("content", [b"", b"a", b"abc" * 333, bytes(1000)])
def test_bodies(content: bytes, size: int) -> None:
    assert unpack(gzip.compress(content), size) == content


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_body_that_unfolds_to_more_is_refused(size: int) -> None:
    with pytest.raises(TooLargeError):
        unpack(gzip.compress(bytes(1001)), size)


def test_a_bomb_takes_no_memory() -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(60)) + packer.flush()
    sink = Gunzip(LIMITS)
    with pytest.raises(TooLargeError):
        sink.feed(bomb)
    assert len(sink._body) == 1001
    sink.close()
    assert not sink._body


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"plain",
        b"\x1f\x8b",
        gzip.compress(b"abc", mtime=0)[:-1],
        gzip.compress(b"abc", mtime=0)[:-5] + b"\x00" * 5,
        gzip.compress(b"abc", mtime=0) + b"x",
        gzip.compress(b"a", mtime=0) * 2,
        zlib.compress(b"abc"),
    ],
)
def test_what_is_not_gzip(data: bytes, size: int) -> None:
    with pytest.raises(MalformedError):
        unpack(data, size)
