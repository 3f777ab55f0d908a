import gzip
import sys

import pytest

from actionhero.transports.http_packing import PackedFiles, codings, is_compressible

TEXT = b"let a = 1;" * 1000


@pytest.mark.parametrize(
    ("kind", "is_worth_it"),
    [
        ("text/html; charset=utf-8", True),
        ("TEXT/CSS", True),
        ("application/json", True),
        ("application/problem+json", True),
        ("application/vnd.own+json;v=1", True),
        ("image/svg+xml", True),
        ("application/wasm", True),
        ("image/png", False),
        ("application/gzip", False),
        ("application/octet-stream", False),
        ("", False),
    ],
)
def test_what_is_worth_compressing(kind: str, is_worth_it: bool) -> None:
    assert is_compressible(kind) is is_worth_it


def test_gzip_is_always_there_and_always_the_same() -> None:
    assert list(codings())[-1] == "gzip"
    packed = codings()["gzip"](TEXT)
    assert packed == codings()["gzip"](TEXT)
    assert gzip.decompress(packed) == TEXT
    assert len(packed) < len(TEXT) / 50


def test_brotli_where_it_is_installed() -> None:
    brotli = pytest.importorskip("brotli")
    assert brotli.decompress(codings()["br"](TEXT)) == TEXT


def test_zstd_where_it_is_installed() -> None:
    zstandard = pytest.importorskip("zstandard")
    assert zstandard.ZstdDecompressor().decompress(codings()["zstd"](TEXT)) == TEXT


def test_other_codings_come_before_gzip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "brotli", Brotli())
    monkeypatch.setitem(sys.modules, "zstandard", Zstandard())
    found = codings.__wrapped__()
    assert list(found) == ["br", "zstd", "gzip"]
    assert (found["br"](TEXT), found["zstd"](TEXT)) == (b"br 5", b"zstd 6")
    for name in ("brotli", "zstandard"):
        monkeypatch.setitem(sys.modules, name, None)
    assert list(codings.__wrapped__()) == ["gzip"]


class Brotli:
    @staticmethod
    def compress(body: bytes, *, quality: int) -> bytes:
        return b"br %d" % quality


class Zstandard:
    class ZstdCompressor:
        def __init__(self, *, level: int) -> None:
            self._level = level

        def compress(self, body: bytes) -> bytes:
            return b"zstd %d" % self._level


def test_what_was_not_asked_for_longest_makes_room() -> None:
    kept = PackedFiles(room=12)
    kept.keep("1", "a", b"aaaa")
    kept.keep("1", "b", b"bbbb")
    assert kept.get("1", "a") == b"aaaa"
    kept.keep("1", "c", b"cccccc")
    assert [kept.get("1", name) for name in "abc"] == [b"aaaa", None, b"cccccc"]
    kept.keep("1", "c", b"cc")
    kept.keep("2", "a", b"AAAA")
    assert (kept.get("1", "a"), kept.get("2", "a")) == (b"aaaa", b"AAAA")


def test_what_is_larger_than_all_room_is_not_kept() -> None:
    kept = PackedFiles(room=3)
    kept.keep("1", "a", b"aaaa")
    assert kept.get("1", "a") is None
    kept.keep("1", "b", b"bbb")
    assert kept.get("1", "b") == b"bbb"
