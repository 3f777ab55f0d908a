"""One client: who it is, what it holds, and what it may still ask for.

A WebSocket or TCP client has one connection for as long as it stays; an HTTP request and a
command-line call have one each. An action receives it by naming the type: `connection: Connection`.
"""

import itertools
import os
import secrets
import time
from collections.abc import Mapping
from typing import Any

from actionhero.messages import Transport

_FRAMING = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"})
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


class Connection:
    """A client as the actions see it.

    `params` are TCP's sticky parameters. `method` and `headers` (names in lower case) are those
    of the HTTP request; `status` and `reply_headers` shape the HTTP reply; elsewhere they are
    empty and mean nothing. `max_pending` bounds how many actions may run for it at once.
    """

    __slots__ = (
        "_headers",
        "_id",
        "connected_at",
        "max_pending",
        "method",
        "params",
        "pending_actions",
        "remote_ip",
        "remote_port",
        "reply_headers",
        "rooms",
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
    ) -> None:
        self._id: str | None = None
        self.transport = transport
        self.remote_ip = remote_ip
        self.remote_port = remote_port
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

    @property
    def id(self) -> str:
        """Unique across the cluster."""
        if self._id is None:
            self._id = new_id()
        return self._id

    @property
    def headers(self) -> Mapping[str, str]:
        """The header fields of the HTTP request, by their names in lower case."""
        return self._headers or {}

    def set_status(self, status: int) -> None:
        """The HTTP status of a successful reply, 200 to 399; 200 if never set."""
        if not 200 <= status <= 399:
            raise ValueError(f"status must be 200 to 399, not {status}; raise ActionError to fail")
        self.status = status

    def set_header(self, name: str, value: str) -> None:
        """Add a header to the HTTP reply. Raises `ValueError` for what would break the message."""
        if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"{name!r} is not a header name")
        if name.lower() in _FRAMING:
            raise ValueError(f"{name} frames the reply and is set by the server alone")
        if any(sign in value for sign in "\r\n\0") or not value.isprintable():
            raise ValueError(f"the value of {name} has a control character: {value!r}")
        if self.reply_headers is None:
            self.reply_headers = []
        self.reply_headers.append((name, value))

    def __repr__(self) -> str:
        return f"<Connection {self.id} {self.transport} {self.remote_ip}:{self.remote_port}>"
