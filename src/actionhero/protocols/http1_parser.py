"""HTTP/1.1 requests out of bytes: llhttp does the parsing, the rules it leaves open are here.

- A request is taken only if every reader would frame it alike: exactly one `Host` in HTTP/1.1,
  no `Transfer-Encoding` in HTTP/1.0 and none but `chunked`, never both framings (RFC 9112, 3.2
  and 6.1). llhttp in its strict mode refuses bare LF, folded lines, odd lengths and the like.
- Everything is bounded: target, head, number of fields, body, and what a chunked body may waste.
- The first error ends the input: what follows it is never read as a request.
- An upgrade that nobody takes is no upgrade: the request is read again without that field, as
  llhttp would take its body for the next request.
- Clients send the same header fields again and again. Where a request has, byte for byte, those
  of an earlier one of the connection, only its first line is new, and llhttp need not run.
"""

from collections.abc import Container

import httptools
from msgspec import structs

from actionhero.errors import ActionHeroError, HttpProtocolError
from actionhero.protocols.http1 import METHODS, Limits, Request, write_head
from actionhero.protocols.http1_origins import ALL_HOSTS, Hosts

_METHODS = frozenset(METHODS)
_METHODS_BY_BYTES = {name.encode(): name for name in METHODS}
_SINGLE = frozenset((b"host", b"content-type", b"content-length", b"transfer-encoding", b"expect"))
"""Fields that may not be repeated."""
_SPECIAL = frozenset((b"expect", b"transfer-encoding", b"upgrade"))
"""Fields that concern one message; a request with any of them is always parsed in full."""
_MOST_MISSES = 8
"""After so many requests in a row with other header fields, no more of them are remembered."""
_WASTE = 64 * 1024
"""Bytes that the chunk heads of a body may take, beside four times the body's limit."""


