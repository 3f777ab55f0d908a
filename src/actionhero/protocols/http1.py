"""HTTP/1.1 as values: a request, and a connection that goes on in another protocol.

The bytes of requests are read by `http1_parser`, those of replies written by `http1_replies`.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, TypeAlias

from msgspec import Struct

from actionhero.errors import HttpProtocolError, TooLargeError
from actionhero.messages import Words

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
"""The methods that are served."""


class Limits(Struct, frozen=True):
    """Bytes of the target, of all header fields and of the body; the number of header fields."""

    target_bytes: int
    header_bytes: int
    headers: int
    body_bytes: int

    def head_error(self) -> HttpProtocolError:
        """What to answer where a head is over these."""
        return HttpProtocolError(
            f"the header fields are more than {self.headers} or longer than "
            f"{self.header_bytes} bytes",
            431,
        )

    def body_error(self) -> TooLargeError:
        """What to answer where a body is."""
        return body_error(self.body_bytes)


def body_error(limit: int) -> TooLargeError:
    """What to answer where a body is over `limit`."""
    return TooLargeError(f"the body is larger than {limit} bytes")


def is_multipart(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the body has several parts."""
    kind = headers.get(b"content-type")
    return kind is not None and kind[:10].lower() == b"multipart/"


class BodySink(Protocol):
    """What takes in a body that is not simply kept: an upload, or one that must be unpacked.

    `limit`: bytes that may be sent; `received`: those that were. `is_full`: no more is to come
    before `on_ready` is called, once. `feed` and `end` raise an `ActionHeroError` to refuse it.
    """

    limit: int
    received: int
    on_ready: Callable[[], None] | None

    @property
    def is_full(self) -> bool: ...

    def feed(self, part: bytes) -> None:
        """Take a part in."""
        ...

    def end(self) -> bytes | None:
        """The body is complete: what the request has as its body; None if that stays here."""
        ...

    def close(self) -> None:
        """Drop what is here; called also where the body never ends."""
        ...


SinkOpener: TypeAlias = Callable[[str, str, Mapping[bytes, bytes]], BodySink | None]
"""What takes in the body of a request with this method, target and header fields; None if it is
to be kept as it comes. Raises an `ActionHeroError` to refuse it."""


class Peer(NamedTuple):
    """Whom a request comes from: by what the socket says, or a trusted proxy. `ip` is empty over a
    unix socket; `host` is the one that a proxy says, else empty."""

    ip: str = ""
    port: int = 0
    scheme: str = "http"
    host: str = ""


class Request(Struct, frozen=True, gc=False):
    """One request. `target` is in origin form (or `*`), still percent-encoded; `headers` has
    lower-case names; `is_old` is HTTP/1.0. `upgrade` is the request as bytes, with all that came
    after it, if it asks for another protocol where one is served. `sink` has the body if that is
    not here."""

    method: str
    target: str
    headers: dict[bytes, bytes]
    body: bytes | None = None
    keep_alive: bool = True
    is_old: bool = False
    upgrade: bytes | None = None
    sink: BodySink | None = None


class UpgradeRequest(Struct, frozen=True):
    """A connection that asks to go on in another protocol.

    `transport` is the `asyncio.Transport`; it is reading, and all earlier requests are answered.
    `headers` has lower-case names, repeated ones joined by ", ". `head` is the request as bytes,
    with whatever came in after it. Call `on_lost` once, when the connection has ended.
    """

    transport: object
    path: str
    words: Words
    headers: Mapping[str, str]
    head: bytes
    peer: Peer
    request_id: str
    on_lost: Callable[[], None]


Upgrade: TypeAlias = Callable[[UpgradeRequest], None]
"""Takes a connection over: sets its protocol on the transport and feeds it `head`.

To refuse, raise an `ActionHeroError` before touching the transport: it is answered over HTTP and
the connection closed.
"""


def write_head(request: Request, headers: Mapping[bytes, bytes]) -> bytes:
    """The head of a request with these header fields, as a client would send it."""
    version = "1.0" if request.is_old else "1.1"
    line = f"{request.method} {request.target} HTTP/{version}\r\n".encode("latin-1")
    return line + b"".join(b"%b: %b\r\n" % field for field in headers.items()) + b"\r\n"
