"""One client: who it is, what it holds, and what it may still ask for.

A WebSocket or TCP client has one connection for as long as it stays; an HTTP request and a
command-line call have one each. An action receives it by naming the type: `connection: Connection`.
"""

import itertools
import os
import secrets
import time
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

from msgspec import Struct

from actionhero.clock import Duration, parse_duration
from actionhero.messages import Push, Transport
from actionhero.protocols.http1_cookies import SameSite, read_cookies, write_cookie

_FRAMING = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"})
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_URL_SIGNS = "!#$%&'()*+,/:;=?@[]~"
_prefix = ""
_next_number = itertools.count(1).__next__


def new_id() -> str:
    """An id unique across processes: a random prefix of this process and a growing number."""
    return f"{_prefix}{_next_number()}"


def _renew_prefix() -> None:
    global _prefix  # noqa: PLW0603  a forked server must not go on with its parent's ids
    _prefix = f"{secrets.token_hex(8)}-"


_renew_prefix()
os.register_at_fork(after_in_child=_renew_prefix)


class FileReply(Struct, frozen=True):
    """A file that is the reply. `name`: the client is to keep it, under that name."""

    path: str
    name: str | None = None


class Hearer(Protocol):
    """The client of a connection that stays, as the rooms know it."""

    hears_own: bool
    """Whether it gets what it says in a room itself."""

    def hear(self, push: Push) -> bool:
        """Send a text; or return False and send nothing, since the client leaves too much unread.
        As soon as it can take more, `Rooms.catch_up` is to be called."""
        ...


