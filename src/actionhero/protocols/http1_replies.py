"""Replies into bytes: the head, and errors as problem details (RFC 9457).

The parts of a head that stay the same for a second (status, date, content type, and the fields
that every reply has) are kept ready; `set_time` renews them.
"""

import re
from collections.abc import Iterable
from http import HTTPStatus
from math import ceil
from time import gmtime

from msgspec import Struct, structs

from actionhero.codec import encode_json
from actionhero.errors import (
    ActionHeroError,
    HttpProtocolError,
    MethodNotAllowedError,
    SettingsError,
    TooManyRequestsError,
)

JSON_TYPE = "application/json"
PROBLEM_TYPE = "application/problem+json"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
NO_TYPE = ""
"""The content type of a reply without a body."""
Fields = tuple[tuple[str, str], ...]

_BODILESS = frozenset((204, 304))
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_FIELD = re.compile(r"([A-Za-z0-9-]+): *([\x20-\x7e]+)")
_TITLES = {status.value: status.phrase for status in HTTPStatus}


class Answer(Struct, frozen=True, gc=False):
    """What a request is answered with. `length` is the body's own where `body` is not all of it
    (a file that follows)."""

    status: int
    body: bytes = b""
    content_type: str = JSON_TYPE
    fields: Fields = ()
    length: int | None = None


class Heads:
    """Writes the heads of a server's replies. `constant` are fields that each of them has, unless
    it has one of the name itself."""

    def __init__(self, server_name: str = "", constant: Fields = ()) -> None:
        server = (("Server", server_name),) if server_name else ()
        self._constant = (*server, *constant)
        self._names = {name.lower() for name, _ in constant if name != "Vary"}
        self._starts: dict[tuple[int, str], bytes] = {}
        self._date = ""

    def set_time(self, now: float) -> None:
        """Date the replies that follow; `now` in seconds since the epoch."""
        date = http_date(now)
        if date != self._date:
            self._date = date
            self._starts = {}

    def write(
        self, answer: Answer, request_id: str, connection: bytes = b"", is_head: bool = False
    ) -> bytes:
        """A whole reply; with `is_head` its head alone. `connection` is a line that says whether
        the connection stays open."""
        start = self._starts.get((answer.status, answer.content_type)) or self._start(answer)
        if answer.fields:
            connection += _lines(answer.fields)
            if not self._names.isdisjoint(name.lower() for name, _ in answer.fields):
                start = self._write_start(answer)
        if answer.status in _BODILESS:
            return b"%b%b\r\n%b\r\n" % (start, request_id.encode(), connection)
        body = answer.body
        length = answer.length
        return b"%b%b\r\nContent-Length: %d\r\n%b\r\n%b" % (
            start,
            request_id.encode(),
            len(body) if length is None else length,
            connection,
            b"" if is_head else body,
        )

    def open(self, answer: Answer, request_id: str, lines: bytes) -> bytes:
        """The head of a reply whose length nobody knows yet; `lines` say how it will end."""
        start = self._write_start(answer)
        return b"%b%b\r\n%b%b\r\n" % (start, request_id.encode(), lines, _lines(answer.fields))

    def _start(self, answer: Answer) -> bytes:
        """What is the same in all replies of a status and type for a second."""
        start = self._write_start(structs.replace(answer, fields=()))
        self._starts[answer.status, answer.content_type] = start
        return start

    def _write_start(self, answer: Answer) -> bytes:
        status, kind = answer.status, answer.content_type
        own = {name.lower() for name, _ in answer.fields} & self._names
        constant = tuple(field for field in self._constant if field[0].lower() not in own)
        if kind and status not in _BODILESS:
            constant += (("Content-Type", kind),)
        line = f"HTTP/1.1 {status} {title_of(status)}\r\nDate: {self._date}\r\n"
        return line.encode() + _lines(constant) + b"X-Request-Id: "


def problem(error: ActionHeroError, request_id: str) -> Answer:
    """An error as problem details, with the header fields that belong to its status."""
    body = {
        "type": "about:blank",
        "title": title_of(error.status),
        "status": error.status,
        "code": error.code,
        "detail": error.message,
        "errors": error.problems,
        "requestId": request_id,
    }
    return Answer(error.status, encode_json(body), PROBLEM_TYPE, _fields_of(error))


def title_of(status: int) -> str:
    """The status in words; empty for one that is not registered."""
    return _TITLES.get(status, "")


def http_date(when: float) -> str:
    """A time in seconds since the epoch as header fields show it (RFC 9110, 5.6.7)."""
    t = gmtime(when)
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year:04} "
        f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} GMT"
    )


def read_constant(lines: Iterable[str]) -> Fields:
    """Fields out of the texts of a setting, each as `Name: value`. Raises `SettingsError`."""
    fields = []
    for line in lines:
        found = _FIELD.fullmatch(line)
        if found is None:
            raise SettingsError(
                f"web.security_headers: {line!r} is not a header field; write it as 'Name: value'"
            )
        fields.append((found[1], found[2]))
    return tuple(fields)


def _fields_of(error: ActionHeroError) -> Fields:
    if isinstance(error, MethodNotAllowedError):
        return (("Allow", ", ".join(error.allow)),)
    if isinstance(error, HttpProtocolError) and error.fields:
        return error.fields
    if isinstance(error, TooManyRequestsError) and error.retry_after is not None:
        return (("Retry-After", str(ceil(error.retry_after))),)
    if error.status == 426:  # the one protocol to which connections are upgraded here
        return (("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"))
    if error.status == 503:
        return (("Retry-After", "1"),)
    return ()


def _lines(fields: Fields) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in fields).encode()
