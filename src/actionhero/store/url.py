"""`store.url`: where the store is, as text and as a value.

    embedded:.actionhero            our own server, its data in that directory (the default)
    embedded:                       our own server, nothing on disk (also `embedded::memory:`)
    valkey://user:pw@host:6379/0    TCP; `redis://` means the same
    valkeys://host:6379/0           TLS; `rediss://` means the same; options as redis-py names them:
                                    ?ssl_cert_reqs=none&ssl_ca_certs=…&ssl_certfile=…&ssl_keyfile=…
    unix:///run/valkey.sock?db=0    a Unix socket

A password is never shown: neither `repr` nor `str` nor an error message has it.
"""

import re
from typing import Any, Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import msgspec

from actionhero.errors import SettingsError

MEMORY = ":memory:"
_PLANNED = {"sentinel": "Sentinel", "cluster": "Cluster"}
_TCP = {"valkey": False, "redis": False, "valkeys": True, "rediss": True}
_TLS_OPTIONS = ("ssl_cert_reqs", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
_DEFAULT_PORT = 6379


class StoreUrl(msgspec.Struct, frozen=True):
    """Where the store is. `path` is the socket's (`unix`) or the data directory (`embedded`; empty
    for nothing on disk)."""

    kind: Literal["embedded", "tcp", "unix"]
    host: str = ""
    port: int = _DEFAULT_PORT
    path: str = ""
    db: int = 0
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ssl_cert_reqs: Literal["required", "none"] = "required"
    ssl_ca_certs: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None

    def masked(self) -> str:
        """The URL without its password, for logs and messages."""
        if self.kind == "embedded":
            return f"embedded:{self.path or MEMORY}"
        user = self.username or ""
        login = f"{user}:***@" if self.password is not None else f"{user}@" if user else ""
        if self.kind == "unix":
            return f"unix://{login}{self.path}" + (f"?db={self.db}" if self.db else "")
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"valkey{'s' if self.tls else ''}://{login}{host}:{self.port}/{self.db}"

    __str__ = masked

    def __repr__(self) -> str:
        return f"<StoreUrl {self.masked()}>"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [("url", self.masked())]


def parse_store_url(text: str) -> StoreUrl:
    """`text` as a value. Raises `SettingsError` that says what is wrong and what may be written."""
    scheme, colon, rest = text.strip().partition(":")
    scheme = scheme.lower()
    if colon and scheme == "embedded":
        return StoreUrl(kind="embedded", path="" if rest == MEMORY else rest.removeprefix("//"))
    if scheme in _PLANNED:
        raise SettingsError(
            f"store.url {_shown(text)!r}: {_PLANNED[scheme]} is planned, but not there yet; "
            "use valkey://host:6379/0 of the primary"
        )
    if scheme not in _TCP and scheme != "unix":
        raise SettingsError(
            f"store.url {_shown(text)!r} is not known; write embedded:.actionhero, "
            "valkey://host:6379/0, valkeys://host:6379/0 or unix:///path/to.sock"
        )
    try:
        return _parse_network(scheme, urlsplit(text.strip()))
    except ValueError as error:
        raise SettingsError(f"store.url {_shown(text)!r}: {error}") from None


def _parse_network(scheme: str, parts: SplitResult) -> StoreUrl:
    options = _options(parts.query, ("db",) if scheme == "unix" else _TLS_OPTIONS)
    username, password = _credentials(parts)
    if scheme == "unix":
        if not parts.path.startswith("/"):
            raise ValueError("a Unix socket needs an absolute path, as in unix:///run/valkey.sock")
        db = _database(options.get("db", "0"))
        return StoreUrl("unix", "", 0, unquote(parts.path), db, username, password)
    tls = _TCP[scheme]
    if options and not tls:
        raise ValueError(f"{', '.join(options)} only mean something with {scheme}s://")
    fields = {
        "kind": "tcp",
        "host": parts.hostname or "localhost",
        "port": parts.port if parts.port is not None else _DEFAULT_PORT,
        "db": _database(parts.path.strip("/") or "0"),
        "username": username,
        "password": password,
        "tls": tls,
        **options,
    }
    return msgspec.convert(fields, StoreUrl)


def _credentials(parts: SplitResult) -> tuple[str | None, str | None]:
    password = None if parts.password is None else unquote(parts.password)
    return unquote(parts.username or "") or None, password


def _database(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"the database must be a number from 0, not {text!r}")
    return int(text)


def _options(query: str, known: tuple[str, ...]) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in known:
            raise ValueError(f"the option {name!r} is not known; there are: {', '.join(known)}")
    return options


def _shown(text: str) -> str:
    """`text` without what may be a password."""
    return re.sub(r"//[^/]*@", "//***@", text)