class Connection:
    """A client as the actions see it.

    `remote_ip`, `scheme` ("http" or "https") and `host` are as the client sees them: behind one of
    `web.trusted_proxies`, as that says. `remote_port` is that of whoever has connected here.
    `params` are TCP's sticky parameters. `method` and `headers` (names in lower case) are those
    of the HTTP request; `status`, `reply_headers` and `reply_file` shape the HTTP reply; elsewhere
    they are empty and mean nothing. `max_pending` bounds how many actions may run for it at once.
    `session_id` is that of a session that the connection has of its own.
    """

    __slots__ = (
        "_headers",
        "_hearer",
        "_id",
        "connected_at",
        "forwarded_host",
        "max_pending",
        "method",
        "params",
        "pending_actions",
        "remote_ip",
        "remote_port",
        "reply_file",
        "reply_headers",
        "rooms",
        "scheme",
        "session_id",
        "status",
        "total_actions",
        "transport",
    )

    def __init__(
        self,
        transport: Transport,
        remote_ip: str = "",
        remote_port: int = 0,
        *,
        method: str = "",
        headers: Mapping[str, str] | None = None,
        max_pending: int = 1,
        scheme: str = "",
        forwarded_host: str = "",
    ) -> None:
        self._id: str | None = None
        self.transport = transport
        self.remote_ip = remote_ip
        self.remote_port = remote_port
        self.scheme = scheme
        self.forwarded_host = forwarded_host
        self.session_id: str | None = None
        self.method = method
        self._headers = headers
        self.max_pending = max_pending
        self.connected_at = time.time()
        self.params: dict[str, Any] = {}
        self.rooms: list[str] = []
        self.total_actions = 0
        self.pending_actions = 0
        self.status: int | None = None
        self.reply_headers: list[tuple[str, str]] | None = None
        self.reply_file: FileReply | None = None

    @property
    def id(self) -> str:
        """Unique across the cluster."""
        if self._id is None:
            self._id = new_id()
        return self._id

    @property
    def hearer(self) -> Hearer | None:
        """Who sends it what is said in rooms; None for a connection that does not stay."""
        hearer: Hearer | None = getattr(self, "_hearer", None)
        return hearer

    @hearer.setter
    def hearer(self, hearer: Hearer | None) -> None:
        self._hearer = hearer

    @property
    def headers(self) -> Mapping[str, str]:
        """The header fields of the HTTP request, by their names in lower case."""
        return self._headers or {}

    @property
    def host(self) -> str:
        """The host, and its port if it is an unusual one, that the HTTP client has asked for."""
        return self.forwarded_host or self.headers.get("host", "")

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that came with the HTTP request, by name."""
        return read_cookies(self.headers.get("cookie", ""))

    @property
    def last_event_id(self) -> str | None:
        """The id of the last event of a stream that the HTTP client has seen before it came again;
        None if this is the first time."""
        given = self.headers.get("last-event-id", "")
        try:
            return given.encode("latin-1").decode() or None
        except UnicodeError:
            return given

    def set_status(self, status: int) -> None:
        """The HTTP status of a successful reply, 200 to 399; 200 if never set."""
        if not 200 <= status <= 399:
            raise ValueError(f"status must be 200 to 399, not {status}; raise ActionError to fail")
        self.status = status

    def set_header(self, name: str, value: str) -> None:
        """Add a header to the HTTP reply. Raises `ValueError` for what would break the message.

        With a `Content-Type` that is not JSON, a text that the action returns is sent as it is.
        """
        if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"{name!r} is not a header name")
        if name.lower() in _FRAMING:
            raise ValueError(f"{name} frames the reply and is set by the server alone")
        if any(sign in value for sign in "\r\n\0") or not value.isprintable():
            raise ValueError(f"the value of {name} has a control character: {value!r}")
        if self.reply_headers is None:
            self.reply_headers = []
        self.reply_headers.append((name, value))

    def redirect(self, url: str, status: int = 302) -> None:
        """Send the HTTP client to `url`; what the action returns is not sent.

        302 and 303 are followed with a GET, 307 and 308 with the same method and body; 301 and
        308 are kept by browsers for good. Raises `ValueError` for a `url` with a sign that would
        end the header, and for another status. A `url` out of an input sends the client wherever
        that says: allow only what you know.
        """
        if status not in _REDIRECTS:
            raise ValueError(f"status must be 301, 302, 303, 307 or 308, not {status}")
        if not url or not url.isprintable() or " " in url:
            raise ValueError(f"{url!r} is not a URL: it has a space or a control character")
        others = [field for field in self.reply_headers or () if field[0] != "Location"]
        self.reply_headers = others
        self.set_header("Location", quote(url, safe=_URL_SIGNS))
        self.status = status

    def set_cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: Duration | None = None,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        http_only: bool = True,
        same_site: SameSite = "Lax",
    ) -> None:
        """Give the HTTP client a cookie for `max_age`, or until its browser is closed.

        Scripts do not see it unless `http_only=False`. Raises `ValueError` for what a cookie may
        not hold and what browsers would drop.
        """
        seconds = None if max_age is None else round(parse_duration(max_age))
        line = write_cookie(
            name,
            value,
            max_age=seconds,
            path=path,
            domain=domain,
            secure=secure,
            http_only=http_only,
            same_site=same_site,
        )
        self.set_header("Set-Cookie", line)

    def delete_cookie(
        self, name: str, *, path: str = "/", domain: str | None = None, secure: bool = False
    ) -> None:
        """Have the client forget a cookie; `path` and `domain` are those that it was set with."""
        self.set_cookie(name, "", max_age=0, path=path, domain=domain, secure=secure)

    def send_file(self, path: str | os.PathLike[str], *, name: str | None = None) -> None:
        """Answer the HTTP request with a file; what the action returns is not sent.

        A relative `path` is one below `web.public`, an absolute one must be below that or one of
        `web.file_roots`. What is outside of them, hidden or missing is answered with 404, so that
        a `path` made of inputs reads nothing else. `name`: the client keeps it as a download.
        """
        self.reply_file = FileReply(os.fspath(path), name)

    def __repr__(self) -> str:
        return f"<Connection {self.id} {self.transport} {self.remote_ip}:{self.remote_port}>"
