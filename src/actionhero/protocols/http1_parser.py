"""HTTP/1.1 requests out of bytes: llhttp does the parsing, the rules it leaves open are ours.

- llhttp in its strict mode refuses bare LF, folded lines, odd lengths and the like; `http1_heads`
  has what it takes too leniently, `http1_known` spares it what was parsed before.
- It is fed in pieces that hold no more than one request (`http1_pieces`).
- Everything is bounded: target, head, number of fields, body, and what a chunked body may waste.
- The first error ends the input: what follows it is never read as a request.
- An upgrade that nobody takes is no upgrade: the request is read again without that field, as
  llhttp would take its body for the next request.
"""

from collections.abc import Container

import httptools
from msgspec import structs

from actionhero.errors import ActionHeroError, HttpProtocolError
from actionhero.protocols.http1 import (
    METHODS,
    BodySink,
    Limits,
    Request,
    SinkOpener,
    body_error,
    is_multipart,
    write_head,
)
from actionhero.protocols.http1_heads import (
    UNKNOWN,
    check_host,
    is_upgrade,
    join_fields,
    measure_head,
    method_error,
    read_expects,
    read_is_old,
    read_length,
    read_target,
    spaces_error,
    target_error,
)
from actionhero.protocols.http1_known import KnownHead
from actionhero.protocols.http1_origins import ALL_HOSTS, Hosts
from actionhero.protocols.http1_pieces import Pieces

_METHODS_BY_BYTES = {name.encode(): name for name in METHODS}
_WASTE = 64 * 1024
"""Bytes that the chunk heads of a body may take, beside four times the body's limit."""


