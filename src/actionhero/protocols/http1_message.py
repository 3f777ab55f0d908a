"""One request of an input, as llhttp calls out what it finds.

What is refused is noted as `error`, and raised out of the callback, which stops llhttp.
"""

import httptools

from actionhero.errors import ActionHeroError, HttpProtocolError
from actionhero.protocols.http1 import (
    METHODS,
    BodySink,
    Limits,
    Request,
    SinkOpener,
    body_error,
    is_multipart,
)
from actionhero.protocols.http1_heads import (
    UNKNOWN,
    check_host,
    join_fields,
    measure_head,
    method_error,
    read_expects,
    read_is_old,
    read_length,
    read_target,
    target_error,
)
from actionhero.protocols.http1_origins import Hosts

_METHODS_BY_BYTES = {name.encode(): name for name in METHODS}


class MessageReader:
    """What has been read of a request, and those that are complete; see `RequestParser`."""

    __slots__ = (
        "_body",
        "_fed",
        "_headers",
        "_host",
        "_hosts",
        "_is_done",
        "_is_old",
        "_keep_alive",
        "_left",
        "_limits",
        "_method",
        "_open_sink",
        "_parser",
        "_ready",
        "_repeated",
        "_request_headers",
        "_target",
        "_url",
        "awaits_continue",
        "error",
        "has_head",
        "is_idle",
        "sink",
    )

    def __init__(self, limits: Limits, hosts: Hosts, open_sink: SinkOpener | None) -> None:
        self._limits = limits
        self._open_sink = open_sink
        self._hosts = hosts
        self._ready: list[Request] = []
        self._is_done = False
        self._host = b"/"  # the last one that was seen to be right
        self.error: ActionHeroError | None = None
        self.sink: BodySink | None = None
        self._restart()

    def _restart(self) -> None:
        """A parser at the start of a request."""
        self._parser = httptools.HttpRequestParser(self)
        self._headers: dict[bytes, bytes] = {}
        self._repeated = self._fed = self._left = 0
        self._url = b""
        self._body: bytes | bytearray | None = None
        self.is_idle = True
        self.has_head = self.awaits_continue = False

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
        if (
            self._open_sink is not None
            and (b"content-encoding" in headers or is_multipart(headers))
            and not self._parser.should_upgrade()  # else it will be read again
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
