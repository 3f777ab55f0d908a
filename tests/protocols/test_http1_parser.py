"""Each case is fed whole, byte by byte, and with a request after it that must not be answered."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionhero.errors import HttpProtocolError, TooLargeError
from actionhero.protocols.http1 import BodySink, Request
from actionhero.protocols.http1_parser import RequestParser
from tests.protocols.framing import BROKEN, CHUNKED, LIMITS, SMUGGLED, SOUND, get, post


def whole(parser: RequestParser, data: bytes) -> list[Request]:
    return parser.feed(data)


def byte_by_byte(parser: RequestParser, data: bytes) -> list[Request]:
    return [request for byte in data for request in parser.feed(bytes((byte,)))]


FEEDS = pytest.mark.parametrize("feed", [whole, byte_by_byte])
Feed = Callable[[RequestParser, bytes], list[Request]]


def parse(data: bytes, feed: Feed = whole, upgrades: frozenset[str] = frozenset()) -> list[Request]:
    parser = RequestParser(LIMITS, upgrades)
    requests = feed(parser, data)
    assert parser.error is None, parser.error
    return requests


@FEEDS
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_request_ends_the_input(name: str, feed: Feed) -> None:
    status, data = BROKEN[name]
    parser = RequestParser(LIMITS, frozenset({"/ws"}))
    assert feed(parser, data + SMUGGLED) == []
    assert parser.error is not None
    assert (parser.error.status, parser.is_idle) == (status, False)
    assert parser.feed(SMUGGLED) == []


@FEEDS
@pytest.mark.parametrize("name", SOUND)
def test_a_sound_request_ends_where_it_should(name: str, feed: Feed) -> None:
    body, data = SOUND[name]
    first, second = parse(data + SMUGGLED, feed)
    assert (first.body, second.target) == (body, "/api/hello?name=smuggled")


@FEEDS
def test_the_requests_before_a_broken_one_stand(feed: Feed) -> None:
    parser = RequestParser(LIMITS)
    requests = feed(parser, get(target=b"/1") + get(target=b"/2") + b"\x00" + SMUGGLED)
    assert [request.target for request in requests] == ["/1", "/2"]
    assert isinstance(parser.error, HttpProtocolError)


@FEEDS
@pytest.mark.parametrize(
    "data",
    [
        get(b"Connection: close"),
        get(b"Connection: close, keep-alive"),
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: a\r\nConnection: close\r\n\r\n",
    ],
)
def test_nothing_is_read_after_the_last_request(data: bytes, feed: Feed) -> None:
    parser = RequestParser(LIMITS)
    (request,) = feed(parser, data + SMUGGLED)
    assert not request.keep_alive
    assert parser.error is None


@FEEDS
def test_a_request_as_values(feed: Feed) -> None:
    data = (
        b"\r\nPUT /a/b%20c?d=e&f HTTP/1.1\r\nhost: Example.org:80\r\nX-One: 1\r\nx-one:2 \r\n"
        b"Cookie: a=1\r\nCookie: b=2\r\nContent-Length: 3\r\n\r\nabc"
    )
    assert parse(data, feed) == [
        Request(
            method="PUT",
            target="/a/b%20c?d=e&f",
            headers={
                b"host": b"Example.org:80",
                b"x-one": b"1, 2",
                b"cookie": b"a=1; b=2",
                b"content-length": b"3",
            },
            body=b"abc",
            keep_alive=True,
            is_old=False,
        )
    ]


@FEEDS
def test_old_requests(feed: Feed) -> None:
    (request,) = parse(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", feed)
    assert (request.is_old, request.keep_alive) == (True, True)


@FEEDS
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (b"http://a/b?c=d", "/b?c=d"),
        (b"HTTP://a", "/"),
        (b"https://A?c=d", "/?c=d"),
        (b"//a/b", "//a/b"),
    ],
)
def test_targets_in_absolute_form(target: bytes, expected: str, feed: Feed) -> None:
    assert [request.target for request in parse(get(target=target), feed)] == [expected]


@FEEDS
def test_a_star_is_a_target_of_options(feed: Feed) -> None:
    (request,) = parse(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", feed)
    assert request.target == "*"


@FEEDS
def test_chunks_make_one_body_and_their_trailers_are_dropped(feed: Feed) -> None:
    data = post(CHUNKED, body=b"3;x=y\r\nabc\r\n002\r\nde\r\n0\r\nHost: b\r\nX: y\r\n\r\n")
    first, second = parse(data + get(target=b"/next"), feed)
    assert first.body == b"abcde"
    assert first.headers == {b"host": b"a", b"transfer-encoding": b"chunked"}
    assert second.headers == {b"host": b"a"}


@FEEDS
@pytest.mark.parametrize(
    ("data", "status"),
    [
        (post(b"Content-Length: 101"), 413),
        (post(CHUNKED, body=b"65\r\n" + b"a" * 101), 413),
        (post(CHUNKED, body=b"32\r\n%b\r\n33\r\n%b" % (b"a" * 50, b"b" * 51)), 413),
    ],
)
def test_a_large_body_is_refused_as_soon_as_that_is_known(
    data: bytes, status: int, feed: Feed
) -> None:
    parser = RequestParser(LIMITS)
    assert feed(parser, data) == []
    assert isinstance(parser.error, TooLargeError)
    assert parser.error.status == status


def test_a_body_at_its_limit_is_taken() -> None:
    (request,) = parse(post(b"Content-Length: 100", body=b"a" * 100))
    assert request.body == b"a" * 100


def test_what_chunks_waste_is_bounded() -> None:
    parser = RequestParser(LIMITS)
    parser.feed(post(CHUNKED))
    fed = 0
    while parser.error is None:
        parser.feed(b"1;" + b"x" * 2000)
        parser.feed(b"x" * 2000)
        fed += 4000
        assert fed < 200_000
    assert parser.error.status == 413


def test_an_endless_head_is_refused() -> None:
    parser = RequestParser(LIMITS)
    parser.feed(b"GET / HTTP/1.1\r\nX: ")
    fed = 0
    while parser.error is None:
        parser.feed(b"a" * 100)
        fed += 100
        assert fed < 5000
    assert parser.error.status == 431


def test_the_head_is_measured_also_behind_another_request() -> None:
    parser = RequestParser(LIMITS)
    big = post(b"Content-Length: 100", body=b"a" * 100)
    assert len(parser.feed(big * 12)) == 12
    parser.feed(big + get(b"X: " + b"a" * 990))
    assert parser.error is not None
    assert parser.error.status == 431


def test_states_between_requests() -> None:
    parser = RequestParser(LIMITS)
    assert (parser.is_idle, parser.has_head) == (True, False)
    parser.feed(b"\r\n")
    assert parser.is_idle
    parser.feed(b"PO")
    assert (parser.is_idle, parser.has_head) == (False, False)
    parser.feed(b"ST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na")
    assert (parser.is_idle, parser.has_head) == (False, True)
    assert len(parser.feed(b"b")) == 1
    assert (parser.is_idle, parser.has_head) == (True, False)
    assert len(parser.feed(get() + b"G")) == 1
    assert not parser.is_idle


@FEEDS
def test_who_waits_for_continue_is_told_apart(feed: Feed) -> None:
    parser = RequestParser(LIMITS)
    feed(parser, post(b"Expect: 100-Continue", b"Content-Length: 1"))
    assert parser.awaits_continue
    assert len(feed(parser, b"a")) == 1
    assert not parser.awaits_continue
    feed(parser, post(b"Expect: 100-continue", b"Content-Length: 0"))
    assert not parser.awaits_continue
    feed(parser, b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
    assert not parser.awaits_continue


UPGRADE = (b"Upgrade: websocket", b"Connection: Upgrade")
WS = frozenset({"/ws"})


@FEEDS
def test_an_upgrade_that_is_taken_has_all_that_was_sent(feed: Feed) -> None:
    data = get(*UPGRADE, target=b"/ws?a=b")
    parser = RequestParser(LIMITS, WS)
    (request,) = feed(parser, data)
    assert request.target == "/ws?a=b"
    assert request.upgrade == (
        b"GET /ws?a=b HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n"
    )
    assert parser.feed(SMUGGLED) == []
    (request,) = RequestParser(LIMITS, WS).feed(data + b"\x81\x00" + SMUGGLED)
    assert request.upgrade is not None
    assert request.upgrade.endswith(b"\r\n\r\n\x81\x00" + SMUGGLED)


@FEEDS
@pytest.mark.parametrize(
    "data",
    [
        get(*UPGRADE, target=b"/other"),
        get(b"Upgrade: h2c", b"Connection: Upgrade", target=b"/ws"),
        get(b"Upgrade: websocket", target=b"/ws"),
        get(*UPGRADE, b"Content-Length: 3", target=b"/ws") + b"abc",
        get(*UPGRADE, CHUNKED, target=b"/ws") + b"0\r\n\r\n",
        post(*UPGRADE, b"Content-Length: %d" % len(SMUGGLED), body=SMUGGLED),
        b"GET /ws HTTP/1.0\r\nUpgrade: websocket\r\nConnection: Upgrade, keep-alive\r\n\r\n",
    ],
)
def test_an_upgrade_that_is_not_taken_is_a_request_like_others(data: bytes, feed: Feed) -> None:
    first, second = parse(data + get(target=b"/next"), feed, WS)
    assert first.upgrade is None
    assert second.target == "/next"


def test_many_upgrades_at_once_are_no_recursion() -> None:
    data = get(b"Upgrade: h2c", b"Connection: Upgrade")
    assert len(parse(data * 2000)) == 2000


def test_a_last_request_may_ask_for_an_upgrade() -> None:
    parser = RequestParser(LIMITS)
    data = get(b"Upgrade: h2c", b"Connection: Upgrade, close")
    (request,) = parser.feed(data + SMUGGLED)
    assert not request.keep_alive


# Heads that are known already.


def test_known_fields_are_not_parsed_again() -> None:
    parser = RequestParser(LIMITS)
    first, second = (parser.feed(get(b"X: y", target=t))[0] for t in (b"/1", b"/2"))
    assert second.headers is first.headers
    assert (second.target, second.keep_alive, second.is_old, second.body) == (
        "/2",
        True,
        False,
        None,
    )


def test_a_known_head_has_a_body_of_its_own() -> None:
    parser = RequestParser(LIMITS)
    bodies = [
        parser.feed(post(b"Content-Length: 3", body=body))[0].body for body in (b"abc", b"def")
    ]
    assert bodies == [b"abc", b"def"]
    assert parser.feed(post(b"Content-Length: 3", body=b"gh")) == []
    assert parser.feed(b"i")[0].body == b"ghi"


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_request_is_refused_behind_known_ones(name: str) -> None:
    status, data = BROKEN[name]
    parser = RequestParser(LIMITS)
    for sane in (get(), get(), post(b"Content-Length: 3", body=b"abc")):
        assert len(parser.feed(sane)) == 1
    assert parser.feed(data + SMUGGLED) == []
    assert parser.error is not None
    assert parser.error.status == status


@pytest.mark.parametrize(
    "line",
    [
        b"GET /a b HTTP/1.1",
        b"GET /a\x00 HTTP/1.1",
        b"GET /a\x7f HTTP/1.1",
        b"GET /\xe4 HTTP/1.1",
        b"GET /#a HTTP/1.1",
        b"GET a HTTP/1.1",
        b"GET /\t HTTP/1.1",
        b"GET / HTTP/1.2",
        b"PROPFIND / HTTP/1.1",
        b"get / HTTP/1.1",
        b"GET /" + b"a" * 200 + b" HTTP/1.1",
        b"GET",
        b"",
    ],
)
def test_a_broken_line_before_known_fields_is_refused(line: bytes) -> None:
    parser = RequestParser(LIMITS)
    rest = get()[len(b"GET / HTTP/1.1") :]
    assert len(parser.feed(b"GET / HTTP/1.1" + rest)) == 1
    assert parser.feed(line + rest) == []
    if line:
        assert parser.error is not None


def test_another_version_before_known_fields_is_seen() -> None:
    parser = RequestParser(LIMITS)
    parser.feed(get())
    (request,) = parser.feed(get().replace(b"1.1", b"1.0"))
    assert request.is_old


def test_a_begun_request_is_gone_on_with_though_its_rest_looks_known() -> None:
    parser = RequestParser(LIMITS)
    assert len(parser.feed(get())) == 1
    assert parser.feed(b"GET /x HTTP/1.1\r\nX: ") == []
    (request,) = parser.feed(get())
    assert (request.target, request.headers[b"x"]) == ("/x", b"GET / HTTP/1.1")
    parser = RequestParser(LIMITS)
    assert len(parser.feed(get() + b"GE")) == 1
    assert parser.feed(get()) == []
    assert parser.error is not None


def test_clients_whose_heads_differ_are_not_remembered_for_ever() -> None:
    parser = RequestParser(LIMITS)
    for number in range(30):
        (request,) = parser.feed(get(b"X: %d" % number))
        assert request.headers[b"x"] == b"%d" % number
    parser.feed(get())
    assert parser.feed(get())[0].headers == {b"host": b"a"}


STREAMS = st.lists(
    st.sampled_from(
        [
            get(),
            get(target=b"/a?b=c"),
            get(b"X: y"),
            get(b"Connection: keep-alive"),
            get(b"Connection: close"),
            get(*UPGRADE),
            post(b"Content-Length: 3", body=b"abc"),
            post(b"Content-Length: 3", body=b"def"),
            post(CHUNKED, body=b"3\r\nabc\r\n0\r\n\r\n"),
            b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
            b"\r\n",
            get(target=b"/#"),
            post(b"Content-Length: 1000"),
        ]
    ),
    max_size=8,
)


@given(STREAMS, st.data())
def test_the_pieces_in_which_bytes_arrive_mean_nothing(
    stream: list[bytes], data: st.DataObject
) -> None:
    text = b"".join(stream)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    expected = RequestParser(LIMITS)
    wanted = expected.feed(text)
    parser = RequestParser(LIMITS)
    got = [
        request
        for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)
        for request in parser.feed(text[start:end])
    ]
    assert got == wanted
    assert getattr(parser.error, "status", None) == getattr(expected.error, "status", None)
    assert parser.is_idle == expected.is_idle


@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser(data: bytes) -> None:
    parser = RequestParser(LIMITS)
    parser.feed(get())
    parser.feed(data)
    parser.close()
    assert parser.feed(data) == []


class Sink(BodySink):
    """Keeps what is poured into it, and refuses what has a `!`."""

    is_full = False

    def __init__(self, limit: int = 200) -> None:
        self.limit = limit
        self.received = 0
        self.on_ready = None
        self.parts: list[bytes] = []
        self.ends = 0
        self.is_closed = False
        self.body: bytes | None = None

    def feed(self, part: bytes) -> None:
        self.received += len(part)
        self.parts.append(part)
        if b"!" in part:
            raise HttpProtocolError("no", 422)

    def end(self) -> bytes | None:
        self.ends += 1
        if self.received == 3:
            raise HttpProtocolError("three", 422)
        return self.body

    def close(self) -> None:
        self.is_closed = True


MULTIPART = b"Content-Type: Multipart/form-data; boundary=a"


def sinking(sink: Sink) -> RequestParser:
    return RequestParser(LIMITS, open_sink=lambda method, target, headers: sink)


@FEEDS
def test_a_body_is_poured_into_its_sink(feed: Feed) -> None:
    data = post(MULTIPART, b"Content-Length: 150", body=b"x" * 150)
    for rest in (b"", get()):
        sink = Sink()
        parser = sinking(sink)
        request = feed(parser, data + rest)[0]
        assert (request.body, request.sink, parser.sink) == (None, sink, None)
        assert (b"".join(sink.parts), sink.ends, sink.is_closed) == (b"x" * 150, 1, False)


@FEEDS
def test_a_sink_may_give_the_body_back(feed: Feed) -> None:
    sink = Sink()
    sink.body = b"unpacked"
    data = post(b"Content-Encoding: x", CHUNKED, body=b"4\r\nabcd\r\n0\r\n\r\n")
    for request in feed(sinking(sink), data + data):
        assert (request.body, request.sink) == (b"unpacked", None)


@FEEDS
@pytest.mark.parametrize(
    ("status", "data"),
    [
        (413, post(MULTIPART, b"Content-Length: 201")),
        (413, post(MULTIPART, CHUNKED, body=b"c9\r\n" + b"x" * 201)),
        (422, post(MULTIPART, b"Content-Length: 10", body=b"yes! 12345")),
        (422, post(MULTIPART, b"Content-Length: 3", body=b"abc")),
        (400, post(MULTIPART, CHUNKED, body=b"x\r\n")),
    ],
)
def test_what_a_sink_refuses_ends_the_input(status: int, data: bytes, feed: Feed) -> None:
    sink = Sink()
    parser = sinking(sink)
    assert feed(parser, data + SMUGGLED) == []
    assert parser.error is not None
    assert (parser.error.status, sink.is_closed, parser.sink) == (status, True, None)


def test_a_sink_is_closed_with_its_connection() -> None:
    sink = Sink()
    parser = sinking(sink)
    parser.feed(post(MULTIPART, b"Content-Length: 10", body=b"abc"))
    assert parser.sink is sink
    parser.close()
    assert sink.is_closed


@FEEDS
def test_a_body_behind_an_upgrade_that_nobody_takes_is_poured_once(feed: Feed) -> None:
    sink = Sink()
    data = post(*UPGRADE, MULTIPART, b"Content-Length: 4", body=b"abcd")
    (request,) = feed(sinking(sink), data)
    assert (request.sink, b"".join(sink.parts), sink.ends) == (sink, b"abcd", 1)


def test_plain_bodies_are_nobodys() -> None:
    parser = sinking(Sink())
    assert parser.feed(post(b"Content-Length: 4", body=b"abcd"))[0].body == b"abcd"
    assert parser.feed(get())[0].sink is None


def test_pipelined_requests_are_recalled_too() -> None:
    parser = RequestParser(LIMITS)
    first, *others = parser.feed(b"".join(get(target=b"/%d" % n) for n in range(5)))
    assert all(request.headers is first.headers for request in others)
    assert [request.target for request in (first, *others)] == [f"/{n}" for n in range(5)]


def test_an_upgrade_is_taken_though_the_same_fields_came_without_one_before() -> None:
    parser = RequestParser(LIMITS, WS)
    for _ in range(2):
        assert parser.feed(get(*UPGRADE, target=b"/other"))[0].upgrade is None
    assert parser.feed(get(*UPGRADE, target=b"/ws"))[0].upgrade is not None
    parser = RequestParser(LIMITS, WS)
    data = get(*UPGRADE, target=b"/other") * 2 + get(*UPGRADE, target=b"/ws")
    assert [request.upgrade is None for request in parser.feed(data)] == [True, True, False]
