"""HTTP clients that are known by a cookie."""

from actionhero import Connection
from actionhero.rooms.guests import guest_of
from actionhero.rooms.inbox import guest_id


def test_a_client_gets_one_cookie() -> None:
    connection = Connection("http", scheme="https")
    guest = guest_of(connection)
    assert guest_of(connection) == guest
    assert connection.reply_headers is not None
    (field,) = connection.reply_headers
    secret = field[1].removeprefix("sessionID=").partition(";")[0]
    assert guest_id(secret) == guest
    assert field[1].endswith("; Path=/; Secure; HttpOnly; SameSite=Strict")
    again = Connection("http", headers={"cookie": f"sessionID={secret}"})
    assert guest_of(again) == guest
    assert again.reply_headers is None


def test_a_cookie_that_is_not_ours_is_replaced() -> None:
    for value in ("", "x", "x" * 33, "../" + "x" * 29):
        connection = Connection("http", headers={"cookie": f"sessionID={value}"})
        assert guest_of(connection) != guest_id(value)
        assert connection.reply_headers
