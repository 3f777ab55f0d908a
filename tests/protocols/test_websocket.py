import base64
from collections.abc import Mapping

import pytest
from msgspec import Raw

from actionhero.errors import (
    ActionError,
    ActionHeroError,
    HttpProtocolError,
    MalformedError,
    UnknownActionError,
)
from actionhero.protocols.websocket import (
    Message,
    check_opening,
    is_allowed_origin,
    read_call,
    read_message,
    write_opening,
)

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
HEAD = b"GET /ws HTTP/1.1\r\nHost: localhost:8080\r\n\r\n"
HEADERS = {
    "host": "localhost:8080",
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": KEY,
}


def check(head: bytes = HEAD, /, **changes: str | None) -> str:
    headers: Mapping[str, str] = {
        name: value
        for name, value in {
            **HEADERS,
            **{name.replace("_", "-"): value for name, value in changes.items()},
        }.items()
        if value is not None
    }
    return check_opening(head, headers, ())


def test_a_right_opening_gives_its_key() -> None:
    assert check() == KEY
    assert check(upgrade="WebSocket", connection="keep-alive, Upgrade") == KEY
    assert check(upgrade="h2c, websocket") == KEY
    assert check(origin="http://localhost:8080") == KEY


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"upgrade": None}, 426),
        ({"upgrade": "websockets"}, 426),
        ({"connection": None}, 426),
        ({"connection": "keep-alive"}, 426),
        ({"sec_websocket_version": None}, 426),
        ({"sec_websocket_version": "8"}, 426),
        ({"sec_websocket_version": "13, 8"}, 426),
        ({"sec_websocket_key": None}, 400),
        ({"sec_websocket_key": ""}, 400),
        ({"sec_websocket_key": "short"}, 400),
        ({"sec_websocket_key": base64.b64encode(b"x" * 15).decode()}, 400),
        ({"sec_websocket_key": f"{KEY}, {KEY}"}, 400),
        ({"sec_websocket_key": f"{KEY}\r\nX: y"}, 400),
        ({"sec_websocket_key": "ü" * 24}, 400),
    ],
)
def test_a_wrong_opening_is_refused(changes: dict[str, str | None], status: int) -> None:
    with pytest.raises(HttpProtocolError) as caught:
        check(**changes)
    assert caught.value.status == status


@pytest.mark.parametrize("first", [b"POST /ws HTTP/1.1", b"GET /ws HTTP/1.0", b"GET /ws", b""])
def test_only_a_get_of_http_1_1_opens(first: bytes) -> None:
    with pytest.raises(HttpProtocolError):
        check(first + b"\r\nHost: x\r\n\r\n")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8080", "localhost:8080"),
        ("http://LOCALHOST:8080", "localhost:8080"),
        ("https://example.com", "example.com"),
        ("https://example.com:443", "example.com"),
        ("https://example.com", "example.com:443"),
        ("http://example.com:80", "example.com"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_pages_of_the_own_host_may_connect(origin: str, host: str) -> None:
    assert is_allowed_origin(origin, host, ())


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "*",
        "example.com",
        "//example.com",
        "http://",
        "http://example.com.evil.com",
        "http://evilexample.com",
        "http://example.com@evil.com",
        "http://evil.com@example.com",
        "http://evil.com/example.com",
        "http://evil.com#example.com",
        "http://evil.com\\example.com",
        "http://example.com:8081",
        "http://example.com:443",
        "https://example.com:80",
        "http://example.com/",
        "http://example.com, http://example.com",
        "file://example.com",
        "ftp://example.com",
        "http://example.com\n",
        "http://example.com ",
        "http://exampl\u0435.com",
    ],
)
def test_other_pages_and_look_alikes_may_not(origin: str) -> None:
    assert not is_allowed_origin(origin, "example.com", ())
    with pytest.raises(ActionError) as caught:
        check(host="example.com", origin=origin)
    assert (caught.value.status, caught.value.code) == (403, "origin_refused")


def test_listed_origins_may_connect() -> None:
    listed = frozenset({"https://app.example.com"})
    assert is_allowed_origin("https://app.example.com", "api.example.com", listed)
    assert is_allowed_origin("https://APP.example.com", "api.example.com", listed)
    assert not is_allowed_origin("http://app.example.com", "api.example.com", listed)
    assert is_allowed_origin("null", "api.example.com", frozenset({"*"}))


def test_the_answer_to_an_opening() -> None:
    answer = write_opening(KEY).decode().split("\r\n")
    assert answer[0] == "HTTP/1.1 101 Switching Protocols"
    assert answer[-2:] == ["", ""]
    assert set(answer[1:-2]) == {
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",  # RFC 6455, section 1.3
    }
    assert b"\r\nSec-WebSocket-Extensions: x\r\n" in write_opening(KEY, "x")


def test_messages() -> None:
    message = read_message(
        b'{"event": "action", "params": {"action": "a", "k": 1.50}, "messageId": 2, "more": 1}'
    )
    assert (message.event, message.messageId) == ("action", 2)
    assert bytes(message.params) == b'{"action": "a", "k": 1.50}'
    assert read_message(b"{}") == Message()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "ends too early"),
        (b"hello", "byte 0"),
        (b"[]", "Expected `object`"),
        (b'{"event": 1}', "`$.event`"),
        (b'{"file": 1}', "`$.file`"),
        (b'{"messageId": false}', "`$.messageId`"),
        (b'{"params": ' + b"[" * 50_000, "nested too deeply"),
        (b'{"params": {"a": NaN}}', "byte 17"),
    ],
)
def test_what_is_no_message_is_told(text: bytes, said: str) -> None:
    with pytest.raises(MalformedError) as caught:
        read_message(text)
    assert said in caught.value.message


def test_calls() -> None:
    call = read_call(Raw(b'{"action": "a", "k": 1}'))
    assert (call.action, call.body, call.words) == ("a", b'{"action": "a", "k": 1}', {})


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        (Raw(), UnknownActionError),
        (Raw(b"{}"), UnknownActionError),
        (Raw(b'{"action": null}'), UnknownActionError),
        (Raw(b'{"action": 1}'), MalformedError),
        (Raw(b"null"), MalformedError),
        (Raw(b"[]"), MalformedError),
    ],
)
def test_what_is_no_call_is_told(params: Raw, kind: type[ActionHeroError]) -> None:
    with pytest.raises(kind):
        read_call(params)
