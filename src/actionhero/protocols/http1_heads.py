"""The rules for the head of a request that llhttp leaves open.

A request is taken only if every reader would frame it alike: exactly one `Host` in HTTP/1.1, no
`Transfer-Encoding` in HTTP/1.0 and none but `chunked`, never both framings (RFC 9112, 3.2 and
6.1). Each function raises the error that is to be answered.
"""

from collections.abc import Container

from actionhero.errors import HttpProtocolError
from actionhero.protocols.http1 import METHODS, Limits, Request
from actionhero.protocols.http1_origins import Hosts

_SINGLE = frozenset((b"host", b"content-type", b"content-length", b"transfer-encoding", b"expect"))
"""Fields that may not be repeated."""
UNKNOWN = -1
"""The length of a body that comes in chunks."""


def join_fields(name: bytes, first: bytes, second: bytes) -> bytes:
    """The value of a repeated field (RFC 9110, 5.3; cookies: RFC 9113, 8.2.3)."""
    if name in _SINGLE:
        raise HttpProtocolError(f"{name.decode()} is given more than once")
    return first + (b"; " if name == b"cookie" else b", ") + second


def read_is_old(version: str) -> bool:
    """Whether it is HTTP/1.0."""
    if version not in {"1.0", "1.1"}:
        raise HttpProtocolError(f"HTTP/{version} is not served; use 1.1", 505)
    return version == "1.0"


def check_host(host: bytes | None, is_old: bool, hosts: Hosts) -> None:
    """Check the field `Host`: there, well formed and one of ours."""
    if host is not None:
        hosts.check(host)
    elif not is_old:
        raise HttpProtocolError("HTTP/1.1 requires the field Host")


def measure_head(headers: dict[bytes, bytes], repeated: int, limits: Limits) -> None:
    """The exact count; asked for only where a head may be over a limit."""
    size = sum(len(name) + len(value) + 4 for name, value in headers.items())
    if size > limits.header_bytes or len(headers) + repeated > limits.headers:
        raise limits.head_error()


def read_length(headers: dict[bytes, bytes], is_old: bool) -> int:
    """The length of the body, or `UNKNOWN`; one of the two framings is there."""
    coding = headers.get(b"transfer-encoding")
    if coding is None:
        return int(headers[b"content-length"])
    if is_old:
        raise HttpProtocolError("HTTP/1.0 has no Transfer-Encoding")
    if coding.lower() != b"chunked":
        raise HttpProtocolError("no Transfer-Encoding but chunked is served", 501)
    return UNKNOWN


def read_expects(headers: dict[bytes, bytes], is_old: bool) -> bool:
    """Whether the client waits for `100 Continue` (RFC 9110, 10.1.1)."""
    expected = headers.get(b"expect")
    if expected is None or is_old:
        return False
    if expected.lower() != b"100-continue":
        raise HttpProtocolError("Expect: only 100-continue is served", 417)
    return headers.get(b"content-length") != b"0"


def read_target(target: str, method: str, host: bytes | None, hosts: Hosts) -> str:
    """An unusual target in origin form (RFC 9112, 3.2). One with a host of its own must name that
    of the field `Host`, as clients do: who reads one and who the other would not agree."""
    if "#" in target:
        raise HttpProtocolError("the target has a fragment (#)")
    if target == "*" and method == "OPTIONS":
        return target
    scheme, mark, rest = target.partition("://")
    if not mark or scheme.lower() not in {"http", "https"}:
        raise HttpProtocolError("the target is neither a path nor an http URL")
    authority = rest.partition("/")[0].partition("?")[0]
    own = authority.encode("latin-1")
    hosts.check(own)
    if host is not None and own.lower() != host.lower():
        raise HttpProtocolError("the host of the target is not that of the field Host")
    path = rest[len(authority) :]
    return path if path.startswith("/") else "/" + path


def is_upgrade(request: Request, upgrades: Container[str]) -> bool:
    """Whether another protocol may begin with a request that has `Upgrade`."""
    headers = request.headers
    return (
        request.method == "GET"
        and not request.is_old
        and headers[b"upgrade"].lower() == b"websocket"
        and request.target.partition("?")[0] in upgrades
        and b"transfer-encoding" not in headers
        and headers.get(b"content-length", b"0") == b"0"
    )


def target_error(limits: Limits) -> HttpProtocolError:
    """What to answer where the target is too long."""
    return HttpProtocolError(f"the target is longer than {limits.target_bytes} bytes", 414)


def spaces_error() -> HttpProtocolError:
    """What to answer where the parts of the first line are not apart by one space each
    (RFC 9112, 3: a reader that is lenient there may be led to see another request)."""
    return HttpProtocolError(
        "the first line is not a method, a target and a version, with one space between each"
    )


def method_error(method: bytes) -> HttpProtocolError:
    """What to answer to a method that llhttp knows and we do not."""
    return HttpProtocolError(
        f"the method {method.decode('latin-1')} is not served; use {', '.join(METHODS)}", 501
    )
