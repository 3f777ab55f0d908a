"""Where a page comes from that has a browser ask: whether it is one of the server's own.

A browser says so with every request that could do harm, in `Origin` (RFC 6454, 7) and, over HTTPS
and on this machine, in `Sec-Fetch-Site` (Fetch Metadata); no page can change that.
"""

from collections.abc import Container, Mapping

_PORTS = {"http": ":80", "https": ":443"}


def comes_from(
    headers: Mapping[str, str], host: str, scheme: str, trusted: Container[str]
) -> bool | None:
    """Whether the page that sent a request is one of the server's own or of `trusted` origins, as
    its browser says, which no page can change; None if it says nothing.

    `host` and `scheme` are those that the client sees. (Fetch Metadata; RFC 6454, 7)
    """
    origin = headers.get("origin")
    if origin is not None and origin.lower() in trusted:
        return True
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    return None if origin is None else is_own_origin(origin, host, scheme)


def is_own_origin(origin: str, host: str, scheme: str) -> bool:
    """Whether a page of `origin` is one of the server's own, compared with its port.

    Behind a proxy of which we do not know, HTTPS looks like HTTP; but a page of HTTP that asks by
    HTTPS may have been written by anybody on the way.
    """
    kind, mark, rest = origin.lower().partition("://")
    port = _PORTS.get(kind)
    if not mark or port is None or (scheme == "https" and kind == "http"):
        return False
    return bool(rest) and rest.removesuffix(port) == host.lower().removesuffix(port)
