"""Compressed messages: what is agreed on, and that bombs do not unfold."""

import contextlib
import os
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionhero.errors import FrameError
from actionhero.protocols.deflate import Deflate, agree

ALWAYS = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"


def press(content: bytes, level: int = 6) -> bytes:
    """As a client sends it."""
    pressing = zlib.compressobj(level, zlib.DEFLATED, -15)
    return (pressing.compress(content) + pressing.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize(
    ("offers", "agreed"),
    [
        ("permessage-deflate", ALWAYS),
        ("permessage-deflate; client_max_window_bits", ALWAYS),
        ("permessage-deflate; client_max_window_bits=8", ALWAYS),
        ("permessage-deflate; server_no_context_takeover", ALWAYS),
        ('permessage-deflate;server_max_window_bits="10"', f"{ALWAYS}; server_max_window_bits=10"),
        ("permessage-deflate; server_max_window_bits=8", f"{ALWAYS}; server_max_window_bits=8"),
        ("x-webkit-deflate-frame, permessage-deflate", ALWAYS),
        ("permessage-deflate; what, permessage-deflate", ALWAYS),
        ("permessage-deflate; what", None),
        ("permessage-deflate; server_max_window_bits", None),
        ("permessage-deflate; server_max_window_bits=7", None),
        ("permessage-deflate; server_max_window_bits=16", None),
        ("permessage-deflate; server_max_window_bits=09", None),
        ("permessage-deflate; client_max_window_bits=x", None),
        ("permessage-deflate; server_no_context_takeover=1", None),
        ("permessage-deflate; client_no_context_takeover; client_no_context_takeover", None),
        ("permessage-deflate;", None),
        ("permessage-bzip2", None),
        ("", None),
        (",;=", None),
    ],
)
def test_what_is_agreed_on(offers: str, agreed: str | None) -> None:
    taken = agree(offers)
    assert (taken and taken.response) == agreed


@given(st.binary(max_size=5000), st.sampled_from([None, *range(8, 16)]), st.integers(0, 9))
def test_it_comes_back_as_it_was(content: bytes, window: int | None, level: int) -> None:
    deflate = Deflate(window)
    assert deflate.decompress(press(content, level), 5000) == content
    pressed = deflate.compress(content)
    if pressed is not None:
        assert len(pressed) < len(content)
        unfolding = zlib.decompressobj(-(window or 15))
        assert unfolding.decompress(pressed + b"\x00\x00\xff\xff") == content


def test_what_does_not_shrink_is_sent_as_it_is() -> None:
    assert Deflate(None).compress(os.urandom(2000)) is None
    assert Deflate(8).compress(b"x" * 2000) is None  # zlib has no such window


def test_a_stream_may_end_within_a_message() -> None:
    pressing = zlib.compressobj(wbits=-15)
    first = pressing.compress(b"one ") + pressing.flush(zlib.Z_FINISH)
    assert Deflate(None).decompress(first + press(b"two"), 10) == b"one two"
    assert Deflate(None).decompress(first + b"\x00", 10) == b"one "


@pytest.mark.parametrize("inside", [b"", b"one "])
def test_a_bomb_does_not_unfold(inside: bytes) -> None:
    pressing = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = pressing.compress(inside) + pressing.flush(zlib.Z_FINISH) if inside else b""
    bomb += press(b"\0" * 50_000_000, 9)
    with pytest.raises(FrameError) as caught:
        Deflate(None).decompress(bomb, 1000)
    assert caught.value.close_code == 1009


@given(st.binary(max_size=60))
def test_noise_is_an_error_or_a_message(noise: bytes) -> None:
    with contextlib.suppress(FrameError):
        assert len(Deflate(None).decompress(noise, 1000)) <= 1000
