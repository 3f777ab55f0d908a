"""Cookies of sessions: an id, and a signature by which a server knows that it gave it.

- An id is 192 random bits, so that nobody guesses one. The signature (HMAC-SHA256, RFC 2104) has a
  made-up cookie found out without asking the store.
- Without `session.secret` the servers make one and keep it in the store, where all find it. A store
  that was emptied has lost it together with the sessions: the next one to sign makes another.
"""

import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING

from actionhero.errors import SettingsError

if TYPE_CHECKING:
    from actionhero.settings import SessionSettings
    from actionhero.store.client import StoreClient
    from actionhero.store.keys import Keys

_SHORTEST = 16
_LONGEST_TOKEN = 200
_LOOK_AGAIN = 1.0
"""Seconds between two looks into the store for another secret: made-up cookies cost no more."""


def new_session_id() -> str:
    """An id that nobody guesses."""
    return secrets.token_urlsafe(24)


def sign(secret: bytes, purpose: str, text: str) -> str:
    """The signature of a text, for one purpose alone."""
    digest = hmac.digest(secret, f"{purpose}:{text}".encode(), "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def read_signed(secrets_: Sequence[bytes], purpose: str, token: str) -> str | None:
    """What was signed, out of `text.signature`; None if it was not by one of these secrets."""
    text, dot, signature = token.rpartition(".")
    if not dot or len(token) > _LONGEST_TOKEN or not token.isascii():
        return None
    found = [hmac.compare_digest(sign(one, purpose, text), signature) for one in secrets_]
    return text if any(found) else None


class Secrets:
    """What the cookies are signed with: the first of `values` signs, all of them are believed.

    Raises `SettingsError` for a secret that is too short.
    """

    def __init__(self, store: "StoreClient", keys: "Keys", settings: "SessionSettings") -> None:
        self._store = store
        self._key = keys.session_secret
        given = (settings.secret, *settings.old_secrets)
        for secret in filter(None, given):
            if len(secret) < _SHORTEST:
                raise SettingsError(
                    f"session.secret and session.old_secrets have {_SHORTEST} signs or more; make "
                    'one with `python -c "import secrets; print(secrets.token_urlsafe(32))"`'
                )
        self._is_given = bool(settings.secret)
        self._old = tuple(secret.encode() for secret in settings.old_secrets if secret)
        self.values: tuple[bytes, ...] = ()
        if self._is_given:
            self.values = (settings.secret.encode(), *self._old)
        self._looked_at = 0.0

    async def prepare(self) -> None:
        """Have the secrets. Raises `StoreError`."""
        if not self.values:
            await self._look()

    async def renew(self) -> None:
        """Agree with the other servers before something is signed that must be believed by all:
        the store may have been emptied, and may have been given another secret."""
        if not self._is_given:
            await self._look()

    async def look_again(self) -> bool:
        """Whether there are other secrets now, since a signature was not known."""
        now = time.monotonic()
        if self._is_given or now - self._looked_at < _LOOK_AGAIN:
            return False
        before = self.values
        await self._look()
        return self.values != before

    async def _look(self) -> None:
        self._looked_at = time.monotonic()
        mine = self.values[0] if self.values else secrets.token_urlsafe(32).encode()
        _, found = await self._store.execute_many(
            [("SET", self._key, mine, "NX"), ("GET", self._key)]
        )
        self.values = (bytes(found) if isinstance(found, bytes) else mine, *self._old)
