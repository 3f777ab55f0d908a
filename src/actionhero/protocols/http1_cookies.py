"""Cookies as header fields (RFC 6265): what a client sent, and `Set-Cookie` lines.

A value is refused where it is set if a client could read it otherwise: nothing is escaped here,
because nobody would undo it alike.
"""

from typing import Literal, TypeAlias

SameSite: TypeAlias = Literal["Strict", "Lax", "None"]

_TOKEN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~")
_VALUE = frozenset(chr(n) for n in range(0x21, 0x7F)) - frozenset('",;\\')
_ATTRIBUTE = frozenset(chr(n) for n in range(0x20, 0x7F)) - frozenset(";")
_LARGEST = 4096
"""Bytes of name and value that a browser must take (RFC 6265, 6.1)."""


def read_cookies(field: str) -> dict[str, str]:
    """The cookies of a `Cookie` field by name. Of those of one name the first counts: a browser
    sends the one of the longest path first."""
    cookies: dict[str, str] = {}
    for part in field.split(";"):
        name, mark, value = part.strip().partition("=")
        if mark and name:
            value = value.strip()
            if len(value) > 1 and value[0] == value[-1] == '"':
                value = value[1:-1]
            cookies.setdefault(name.strip(), value)
    return cookies


def write_cookie(
    name: str,
    value: str,
    *,
    max_age: int | None,
    path: str,
    domain: str | None,
    secure: bool,
    http_only: bool,
    same_site: SameSite,
) -> str:
    """The value of a `Set-Cookie` field. Raises `ValueError`, naming the part that is wrong."""
    _check(name, value, path, domain)
    _check_security(name, path, domain, secure, same_site)
    parts = [f"{name}={value}", f"Path={path}"]
    if domain is not None:
        parts.append(f"Domain={domain}")
    if max_age is not None:
        parts.append(f"Max-Age={max_age}")
    if secure:
        parts.append("Secure")
    if http_only:
        parts.append("HttpOnly")
    parts.append(f"SameSite={same_site}")
    return "; ".join(parts)


def _check(name: str, value: str, path: str, domain: str | None) -> None:
    if not name or not _TOKEN.issuperset(name):
        raise ValueError(f"{name!r} is not a cookie name; use letters, digits, - and _")
    if not _VALUE.issuperset(value):
        raise ValueError(
            f"the value of the cookie {name} has a sign that no cookie may have; "
            "write it in base64 or percent-encoded"
        )
    if len(name) + len(value) > _LARGEST:
        raise ValueError(f"the cookie {name} is longer than {_LARGEST} bytes")
    if not path.startswith("/") or not _ATTRIBUTE.issuperset(path):
        raise ValueError(f"{path!r} is not a path for the cookie {name}")
    if domain is not None and (not domain or not _TOKEN.issuperset(domain)):
        raise ValueError(f"{domain!r} is not a domain for the cookie {name}")


def _check_security(
    name: str, path: str, domain: str | None, secure: bool, same_site: SameSite
) -> None:
    """The rules by which browsers drop a cookie without a word (draft-ietf-httpbis-rfc6265bis)."""
    if same_site not in {"Strict", "Lax", "None"}:
        raise ValueError(f"same_site is Strict, Lax or None, not {same_site!r}")
    if same_site == "None" and not secure:
        raise ValueError(f"the cookie {name} has same_site None, which needs secure=True")
    prefix = name.lower()
    if prefix.startswith(("__secure-", "__host-")) and not secure:
        raise ValueError(f"a cookie named {name} needs secure=True")
    if prefix.startswith("__host-") and (domain is not None or path != "/"):
        raise ValueError(f"a cookie named {name} has the path / and no domain")
