import os
import socket
from pathlib import Path

import pytest

from actionhero.errors import NotFoundError
from actionhero.transports.files import (
    OpenFile,
    find_file,
    find_in_roots,
    find_packed,
    media_type,
    read_file,
)

SECRET = "a secret"


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """A public folder with files, and a secret beside it."""
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "public-too").mkdir()
    (tmp_path / "public-too" / "secret.txt").write_text(SECRET)
    root = tmp_path / "public"
    (root / "docs" / ".git").mkdir(parents=True)
    (root / "a.html").write_text("<p>")
    (root / "ä b.txt").write_text("umlaut")
    (root / "docs" / "index.html").write_text("docs")
    (root / "docs" / "deep.css").write_text("p{}")
    (root / "empty").mkdir()
    (root / ".env").write_text(SECRET)
    (root / "docs" / ".git" / "config").write_text(SECRET)
    (root / "inside").symlink_to(root / "a.html")
    (root / "outside").symlink_to(tmp_path / "secret.txt")
    (root / "outside-folder").symlink_to(tmp_path)
    (root / "beside").symlink_to(tmp_path / "public-too")
    (root / "hidden").symlink_to(root / ".env")
    (root / "hidden-folder").symlink_to(root / "docs" / ".git")
    (root / "loop").symlink_to(root / "loop")
    (root / "indexless").mkdir()
    (root / "indexless" / "index.html").symlink_to(tmp_path / "secret.txt")
    return root


def test_files_are_found(public: Path) -> None:
    found = find_file(public, "a.html")
    assert found.path == str(public / "a.html")
    assert (found.size, found.mime, found.is_index) == (3, "text/html", False)
    assert found.mtime == pytest.approx((public / "a.html").stat().st_mtime)
    assert read_file(find_file(public, "docs/deep.css")) == b"p{}"
    assert read_file(find_file(public, "ä b.txt")) == b"umlaut"
    assert read_file(find_file(str(public), "inside")) == b"<p>"


def test_a_folder_is_its_index(public: Path) -> None:
    for name in ("docs", "docs/"):
        found = find_file(public, name)
        assert (read_file(found), found.is_index) == (b"docs", True)
    (public / "index.html").write_text("root")
    assert read_file(find_file(public, "")) == b"root"