class RequestParser:
    """The input of one connection.

    `upgrades` are the paths where another protocol may begin, `hosts` those that are answered
    to. `error` is set once the input cannot be read on; the requests before it still stand.
    `is_idle`: there is no error and no request has begun. `has_head`: the body of one is awaited.
    `awaits_continue`: the client waits for `100 Continue` before that; who answers sets it back.
    """

    __slots__ = (
        "_block",
        "_block_size",
        "_body",
        "_carry",
        "_chunk",
        "_fed",
        "_headers",
        "_host",
        "_hosts",
        "_is_done",
        "_is_old",
        "_keep_alive",
        "_known",
        "_limits",
        "_method",
        "_misses",
        "_parser",
        "_ready",
        "_repeated",
        "_request_headers",
        "_size",
        "_target",
        "_upgrades",
        "_url",
        "awaits_continue",
        "error",
        "has_head",
        "is_idle",
    )

    def __init__(
        self, limits: Limits, upgrades: Container[str] = (), hosts: Hosts = ALL_HOSTS
    ) -> None:
        self._limits = limits
        self._hosts = hosts
        self._upgrades = upgrades
        self._fed = self._carry = self._chunk = 0
        self._ready: list[Request] = []
        self._is_done = False
        self._host = b"/"  # the last one that was seen to be right
        self.error: ActionHeroError | None = None
        self.is_idle = True
        self._block = b""  # the header fields of a request that was taken, as they came
        self._size = -1  # their length, and that of the body after them
        self._block_size = self._misses = 0
        self._known: dict[bytes, bytes] = {}  # what they say
        self._restart()

    def feed(self, data: bytes) -> list[Request]:
        """Take bytes in; the requests that are complete with them, in order."""
        if self._is_done:
            return []
        end = data.find(b"\r\n")
        if self.is_idle and len(data) == end + self._size and data.startswith(self._block, end):
            request = self._recall(data, end)
            if request is not None:
                return [request]
        was_idle = self.is_idle
        self._parse(data)
        ready = self._ready
        self._ready = []
        if len(ready) == 1 and was_idle and self.is_idle and self._misses < _MOST_MISSES:
            self._misses += 1
            self._remember(ready[0], data, end)
        return ready

    def _parse(self, data: bytes) -> None:
        self._chunk = len(data)
        self._fed += self._chunk
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            self._after_upgrade(data[exc.args[0] :])
        except httptools.HttpParserError as exc:
            self._stop(exc)
        if not self.is_idle:
            self._check_unfinished()

    def _recall(self, data: bytes, end: int) -> Request | None:
        """A request that differs from an earlier one of this connection in its first line and
        body alone, and so is framed as that one was. None if llhttp must look at it."""
        line = data[:end].decode("latin-1")
        parts = line.split(" ")
        if (
            len(parts) != 3
            or parts[0] not in _METHODS
            or parts[2] != "HTTP/1.1"
            or parts[1][:1] != "/"
            or "#" in line
            or not (line.isascii() and line.isprintable())
            or end > self._limits.target_bytes
        ):
            return None
        self._misses = 0
        return Request(parts[0], parts[1], self._known, data[end + self._block_size :] or None)

    def _remember(self, request: Request, data: bytes, end: int) -> None:
        """Keep the head of a plain request: clients seldom send another on the same connection.
        Where they do, this gives up soon."""
        headers = request.headers
        if not request.keep_alive or request.is_old or not headers.keys().isdisjoint(_SPECIAL):
            return
        line = f"{request.method} {request.target} HTTP/1.1".encode("latin-1")
        block_end = data.find(b"\r\n\r\n", end) + 4
        length = int(headers.get(b"content-length", 0))
        if data[:end] == line and len(data) == block_end + length:
            self._block = data[end:block_end]
            self._block_size = len(self._block)
            self._size = self._block_size + length
            self._known = headers

    def close(self) -> None:
        """Let go of llhttp; nothing may be fed any more."""
        self._is_done = True
        del self._parser  # it refers back to this object

    def _restart(self) -> None:
        """A parser at the start of a request."""
        self._parser = httptools.HttpRequestParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._repeated = 0
        self._url = b""
        self._body: bytes | bytearray | None = None
        self.has_head = self.awaits_continue = False

    def _stop(self, error: Exception) -> None:
        """Read no more. Data after a request that closes the connection is simply not read."""
        self._is_done = True
        self.is_idle = False
        self._headers = {}
        self._body = None
        if self._ready and not self._ready[-1].keep_alive:
            self.is_idle = self.error is None
        if self.error is not None or self.is_idle:
            return
        if isinstance(error, httptools.HttpParserCallbackError):
            raise error  # a fault of ours, not of the request
        self.error = HttpProtocolError(f"the request cannot be read: {error}")

    def _refuse(self, error: ActionHeroError) -> ActionHeroError:
        """Make `error` the one that is answered; raised out of the callbacks, it stops llhttp."""
        self.error = error
        return error

    def _check_unfinished(self) -> None:
        """Bound what an unfinished request has taken so far."""
        limits = self._limits
        if self._is_done:
            return
        if self.has_head:
            if self._fed > limits.header_bytes + limits.body_bytes * 4 + _WASTE:
                self._stop(self._refuse(limits.body_error()))
        elif self._fed > limits.header_bytes + limits.target_bytes:
            self._stop(self._refuse(limits.head_error()))

    # What llhttp calls.

    def on_message_begin(self) -> None:
        self.is_idle = False

    def on_url(self, part: bytes) -> None:
        self._url = url = self._url + part if self._url else part
        if len(url) > self._limits.target_bytes:
            raise self._refuse(
                HttpProtocolError(
                    f"the target is longer than {self._limits.target_bytes} bytes", 414
                )
            )

    def on_header(self, name: bytes, value: bytes) -> None:
        name, value, headers = name.lower(), value.rstrip(b" \t"), self._headers
        if name in headers:
            value = self._join(name, headers[name], value)
        headers[name] = value

    def on_headers_complete(self) -> None:
        parser = self._parser
        headers = self._headers
        try:
            self._method = _METHODS_BY_BYTES[parser.get_method()]
        except KeyError:
            raise self._refuse(_unserved_method(parser.get_method())) from None
        self._keep_alive = parser.should_keep_alive()
        self._is_old = False
        if not self._keep_alive or b"connection" in headers:
            self._read_version()
        host = headers.get(b"host")
        if host != self._host or host is None:
            self._check_host(host)
        limits = self._limits
        if (
            self._repeated
            or len(headers) > limits.headers
            or self._fed + self._carry > limits.header_bytes
        ):
            self._measure_head()
        if b"content-length" in headers or b"transfer-encoding" in headers:
            self._check_framing(headers)
        self._target = target = self._url.decode("latin-1")
        if target[0] != "/" or "#" in target:
            self._target = self._read_target(target)
        self._request_headers = headers
        self._headers = {}  # trailers are read and dropped
        self._repeated = 0
        self.has_head = True

    def on_body(self, part: bytes) -> None:
        body = self._body
        if body is None:
            self._body = body = part
        elif isinstance(body, bytes):
            self._body = body = bytearray(body)
            body += part
        else:
            body += part
        if len(body) > self._limits.body_bytes:
            raise self._refuse(self._limits.body_error())

    def on_message_complete(self) -> None:
        body = self._body
        if body is not None:
            self._body = None
            if not isinstance(body, bytes):
                body = bytes(body)
        self._ready.append(
            Request(
                self._method,
                self._target,
                self._request_headers,
                body,
                self._keep_alive,
                self._is_old,
            )
        )
        self._url = b""
        self.has_head = self.awaits_continue = False
        self.is_idle = True
        self._fed = 0
        self._carry = self._chunk
        if self._headers:
            self._headers = {}
        if not self._keep_alive:
            self._is_done = True

    # The rules for a head.

    def _join(self, name: bytes, first: bytes, second: bytes) -> bytes:
        """The value of a repeated field (RFC 9110, 5.3; cookies: RFC 9113, 8.2.3)."""
        self._repeated += 1
        if name in _SINGLE:
            raise self._refuse(HttpProtocolError(f"{name.decode()} is given more than once"))
        return first + (b"; " if name == b"cookie" else b", ") + second

    def _read_version(self) -> None:
        version = self._parser.get_http_version()
        if version not in {"1.0", "1.1"}:
            raise self._refuse(HttpProtocolError(f"HTTP/{version} is not served; use 1.1", 505))
        self._is_old = version == "1.0"

    def _check_host(self, host: bytes | None) -> None:
        if host is None:
            if not self._is_old:
                raise self._refuse(HttpProtocolError("HTTP/1.1 requires the field Host"))
        else:
            self._check_authority(host)
            self._host = host

    def _check_authority(self, host: bytes) -> None:
        try:
            self._hosts.check(host)
        except HttpProtocolError as exc:
            raise self._refuse(exc) from None

    def _measure_head(self) -> None:
        """The exact count; asked for only when a head may be over a limit."""
        limits = self._limits
        size = sum(len(name) + len(value) + 4 for name, value in self._headers.items())
        if size > limits.header_bytes or len(self._headers) + self._repeated > limits.headers:
            raise self._refuse(limits.head_error())

    def _check_framing(self, headers: dict[bytes, bytes]) -> None:
        coding = headers.get(b"transfer-encoding")
        if coding is not None:
            if self._is_old:
                raise self._refuse(HttpProtocolError("HTTP/1.0 has no Transfer-Encoding"))
            if coding.lower() != b"chunked":
                raise self._refuse(
                    HttpProtocolError("no Transfer-Encoding but chunked is served", 501)
                )
        elif int(headers[b"content-length"]) > self._limits.body_bytes:
            raise self._refuse(self._limits.body_error())
        expected = headers.get(b"expect")
        if expected is not None and not self._is_old:
            if expected.lower() != b"100-continue":
                raise self._refuse(HttpProtocolError("Expect: only 100-continue is served", 417))
            self.awaits_continue = headers.get(b"content-length") != b"0"

    def _read_target(self, target: str) -> str:
        """An unusual target in origin form (RFC 9112, 3.2)."""
        if "#" in target:
            raise self._refuse(HttpProtocolError("the target has a fragment (#)"))
        if target == "*" and self._method == "OPTIONS":
            return target
        scheme, mark, rest = target.partition("://")
        if not mark or scheme.lower() not in {"http", "https"}:
            raise self._refuse(HttpProtocolError("the target is neither a path nor an http URL"))
        authority = rest.partition("/")[0].partition("?")[0]
        self._check_authority(authority.encode("latin-1"))  # it counts more than the field Host
        path = rest[len(authority) :]
        return path if path.startswith("/") else "/" + path

    # Upgrades.

    def _after_upgrade(self, rest: bytes) -> None:
        """Hand the request over, or read it and the rest on without its upgrade.

        A loop and no recursion: the rest may hold many more of them.
        """
        while True:
            request = self._ready.pop()
            self._restart()
            if self._is_taken(request):
                self._is_done = True
                head = write_head(request, request.headers)
                self._ready.append(structs.replace(request, upgrade=head + rest))
                return
            headers = {n: v for n, v in request.headers.items() if n != b"upgrade"}
            rest = write_head(request, headers) + rest
            self._is_done = False
            self._fed = self._chunk = len(rest)
            try:
                self._parser.feed_data(rest)
            except httptools.HttpParserUpgrade as exc:
                rest = rest[exc.args[0] :]
            except httptools.HttpParserError as exc:
                self._stop(exc)
                return
            else:
                return

    def _is_taken(self, request: Request) -> bool:
        headers = request.headers
        return (
            request.method == "GET"
            and not request.is_old
            and headers[b"upgrade"].lower() == b"websocket"
            and request.target.partition("?")[0] in self._upgrades
            and b"transfer-encoding" not in headers
            and headers.get(b"content-length", b"0") == b"0"
        )


def _unserved_method(method: bytes) -> HttpProtocolError:
    return HttpProtocolError(
        f"the method {method.decode('latin-1')} is not served; use {', '.join(METHODS)}", 501
    )
