import json

import pytest

from actionhero.errors import (
    ActionError,
    ActionHeroError,
    DrainingError,
    HttpProtocolError,
    InputProblem,
    InvalidInputError,
    MethodNotAllowedError,
    SettingsError,
    TooManyRequestsError,
)
from actionhero.protocols.http1_replies import (
    NO_TYPE,
    PROBLEM_TYPE,
    Answer,
    Heads,
    http_date,
    problem,
    read_constant,
    title_of,
)


@pytest.fixture
def heads() -> Heads:
    heads = Heads()
    heads.set_time(784111777)
    return heads


def test_a_reply(heads: Heads) -> None:
    assert heads.write(Answer(200, b"{}"), "id-1") == (
        b"HTTP/1.1 200 OK\r\n"
        b"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
        b"Content-Type: application/json\r\n"
        b"X-Request-Id: id-1\r\n"
        b"Content-Length: 2\r\n"
        b"\r\n"
        b"{}"
    )


def test_a_reply_with_fields_of_its_own(heads: Heads) -> None:
    answer = Answer(404, b"gone", "text/plain", (("X-One", "1"), ("X-Two", "zwölf")))
    reply = heads.write(answer, "i", b"Connection: close\r\n")
    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.splitlines()[0] == b"HTTP/1.1 404 Not Found"
    assert head.splitlines()[2:] == [
        b"Content-Type: text/plain",
        b"X-Request-Id: i",
        b"Content-Length: 4",
        b"Connection: close",
        b"X-One: 1",
        "X-Two: zwölf".encode(),
    ]
    assert body == b"gone"


def test_a_head_alone_tells_the_length_of_the_body(heads: Heads) -> None:
    reply = heads.write(Answer(200, b"{}"), "i", is_head=True)
    assert b"Content-Length: 2\r\n" in reply
    assert reply.endswith(b"\r\n\r\n")


def test_a_body_may_be_longer_than_its_beginning(heads: Heads) -> None:
    reply = heads.write(Answer(200, b"ab", length=10), "i")
    assert b"Content-Length: 10\r\n" in reply
    assert reply.endswith(b"\r\n\r\nab")


@pytest.mark.parametrize("status", [204, 304])
def test_replies_without_a_body(heads: Heads, status: int) -> None:
    reply = heads.write(Answer(status), "i", b"", True)
    assert b"Content-" not in reply.replace(b"X-Content-Type-Options", b"")
    assert reply.endswith(b"X-Request-Id: i\r\n\r\n")


def test_fields_of_every_reply_unless_it_has_its_own() -> None:
    constant = read_constant(("X-Frame-Options: DENY", "Referrer-Policy:  no-referrer"))
    heads = Heads("us", (*constant, ("Vary", "Origin")))
    heads.set_time(784111777)
    plain = heads.write(Answer(200), "i").splitlines()
    assert plain[2:7] == [
        b"Server: us",
        b"X-Frame-Options: DENY",
        b"Referrer-Policy: no-referrer",
        b"Vary: Origin",
        b"Content-Type: application/json",
    ]
    own = Answer(200, fields=(("x-frame-options", "SAMEORIGIN"), ("Vary", "Cookie")))
    shaped = heads.write(own, "i").splitlines()
    assert b"X-Frame-Options: DENY" not in shaped
    assert {b"x-frame-options: SAMEORIGIN", b"Vary: Origin", b"Vary: Cookie"} <= set(shaped)
    assert heads.write(Answer(200), "i").splitlines() == plain


@pytest.mark.parametrize("line", ["X-A", "X A: b", ": b", "X-A:", "X-A: b\r\nX: y", "X-A: é"])
def test_constant_fields_that_are_none(line: str) -> None:
    with pytest.raises(SettingsError, match=r"web\.security_headers"):
        read_constant((line,))


def test_a_reply_without_a_body_has_no_type(heads: Heads) -> None:
    assert b"Content-Type" not in heads.write(Answer(302, content_type=NO_TYPE), "i")


def test_an_unregistered_status_has_no_words(heads: Heads) -> None:
    assert heads.write(Answer(299), "i").startswith(b"HTTP/1.1 299 \r\n")
    assert title_of(299) == ""


def test_the_date_is_renewed() -> None:
    heads = Heads()
    for second in (0, 1):
        heads.set_time(second)
        assert b"Date: Thu, 01 Jan 1970 00:00:0%d GMT\r\n" % second in heads.write(Answer(200), "i")


def test_the_server_has_a_name_if_it_is_given_one() -> None:
    assert b"Server: hero\r\n" in Heads("hero").write(Answer(200), "i")


def test_dates() -> None:
    assert http_date(0.9) == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert http_date(951827696) == "Tue, 29 Feb 2000 12:34:56 GMT"


def test_a_problem() -> None:
    answer = problem(ActionError("you may not", code="forbidden", status=403), "i")
    assert (answer.status, answer.content_type, answer.fields) == (403, PROBLEM_TYPE, ())
    assert json.loads(answer.body) == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "code": "forbidden",
        "detail": "you may not",
        "errors": [],
        "requestId": "i",
    }


def test_a_problem_with_several_errors() -> None:
    answer = problem(InvalidInputError((InputProblem("a.b", "missing", "is required"),)), "i")
    shown = json.loads(answer.body)
    assert shown["errors"] == [{"path": "a.b", "code": "missing", "message": "is required"}]
    assert shown["detail"] == "a.b: is required"


@pytest.mark.parametrize(
    ("error", "fields"),
    [
        (MethodNotAllowedError("no", ("GET", "HEAD")), (("Allow", "GET, HEAD"),)),
        (TooManyRequestsError("slowly", retry_after=1.2), (("Retry-After", "2"),)),
        (TooManyRequestsError("slowly"), ()),
        (HttpProtocolError("no", 416, (("A", "b"),)), (("A", "b"),)),
        (DrainingError("later"), (("Retry-After", "1"),)),
    ],
)
def test_fields_that_belong_to_a_problem(
    error: ActionHeroError, fields: tuple[tuple[str, str], ...]
) -> None:
    assert problem(error, "i").fields == fields