def test_a_root_may_be_a_link(public: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(public)
    assert read_file(find_file(tmp_path / "link", "a.html")) == b"<p>"


@pytest.mark.parametrize(
    "name",
    [
        "nothing",
        "",
        "empty",
        "a.html/",
        "a.html/b",
        "../secret.txt",
        "docs/../../secret.txt",
        "docs/../a.html",
        "..",
        ".",
        "./a.html",
        "docs/./deep.css",
        "/a.html",
        "//a.html",
        "docs//deep.css",
        "/etc/passwd",
        "..\\secret.txt",
        "docs\\deep.css",
        "a.html\0",
        "\0",
        "a\0.html",
        ".env",
        "docs/.git/config",
        "docs/.git",
        "outside",
        "outside-folder/secret.txt",
        "outside-folder/public/a.html/",
        "beside/secret.txt",
        "hidden",
        "hidden-folder/config",
        "indexless",
        "loop",
        "%2e%2e/secret.txt",
        "..%2fsecret.txt",
        "\ud800",
        "x" * 5000,
        "x/" * 5000,
        "．．/secret.txt",
        "..\u2215secret.txt",
    ],
)
def test_what_must_not_be_read_does_not_exist(public: Path, name: str) -> None:
    with pytest.raises(NotFoundError, match="there is no such file"):
        find_file(public, name)


def test_the_root_may_be_missing(tmp_path: Path) -> None:
    for name in ("", "a.html"):
        with pytest.raises(NotFoundError):
            find_file(tmp_path / "nothing", name)


def test_what_is_no_file_does_not_exist(public: Path) -> None:
    os.mkfifo(public / "pipe")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(os.path.relpath(public / "sock"))
    for name in ("pipe", "sock"):
        with pytest.raises(NotFoundError):
            find_file(public, name)


def test_a_file_that_went_away_or_became_shorter_is_missing(public: Path) -> None:
    found = find_file(public, "a.html")
    (public / "a.html").write_text("")
    with pytest.raises(NotFoundError):
        read_file(found)
    (public / "a.html").unlink()
    with pytest.raises(NotFoundError):
        read_file(found)


def test_a_file_below_one_of_several_folders(public: Path, tmp_path: Path) -> None:
    (tmp_path / "to-public-too").symlink_to(tmp_path / "public-too")
    roots = (str(public), str(tmp_path / "to-public-too"))
    for path in ("a.html", str(public / "a.html")):
        assert find_in_roots(roots, path).path == str(public / "a.html")
    secret = str(tmp_path / "public-too" / "secret.txt")
    for path in (secret, f"{roots[1]}/secret.txt"):
        assert find_in_roots(roots, path).path == secret


@pytest.mark.parametrize(
    "path",
    [
        "{tmp}/secret.txt",
        "{tmp}/public/../secret.txt",
        "{tmp}/public/docs/../a.html",
        "{tmp}/public//a.html",
        "{tmp}//public/a.html",
        "{tmp}/public-too/secret.txt",
        "{tmp}/public",
        "{tmp}/public/.env",
        "{tmp}/public/outside",
        "/etc/passwd",
        "../secret.txt",
        "secret.txt",
    ],
)
def test_a_path_to_elsewhere_does_not_exist(public: Path, tmp_path: Path, path: str) -> None:
    with pytest.raises(NotFoundError, match="there is no such file"):
        find_in_roots((str(public),), path.replace("{tmp}", str(tmp_path)))


def test_compressed_files_beside_it(public: Path) -> None:
    found = find_file(public, "a.html")
    assert find_packed(found) == {}
    for suffix in ("gz", "zst", "br", "xz"):
        (public / f"a.html.{suffix}").write_bytes(suffix.encode())
    packed = find_packed(found)
    assert list(packed) == ["br", "zstd", "gzip"]
    assert [read_file(one) for one in packed.values()] == [b"br", b"zst", b"gz"]
    assert {one.mime for one in packed.values()} == {"text/html"}
    os.utime(public / "a.html.br", (1, 1))
    (public / "a.html.gz").unlink()
    (public / "a.html.gz").symlink_to(public.parent / "secret.txt")
    (public / "a.html.zst").unlink()
    (public / "a.html.zst").mkdir()
    assert find_packed(found) == {}


def test_what_has_taken_the_place_of_a_file_is_not_opened(public: Path) -> None:
    found = find_file(public, "a.html")
    (public / "a.html").unlink()
    (public / "a.html").symlink_to(public.parent / "secret.txt")
    with pytest.raises(NotFoundError):
        OpenFile(found)
    (public / "a.html").unlink()
    os.mkfifo(public / "a.html")
    with pytest.raises(NotFoundError):
        OpenFile(found)


def test_an_open_file_is_as_it_was_when_it_was_opened(public: Path) -> None:
    found = find_file(public, "a.html")
    (public / "a.html").write_bytes(b"longer")
    os.utime(public / "a.html", (5, 5))
    with OpenFile(found) as opened:
        assert (opened.found.size, opened.found.mtime) == (6, 5.0)
        assert opened.read_at(2, 3) == b"nge"
        assert opened.is_intact(6)
        with (public / "a.html").open("ab") as file:
            file.write(b"!")
        assert opened.is_intact(6)  # it only grew
        os.truncate(public / "a.html", 6)
        assert not opened.is_intact(6)  # who knows what was written meanwhile
        os.truncate(public / "a.html", 3)
        assert not opened.is_intact(6)


def test_a_file_is_read_in_pieces(public: Path) -> None:
    with OpenFile(find_file(public, "a.html")) as opened:
        assert [opened.read(2), opened.read(2), opened.read(2)] == [b"<p", b">", b""]


@pytest.mark.parametrize(
    ("name", "mime"),
    [
        ("a.html", "text/html"),
        ("a.JS", "text/javascript"),
        ("a.mjs", "text/javascript"),
        ("a.json", "application/json"),
        ("a.png", "image/png"),
        ("a.webp", "image/webp"),
        ("a.svg", "image/svg+xml"),
        ("a.woff2", "font/woff2"),
        ("a.pdf", "application/pdf"),
        ("a.tar.gz", "application/gzip"),
        ("a.txt.xz", "application/octet-stream"),
        ("a", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
    ],
)
def test_media_types(name: str, mime: str) -> None:
    assert media_type(name) == mime