class RequestParser:
    """The input of one connection.

    `upgrades` are the paths where another protocol may begin, `hosts` those that are answered
    to; `open_sink` is asked who takes in a body of several parts, or a packed one. `error` is set
    once the input cannot be read on; the requests before it still stand.
    `is_idle`: there is no error and no request has begun. `has_head`: the body of one is awaited.
    `awaits_continue`: the client waits for `100 Continue` before that; who answers sets it back.
    `sink` takes the body in, if it is one for that.
    """

    __slots__ = (
        "_body",
        "_fed",
        "_headers",
        "_host",
        "_hosts",
        "_is_done",
        "_is_old",
        "_keep_alive",
        "_known",
        "_left",
        "_limits",
        "_method",
        "_open_sink",
        "_parser",
        "_pieces",
        "_ready",
        "_repeated",
        "_request_headers",
        "_target",
        "_upgrades",
        "_url",
        "awaits_continue",
        "error",
        "has_head",
        "is_idle",
        "sink",
    )

    def __init__(
        self,
        limits: Limits,
        upgrades: Container[str] = (),
        hosts: Hosts = ALL_HOSTS,
        open_sink: SinkOpener | None = None,
    ) -> None:
        self._limits = limits
        self._open_sink = open_sink
        self._hosts = hosts
        self._upgrades = upgrades
        self._ready: list[Request] = []
        self._is_done = False
        self._host = b"/"  # the last one that was seen to be right
        self.error: ActionHeroError | None = None
        self.sink: BodySink | None = None
        self._known = KnownHead(limits.target_bytes)
        self._restart()

    def feed(self, data: bytes) -> list[Request]:
        """Take bytes in; the requests that are complete with them, in order."""
        if self._is_done:
            return []
        end = data.find(b"\r\n")
        known = self._known
        if self.is_idle and len(data) == end + known.size and data.startswith(known.block, end):
            request = known.recall(data, end)
            if request is not None:
                return [request]
        was_idle = self.is_idle
        self._parse(data)
        ready = self._ready
        self._ready = []
        if len(ready) == 1 and was_idle and self.is_idle:
            known.remember(ready[0], data, end)
        return ready

    def close(self) -> None:
        """Let go of llhttp; nothing may be fed any more."""
        self._is_done = True
        self._drop_sink()
        del self._parser  # it refers back to this object

    def _restart(self) -> None:
        """A parser at the start of a request."""
        self._parser = httptools.HttpRequestParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._pieces = Pieces()
        self._repeated = self._fed = self._left = 0
        self._url = b""
        self._body: bytes | bytearray | None = None
        self.is_idle = True
        self.has_head = self.awaits_continue = False

    @property
    def taken(self) -> int:
        """Bytes that have come of the request that is read."""
        return self._fed

    # In pieces.

    def _parse(self, data: bytes) -> None:
        start = 0
        while start < len(data) and not self._is_done:
            end = self._end_of_piece(data, start)
            piece = data[start:end]
            self._fed += len(piece)
            try:
                if self._pieces.spaces > 2:
                    raise self._refuse(spaces_error())
                self._parser.feed_data(piece)
            except httptools.HttpParserUpgrade:  # comes with the end of a head, so of the piece
                self._read_on(data, end)
            except (httptools.HttpParserError, HttpProtocolError) as exc:
                self._stop(exc)
            start = end
        if not self.is_idle and not self._is_done:
            self._check_unfinished()

    def _end_of_piece(self, data: bytes, start: int) -> int:
        if self.has_head and self._left != UNKNOWN:
            return min(len(data), start + self._left)
        if self.is_idle:
            self._fed = 0
            return self._pieces.begin(data, start)
        return self._pieces.go_on(data, start)

    def _check_unfinished(self) -> None:
        """Bound what an unfinished request has taken so far."""
        limits = self._limits
        if self.has_head:
            most = self.sink.limit if self.sink is not None else limits.body_bytes
            if self._fed > limits.header_bytes + most * 4 + _WASTE:
                self._stop(self._refuse(body_error(most)))
        elif self._fed > limits.header_bytes + limits.target_bytes:
            self._stop(self._refuse(limits.head_error()))

    # Errors.

    def _stop(self, error: Exception) -> None:
        """Read no more. Data after a request that closes the connection is simply not read."""
        self._is_done = True
        self.is_idle = False
        self._headers = {}
        self._body = None
        self._drop_sink()
        if self._ready and not self._ready[-1].keep_alive:
            self.is_idle = self.error is None
        if self.error is not None or self.is_idle:
            return
        if isinstance(error, httptools.HttpParserCallbackError):
            raise error  # a fault of ours, not of the request
        self.error = HttpProtocolError(f"the request cannot be read: {error}")

    def _drop_sink(self) -> None:
        if self.sink is not None:
            self.sink.close()
            self.sink = None

    def _refuse(self, error: ActionHeroError) -> ActionHeroError:
        """Make `error` the one that is answered; raised out of the callbacks, it stops llhttp."""
        self.error = error
        return error

    # What llhttp calls.

    def on_message_begin(self) -> None:
        self.is_idle = False

    def on_url(self, part: bytes) -> None:
        self._url = url = self._url + part if self._url else part
        if len(url) > self._limits.target_bytes:
            raise self._refuse(target_error(self._limits))

    def on_header(self, name: bytes, value: bytes) -> None:
        name, value, headers = name.lower(), value.rstrip(b" \t"), self._headers
        if name in headers:
            self._repeated += 1
            try:
                value = join_fields(name, headers[name], value)
            except ActionHeroError as exc:
                raise self._refuse(exc) from None
        headers[name] = value

    def on_headers_complete(self) -> None:
        try:
            self._take_head()
        except ActionHeroError as exc:
            raise self._refuse(exc) from None

    def _take_head(self) -> None:
        parser, headers, limits = self._parser, self._headers, self._limits
        try:
            self._method = method = _METHODS_BY_BYTES[parser.get_method()]
        except KeyError:
            raise method_error(parser.get_method()) from None
        self._keep_alive = parser.should_keep_alive()
        self._is_old = is_old = (not self._keep_alive or b"connection" in headers) and read_is_old(
            parser.get_http_version()
        )
        host = headers.get(b"host")
        if host is None or host != self._host:
            check_host(host, is_old, self._hosts)
            self._host = host or self._host
        if self._repeated or len(headers) > limits.headers or self._fed > limits.header_bytes:
            measure_head(headers, self._repeated, limits)
        self._target = target = self._url.decode("latin-1")
        if target[0] != "/" or "#" in target:
            self._target = read_target(target, method, host, self._hosts)
        if b"content-length" in headers or b"transfer-encoding" in headers:
            self._await_body(headers)
        self._request_headers = headers
        self._headers = {}  # trailers are read and dropped
        self._repeated = 0
        self.has_head = True

    def _await_body(self, headers: dict[bytes, bytes]) -> None:
        self._left = read_length(headers, self._is_old)
        self.awaits_continue = read_expects(headers, self._is_old)
        most = self._limits.body_bytes
        if self._open_sink is not None and (
            b"content-encoding" in headers or is_multipart(headers)
        ):
            self.sink = self._open_sink(self._method, self._target, headers)
            if self.sink is not None:
                most = self.sink.limit
        if self._left > most:
            raise body_error(most)

    def on_body(self, part: bytes) -> None:
        if self._left != UNKNOWN:
            self._left -= len(part)
        if self.sink is not None:
            self._pour(self.sink, part)
            return
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

    def _pour(self, sink: BodySink, part: bytes) -> None:
        try:
            sink.feed(part)
            if sink.received > sink.limit:
                raise body_error(sink.limit)
        except ActionHeroError as exc:
            raise self._refuse(exc) from None

    def on_message_complete(self) -> None:
        body, sink = self._body, self.sink
        if body is not None:
            self._body = None
            if not isinstance(body, bytes):
                body = bytes(body)
        elif sink is not None:
            try:
                body = sink.end()
            except ActionHeroError as exc:
                raise self._refuse(exc) from None
            self.sink = None
        self._ready.append(
            Request(
                self._method,
                self._target,
                self._request_headers,
                body,
                self._keep_alive,
                self._is_old,
                None,
                sink if body is None else None,
            )
        )
        self._url = b""
        self.has_head = self.awaits_continue = False
        self.is_idle = True
        if self._headers:
            self._headers = {}
        if not self._keep_alive:
            self._is_done = True

    # Upgrades.

    def _read_on(self, data: bytes, end: int) -> None:
        """Hand over the request whose head has just come, with all that follows its `end`; or read
        that head again without its upgrade."""
        request = self._ready.pop()
        self._restart()
        if is_upgrade(request, self._upgrades):
            self._is_done = True
            head = write_head(request, request.headers)
            self._ready.append(structs.replace(request, upgrade=head + data[end:]))
            return
        self._is_done = False
        headers = {name: value for name, value in request.headers.items() if name != b"upgrade"}
        head = write_head(request, headers)
        self._fed = len(head)
        try:
            self._parser.feed_data(head)
        except httptools.HttpParserError as exc:
            self._stop(exc)
