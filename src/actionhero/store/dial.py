"""How a link comes to be: connect, introduce ourselves, look at who answers.

An engine older than Redis 6.2 or Valkey 7.2 is refused, and so are a cluster node and a Sentinel;
the client warns of an eviction policy other than `noeviction`. A replica and a store that is still
loading its data count as unavailable: both pass.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import Any

import msgspec

from actionhero.errors import (
    SettingsError,
    StoreEngineError,
    StoreError,
    StoreReplyError,
    StoreUnavailableError,
)
from actionhero.store.link import Command, Link
from actionhero.store.url import StoreUrl

_OLDEST = {"valkey": (7, 2), "redis": (6, 2)}


class Engine(msgspec.Struct, frozen=True):
    """Who answers: `name` is `valkey` or `redis`, `pid` its process id where it is told."""

    name: str
    version: str
    pid: int | None = None
    eviction: str = "noeviction"
    """What is thrown away when the memory is full; `noeviction` where it has no bound."""
    run: str = ""
    """Another one each time it is started, where it is told."""

    def __str__(self) -> str:
        return f"{self.name.capitalize()} {self.version}"


async def dial(
    url: StoreUrl,
    *,
    timeout: float,
    stall_timeout: float,
    on_lost: Callable[[Link, str], None] | None = None,
    on_push: Callable[[list[Any]], None] | None = None,
) -> tuple[Link, Engine]:
    """A link that is ready to use. Raises `StoreUnavailableError` if there is nobody there or not
    within `timeout` seconds, `StoreEngineError` for an engine we refuse, and `StoreReplyError` for
    credentials it refuses."""
    link: Link | None = None
    try:
        async with asyncio.timeout(timeout):
            link = await _open(url, Link(asyncio.get_running_loop(), stall_timeout, None, on_push))
            engine = await _introduce(link, url)
    except TimeoutError:
        _abandon(link)
        raise StoreUnavailableError(
            f"no connection to the store at {url.masked()} within {timeout:.2g} s"
        ) from None
    except ssl.SSLCertVerificationError as error:
        raise StoreEngineError(
            f"the certificate of the store at {url.masked()} is not trusted "
            f"({error.verify_message}); name its authority with ?ssl_ca_certs=FILE in store.url"
        ) from error
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise StoreUnavailableError(
            f"no connection to the store at {url.masked()}: {reason}"
        ) from error
    except BaseException:
        _abandon(link)
        raise
    link.on_lost = on_lost
    if link.lost is not None:
        raise StoreUnavailableError(link.lost)
    return link, engine


def _abandon(link: Link | None) -> None:
    if link is not None:
        link.lose("the connection was not finished")


async def _open(url: StoreUrl, link: Link) -> Link:
    loop = asyncio.get_running_loop()
    if url.kind == "embedded":
        raise SettingsError("an embedded store is opened by open_store, not connected to")
    if url.kind == "unix":
        await loop.create_unix_connection(lambda: link, url.path)
    else:
        await loop.create_connection(
            lambda: link, url.host, url.port, ssl=tls_context(url) if url.tls else None
        )
    return link


def tls_context(url: StoreUrl) -> ssl.SSLContext:
    """How to speak TLS with the store. Raises `SettingsError` for files that cannot be read."""
    try:
        context = ssl.create_default_context(cafile=url.ssl_ca_certs)
        if url.ssl_certfile is not None:
            context.load_cert_chain(url.ssl_certfile, url.ssl_keyfile)
    except OSError as error:
        raise SettingsError(f"a certificate named in store.url cannot be read: {error}") from error
    if url.ssl_cert_reqs == "none":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _introduce(link: Link, url: StoreUrl) -> Engine:
    hello, info, ping, *selected = await link.send_many(
        [
            hello_command(url),
            ("INFO", "default"),
            ("PING",),
            *([("SELECT", url.db)] if url.db else []),
        ]
    )
    engine = _checked_engine(hello, info)
    for reply in (ping, *selected):
        if isinstance(reply, StoreError):
            raise reply
    return engine


def hello_command(url: StoreUrl) -> Command:
    """The first command of every connection."""
    name = ("SETNAME", "actionhero")
    if url.password is None:
        return ("HELLO", 3, *name)
    return ("HELLO", 3, "AUTH", url.username or "default", url.password, *name)


def _checked_engine(hello: object, info: object) -> Engine:
    if isinstance(hello, StoreReplyError) and "unknown command" in str(hello).lower():
        raise StoreEngineError("the store is older than Redis 6.2 / Valkey 7.2; upgrade it")
    if isinstance(hello, StoreReplyError) and hello.kind in {"WRONGPASS", "NOAUTH", "NOPERM"}:
        raise StoreReplyError(f"{hello} (look at the user and password in store.url)")
    if isinstance(hello, StoreError):
        raise hello
    if not isinstance(hello, dict):
        raise StoreEngineError("what answers at the store's address is not a Valkey/Redis server")
    facts = _facts(info)
    valkey = facts.get("valkey_version")  # Valkey 7.2 greets as Redis does
    engine = Engine(
        "valkey" if valkey else hello[b"server"].decode(),
        valkey or hello[b"version"].decode(),
        int(facts["process_id"]) if "process_id" in facts else None,
        "noeviction"
        if facts.get("maxmemory") == "0"
        else facts.get("maxmemory_policy", "noeviction"),
        facts.get("run_id", ""),
    )
    _check_version(engine)
    _check_role(hello[b"mode"], hello[b"role"])
    return engine


def _facts(info: object) -> dict[str, str]:
    """INFO's `name:value` lines; empty if we may not ask."""
    if not isinstance(info, bytes):
        return {}
    lines = info.decode("utf-8", "replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def _check_version(engine: Engine) -> None:
    oldest = _OLDEST.get(engine.name, (6, 2))
    numbers = tuple(int(part) for part in engine.version.split(".")[:2] if part.isdigit())
    if numbers < oldest:
        raise StoreEngineError(
            f"the store is {engine}; at least Valkey 7.2 or Redis 6.2 is needed: upgrade it"
        )


def _check_role(mode: bytes, role: bytes) -> None:
    if mode != b"standalone":
        raise StoreEngineError(
            f"the store runs in {mode.decode()} mode, which is planned, but not there yet; "
            "use a standalone Valkey/Redis server"
        )
    if role != b"master":
        raise StoreUnavailableError("the store is a replica, which takes no writes")
