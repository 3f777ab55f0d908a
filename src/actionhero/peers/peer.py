"""What is said of a server, and what servers say to each other."""

from typing import Any, Final, Literal

from msgspec import Raw, Struct


class Peer(Struct, frozen=True):
    """A server. `started_at` in milliseconds since the epoch; `functions` may be called on it;
    `load` is how many actions run there, tasks are held and clients are connected."""

    id: str
    host: str
    pid: int
    started_at: int
    version: str
    roles: tuple[str, ...]
    functions: tuple[str, ...]
    load: dict[str, int]


class PeerEvent(Struct, frozen=True):
    """A server came (`peer` describes it) or went."""

    kind: Literal["joined", "left"]
    server: str
    peer: Peer | None = None


class PeerReply(Struct, frozen=True):
    """What one server answered: a value ("ok"), an error, or nothing in time ("timeout")."""

    server: str
    status: Literal["ok", "error", "timeout"]
    value: Any = None
    error: dict[str, str] | None = None


class _Target:
    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


ALL: Final = _Target("ALL")
"""Every live server that has the function."""
ANY: Final = _Target("ANY")
"""One of them."""
Target = _Target | str
"""`ALL`, `ANY`, or the id of a server."""


class Message(Struct, omit_defaults=True):
    """What goes over the channels: one came (`peer`), one `left` (`server`), a `call` of `name`
    with `args`, to be answered on `reply_to`; a `reply` of `server`, with `value` or `error`."""

    kind: Literal["joined", "left", "call", "reply"]
    id: str = ""
    server: str = ""
    peer: Peer | None = None
    name: str = ""
    args: Raw = Raw(b"{}")
    reply_to: str = ""
    value: Raw = Raw(b"null")
    error: dict[str, str] | None = None
