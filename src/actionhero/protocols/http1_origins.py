"""Who may ask from where: the hosts that a server answers to, and the origins of CORS.

Both are lists of what is allowed, compared whole: a name that only looks like one of them, or
ends or begins like it, is another one.

- **Hosts.** A page that has its own name resolve to 127.0.0.1 (DNS rebinding) is told from the
  real one by the `Host` it sends. A server that listens on a loopback address alone therefore
  answers to loopback names only, unless it is told which.
- **Origins.** A listed one is named in the reply, and may send cookies if that is set; `*` stands
  for all others, never with cookies. `null` is no origin that can be listed: every sandbox has it.
"""

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_address

from actionhero.errors import HttpProtocolError, SettingsError
from actionhero.protocols.http1_replies import Fields

_AUTHORITY = re.compile(rb"(?:[A-Za-z0-9._~%!$&'()*+,;=-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?")
"""A host, perhaps with a port (RFC 3986, 3.2); one without a name is none (RFC 9110, 4.2.1)."""
_LOOPBACK = ("localhost", "*.localhost", "127.0.0.1", "[::1]")
_HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\]")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s,;\"]+")
_TOKENS = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~ ,-]{1,1000}")
_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE"
_EXPOSED = "Content-Disposition, Content-Range, ETag, Location, Retry-After, X-Request-Id"
"""The fields of a reply that scripts of other origins may read."""


class Hosts:
    """The hosts that are answered to. Without names, all of them."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._exact: set[str] = set()
        self._endings: tuple[str, ...] = ()
        self._is_any = True
        for name in names:
            self._add(name.lower())

    def _add(self, name: str) -> None:
        if name == "*":
            self._exact.add(name)
        elif not _HOST.fullmatch(name):
            raise SettingsError(
                f"web.hosts: {name!r} is not a host; write a name without port, "
                "as example.org, or *.example.org for all below it"
            )
        elif name.startswith("*."):
            self._endings += (name[1:],)
        else:
            self._exact.add(name)
        self._is_any = "*" in self._exact

    def check(self, host: bytes) -> None:
        """Raises `HttpProtocolError` for what is no host (400) or none of ours (421)."""
        if not _AUTHORITY.fullmatch(host):
            raise HttpProtocolError("the field Host is not a host")
        if self._is_any:
            return
        name = _without_port(host.decode("latin-1").lower())
        if name not in self._exact and not (self._endings and name.endswith(self._endings)):
            raise HttpProtocolError(
                f"this server does not answer to the host {name[:100]!r}; "
                "its setting web.hosts lists those it does",
                421,
            )


ALL_HOSTS = Hosts()


def hosts_of(names: tuple[str, ...], address: str) -> Hosts:
    """The hosts of a server that listens on `address`: `names`, or what is safe there."""
    if names or not _is_loopback(address):
        return Hosts(names)
    return Hosts((*_LOOPBACK, f"[{address}]" if ":" in address else address))


class Origins:
    """The origins that may read replies. Raises `SettingsError` for what cannot be one."""

    def __init__(self, names: Iterable[str], *, credentials: bool, max_age: float) -> None:
        self._lines: dict[bytes, bytes] = {}
        self._others = b""
        self._max_age = f"{max_age:.0f}"
        exposed = f"Access-Control-Expose-Headers: {_EXPOSED}\r\n".encode()
        for name in names:
            if name == "*":
                self._others = b"Access-Control-Allow-Origin: *\r\n" + exposed
                continue
            origin = name.lower().encode()
            if not _ORIGIN.fullmatch(name.lower()):
                raise SettingsError(
                    f"web.cors_origins: {name!r} is not an origin; "
                    "write scheme, host and port alone, as https://example.org"
                )
            lines = b"Access-Control-Allow-Origin: %b\r\n" % origin + exposed
            if credentials:
                lines += b"Access-Control-Allow-Credentials: true\r\n"
            self._lines[origin] = lines

    @property
    def differ(self) -> bool:
        """Whether replies differ by origin, so that they have `Vary: Origin`."""
        return bool(self._lines)

    def lines(self, headers: Mapping[bytes, bytes]) -> bytes:
        """The header lines of a reply to a request with these fields; none if its origin may not
        read it, or it has none."""
        origin = headers.get(b"origin")
        return b"" if origin is None else self._lines.get(origin, self._others)

    def preflight(self, headers: Mapping[bytes, bytes]) -> Fields:
        """The further fields for a browser that asks, by OPTIONS, whether a request may be made;
        none if that is not what it asks, or it comes from an origin that is not allowed."""
        if b"access-control-request-method" not in headers or not self.lines(headers):
            return ()
        asked = headers.get(b"access-control-request-headers", b"").decode("latin-1")
        allowed = (("Access-Control-Allow-Headers", asked),) if _TOKENS.fullmatch(asked) else ()
        return (
            ("Access-Control-Allow-Methods", _METHODS),
            *allowed,
            ("Access-Control-Max-Age", self._max_age),
            ("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers"),
        )


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[: host.find("]") + 1]
    return host.partition(":")[0].rstrip(".")


def _is_loopback(address: str) -> bool:
    if address == "localhost":
        return True
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
