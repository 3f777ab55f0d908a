import base64
import itertools
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from actionhero.errors import (
    ActionError,
    ActionHeroError,
    FrameError,
    HttpProtocolError,
    MalformedError,
    UnknownActionError,
)
from actionhero.protocols.websocket import (
    BINARY,
    CONTINUATION,
    TEXT,
    Assembler,
    DataFrame,
    Message,
    check_opening,
    check_text,
    is_allowed_origin,
    read_call,
    read_close,
    read_message,
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


def test_a_whole_text_goes_through() -> None:
    assert Assembler(10).add(DataFrame(TEXT, True, b"hello")) == (TEXT, b"hello")


def test_fragments_are_joined() -> None:
    assembler = Assembler(10)
    assert assembler.add(DataFrame(TEXT, False, b"he")) is None
    assert assembler.add(DataFrame(CONTINUATION, False, b"")) is None
    assert assembler.add(DataFrame(CONTINUATION, True, b"llo")) == (TEXT, b"hello")
    assert assembler.add(DataFrame(TEXT, True, b"next")) == (TEXT, b"next")


def test_a_message_may_be_no_text() -> None:
    assert Assembler(10).add(DataFrame(BINARY, True, b"\xff")) == (BINARY, b"\xff")


def test_a_letter_may_be_cut_in_two() -> None:
    euro = "€".encode()
    assembler = Assembler(10)
    assert assembler.add(DataFrame(TEXT, False, euro[:1])) is None
    assert assembler.add(DataFrame(CONTINUATION, True, euro[1:])) == (TEXT, euro)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([(CONTINUATION, True, b"x")], 1002),
        ([(CONTINUATION, False, b"x")], 1002),
        ([(TEXT, False, b"x"), (TEXT, True, b"y")], 1002),
        ([(TEXT, False, b"x"), (BINARY, True, b"y")], 1002),
        ([(TEXT, True, b"x", True)], 1002),
        ([(TEXT, False, b"x"), (CONTINUATION, True, b"y", True)], 1002),
        ([(TEXT, True, b"\xff")], 1007),
        ([(TEXT, False, b"\xe2\x82"), (CONTINUATION, True, b"x")], 1007),
        ([(TEXT, True, b"x" * 11)], 1009),
        ([(TEXT, False, b"x" * 6), (CONTINUATION, False, b"x" * 5)], 1009),
    ],
)
def test_broken_messages_have_their_close_code(
    frames: list[tuple[int, bool, bytes, bool]], code: int
) -> None:
    assembler = Assembler(10)
    for frame in frames[:-1]:
        assert assembler.add(DataFrame(*frame)) is None
    with pytest.raises(FrameError) as caught:
        assembler.add(DataFrame(*frames[-1]))
    assert caught.value.close_code == code
    assert len(caught.value.message) < 120


@given(st.text(max_size=50), st.lists(st.integers(0, 60), max_size=5))
@settings(max_examples=200)
def test_how_a_text_is_cut_makes_no_difference(text: str, cuts: list[int]) -> None:
    payload = text.encode()
    places = [0, *sorted(min(cut, len(payload)) for cut in cuts), len(payload)]
    parts = [payload[a:b] for a, b in itertools.pairwise(places)]
    assembler = Assembler(1000)
    for index, part in enumerate(parts):
        opcode = CONTINUATION if index else TEXT
        whole = assembler.add(DataFrame(opcode, index == len(parts) - 1, part))
    assert whole == (TEXT, payload)


@pytest.mark.parametrize(
    "payload", [b"", b"plain", "Zoë €𝄞".encode(), b"\xf4\x8f\xbf\xbf", b"\x00"]
)
def test_utf8_is_let_through(payload: bytes) -> None:
    assert check_text(payload) is payload


@pytest.mark.parametrize(
    "payload",
    [b"\xff", b"\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\xe2\x82"],
)
def test_other_bytes_are_not(payload: bytes) -> None:
    with pytest.raises(FrameError) as caught:
        check_text(payload)
    assert caught.value.close_code == 1007


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", 1000),
        *((number.to_bytes(2, "big"), number) for number in (1000, 1001, 1003, 1007, 1011, 1014)),
        *((number.to_bytes(2, "big"), number) for number in (3000, 3999, 4000, 4999)),
        (b"\x03\xe8bye", 1000),
        ("\u20ac".encode().join([b"\x03\xe8", b""]), 1000),
    ],
)
def test_close_codes(payload: bytes, code: int) -> None:
    assert read_close(payload) == code


@pytest.mark.parametrize("number", [0, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535])
def test_codes_that_may_not_be_sent(number: int) -> None:
    with pytest.raises(FrameError) as caught:
        read_close(number.to_bytes(2, "big"))
    assert caught.value.close_code == 1002


def test_broken_closes() -> None:
    for payload, code in ((b"\x03", 1002), (b"\x03\xe8\xff", 1007)):
        with pytest.raises(FrameError) as caught:
            read_close(payload)
        assert caught.value.close_code == code


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
