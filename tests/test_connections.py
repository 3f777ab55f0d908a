import multiprocessing
from pathlib import Path

import pytest

from actionhero.connections import Connection, FileReply, new_id


def test_ids_differ_within_a_process_and_across_forks() -> None:
    fork = multiprocessing.get_context("fork")
    with fork.Pool(2) as children:
        others = children.map(_ids, [5, 5], chunksize=1)
    ids = [*_ids(5), *others[0], *others[1]]
    assert len(set(ids)) == len(ids)


def _ids(count: int) -> list[str]:
    return [new_id() for _ in range(count)]


def test_a_connection_keeps_its_id() -> None:
    connection = Connection("tcp", "127.0.0.1", 5)
    assert connection.id == connection.id
    assert connection.id != Connection("tcp").id
    assert repr(connection) == f"<Connection {connection.id} tcp 127.0.0.1:5>"


@pytest.mark.parametrize("status", [100, 199, 400, 500])
def test_a_status_is_one_of_success(status: int) -> None:
    with pytest.raises(ValueError, match="status must be 200 to 399"):
        Connection("http").set_status(status)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "a\r\nSet-Cookie: b"),
        ("X-A", "a\nb"),
        ("X-A", "a\0b"),
        ("X-A", "\x1b[31m"),
        ("Content-Length", "0"),
        ("transfer-encoding", "chunked"),
        ("X A", "b"),
        ("X:A", "b"),
        ("", "b"),
        ("X-É", "b"),
    ],
)
def test_a_header_that_would_break_the_reply_is_refused(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=r"header name|control character|frames the reply"):
        Connection("http").set_header(name, value)


def test_a_redirect() -> None:
    connection = Connection("http")
    connection.redirect("/a")
    connection.redirect("https://a.org/ä?b=%20&c=\\#d", 308)
    assert connection.status == 308
    assert connection.reply_headers == [("Location", "https://a.org/%C3%A4?b=%20&c=%5C#d")]


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/a\r\nX: y", 302),
        ("/a\n", 302),
        ("/a\0", 302),
        ("/a b", 302),
        ("", 302),
        ("/a\u2028", 302),
        ("/a", 200),
        ("/a", 304),
    ],
)
def test_a_redirect_that_would_break_the_reply_is_refused(url: str, status: int) -> None:
    connection = Connection("http")
    with pytest.raises(ValueError, match=r"status must be|is not a URL"):
        connection.redirect(url, status)
    assert connection.reply_headers is None


def test_cookies() -> None:
    connection = Connection("http", headers={"cookie": "a=1; b=2"})
    assert connection.cookies == {"a": "1", "b": "2"}
    assert Connection("tcp").cookies == {}
    connection.set_cookie("c", "3", max_age="1h30m")
    connection.delete_cookie("a", path="/x")
    assert connection.reply_headers == [
        ("Set-Cookie", "c=3; Path=/; Max-Age=5400; HttpOnly; SameSite=Lax"),
        ("Set-Cookie", "a=; Path=/x; Max-Age=0; HttpOnly; SameSite=Lax"),
    ]
    with pytest.raises(ValueError, match="has a sign"):
        connection.set_cookie("c", "3\r\nX: y")


def test_a_file_to_send() -> None:
    connection = Connection("http")
    connection.send_file(Path("a/b.pdf"), name="c.pdf")
    assert connection.reply_file == FileReply("a/b.pdf", "c.pdf")


def test_status_and_headers_are_kept_for_the_reply() -> None:
    connection = Connection("http")
    connection.set_status(201)
    connection.set_header("Location", "/api/users/5")
    connection.set_header("X-A", "b")
    assert connection.status == 201
    assert connection.reply_headers == [("Location", "/api/users/5"), ("X-A", "b")]
