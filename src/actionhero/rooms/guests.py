"""Who an HTTP client is: it keeps a secret in a cookie, and others see an id made of that."""

import re
import secrets

from actionhero.connections import Connection
from actionhero.rooms.inbox import guest_id

_COOKIE = "sessionID"
_SECRET = re.compile(r"[\w-]{32}", re.ASCII)


def guest_of(connection: Connection) -> str:
    """The id of a client, which gets a cookie if it has none."""
    secret = _given_now(connection) or connection.cookies.get(_COOKIE, "")
    if not _SECRET.fullmatch(secret):
        secret = secrets.token_urlsafe(24)
        is_secure = connection.scheme == "https"
        connection.set_cookie(_COOKIE, secret, same_site="Strict", secure=is_secure)
    return guest_id(secret)


def _given_now(connection: Connection) -> str:
    """The secret that the client gets with this very answer."""
    for name, value in connection.reply_headers or ():
        if name == "Set-Cookie" and value.startswith(f"{_COOKIE}="):
            return value[len(_COOKIE) + 1 :].partition(";")[0]
    return ""
