"""What trusted proxies say of the client behind them: `X-Forwarded-For`, `-Proto` and `-Host`.

- Anybody can send these fields, so they are read only from the proxies that the settings name. They
  are read from the right, where each proxy adds what it saw: the first address that is no trusted
  proxy's is the client's, and what stands left of it is the client's invention.
- A field that cannot be read is as one that is not there.
- The host is checked like any: most proxies pass on an `X-Forwarded-Host` that the client made up.
"""

from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeAlias

from actionhero.errors import SettingsError
from actionhero.protocols.http1 import Peer
from actionhero.protocols.http1_origins import Hosts

UNIX = "unix"
"""Stands for whoever connects over a unix socket."""
_SCHEMES = frozenset(("http", "https"))
_Address: TypeAlias = IPv4Address | IPv6Address


class Proxies:
    """The trusted proxies: addresses, networks and `UNIX`. Raises `SettingsError` for others."""

    def __init__(self, names: Iterable[str], hosts: Hosts) -> None:
        self._hosts = hosts
        given = set(names)
        self._has_unix = UNIX in given
        try:
            self._networks = [ip_network(name) for name in given - {UNIX}]
        except ValueError as exc:
            raise SettingsError(
                f"web.trusted_proxies: {exc}; write an address, a network as 10.0.0.0/8, "
                f'or "{UNIX}" for those that connect over a unix socket'
            ) from exc

    def trust(self, peer: Peer) -> bool:
        """Whether one who has connected is a trusted proxy."""
        if not peer.ip:
            return self._has_unix
        address = _read_address(peer.ip)
        return address is not None and self._has(address)

    def look_behind(self, peer: Peer, headers: Mapping[bytes, bytes]) -> Peer:
        """The client whose request a trusted proxy, `peer`, has passed on.

        Raises `HttpProtocolError` for a host that is none, or none of ours.
        """
        address, hops = self._find_client(_parts(headers, b"x-forwarded-for"))
        scheme = _nth(_parts(headers, b"x-forwarded-proto"), hops).lower()
        host = _nth(_parts(headers, b"x-forwarded-host"), hops)
        if host:
            self._hosts.check(host.encode("latin-1"))
        return Peer(
            peer.ip if address is None else str(address),
            peer.port,
            scheme if scheme in _SCHEMES else peer.scheme,
            host,
        )

    def _find_client(self, hops: list[str]) -> tuple[_Address | None, int]:
        """The client, and how many proxies it is behind, beside the one that has connected."""
        found = None
        for passed, hop in enumerate(reversed(hops)):
            address = _read_address(hop)
            if address is None:
                return found, max(0, passed - 1)
            found = address
            if not self._has(address):
                return found, passed
        return found, max(0, len(hops) - 1)

    def _has(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


def _parts(headers: Mapping[bytes, bytes], name: bytes) -> list[str]:
    field = headers.get(name)
    return [] if field is None else [part.strip() for part in field.decode("latin-1").split(",")]


def _nth(parts: list[str], from_right: int) -> str:
    """What the proxy said that saw the client; the one nearest to it if not all of them say it."""
    return parts[-1 - min(from_right, len(parts) - 1)] if parts else ""


def _read_address(text: str) -> _Address | None:
    """An address, also with a port, and IPv4 in the clothes of IPv6; None for what is none."""
    if text.startswith("["):
        text = text[1 : text.find("]")]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    if "%" in text:  # a zone may be any text, and means nothing elsewhere
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
