import pytest

from actionhero.protocols.http1_codings import IDENTITY, Accepted

OFFERED = ("br", "zstd", "gzip")


@pytest.mark.parametrize(
    ("field", "chosen"),
    [
        (None, IDENTITY),
        (b"", IDENTITY),
        (b"gzip", "gzip"),
        (b"gzip, deflate, br, zstd", "br"),
        (b"gzip;q=1, br;q=0.9", "gzip"),
        (b"gzip; q=0.5 , zstd;q=0.5", "zstd"),
        (b"GZip", "gzip"),
        (b"x-gzip", "gzip"),
        (b"deflate", IDENTITY),
        (b"*", "br"),
        (b"br;q=0, *;q=0.1", "zstd"),
        (b"gzip;q=0", IDENTITY),
        (b"gzip;q=0.000", IDENTITY),
        (b"gzip;q=2", IDENTITY),
        (b"gzip;q=nan", IDENTITY),
        (b"gzip;q=", IDENTITY),
        (b"gzip;level=9", "gzip"),
        (b"identity;q=1, gzip;q=0.5", IDENTITY),
        (b"identity;q=0.5, gzip;q=0.5", "gzip"),
        (b"identity;q=0, gzip;q=0.1", "gzip"),
        (b"identity;q=0", None),
        (b"*;q=0", None),
        (b"*;q=0, gzip", "gzip"),
        (b"*;q=0, identity", IDENTITY),
        (b",,;q=1,", IDENTITY),
        (b"\xff\xfe", IDENTITY),
    ],
)
def test_the_best_of_what_is_offered(field: bytes | None, chosen: str | None) -> None:
    assert Accepted(field).choose(OFFERED) == chosen


def test_nothing_is_offered() -> None:
    assert Accepted(b"gzip").choose(()) == IDENTITY
    assert Accepted(b"gzip, identity;q=0").choose(()) is None
