import multiprocessing

import pytest

from actionhero.connections import Connection, new_id


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


def test_status_and_headers_are_kept_for_the_reply() -> None:
    connection = Connection("http")
    connection.set_status(201)
    connection.set_header("Location", "/api/users/5")
    connection.set_header("X-A", "b")
    assert connection.status == 201
    assert connection.reply_headers == [("Location", "/api/users/5"), ("X-A", "b")]
