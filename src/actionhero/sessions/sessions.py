"""The sessions of all clients: found by a cookie, loaded before an action, saved after it.

- Over HTTP the client has a signed cookie. An id that the store does not know (it ran out, it was
  ended, the store was emptied) is never taken up: the client begins anew, under an id of ours.
- A WebSocket has the session of the cookie it was opened with. Without one, and over TCP, the
  session is the connection's own, and nobody can reach it once that has ended.
- On the command line, in tasks and from Python a session is empty and nothing of it is kept.
- A page of another site can have a browser send its cookie along (CSRF). `Proof` says how sure an
  action has to be that this is not what happened.
"""

import hmac
import logging
from collections.abc import Container, Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING

from actionhero.connections import Connection
from actionhero.errors import CsrfError, SessionError, SettingsError
from actionhero.protocols.same_origin import comes_from
from actionhero.sessions.session import Changes, Session
from actionhero.sessions.signing import Secrets, new_session_id, read_signed, sign
from actionhero.store.scripts import Script

if TYPE_CHECKING:
    from actionhero.settings import SessionSettings
    from actionhero.store.client import StoreClient
    from actionhero.store.keys import Keys

_KEPT = frozenset(("http", "websocket", "tcp"))
_load = Script("session_load")
_save = Script("session_save")
_log = logging.getLogger("actionhero.sessions")


class Proof(Enum):
    """What a request has to show of where it comes from."""

    NONE = auto()  # nothing: it changes nothing, or the action has taken that upon itself
    NOT_FOREIGN = auto()  # nothing, but if it says where it comes from, that must be one of ours
    OWN = auto()  # with a session's cookie: that it comes from one of ours, or the token


class Sessions:
    """The sessions of one app. `origins` may use them beside the server's own, over HTTP and over
    WebSocket. Raises `SettingsError` for secrets and a name of the cookie that are none."""

    def __init__(
        self,
        store: "StoreClient",
        keys: "Keys",
        settings: "SessionSettings",
        origins: Mapping[str, Container[str]],
    ) -> None:
        self._store = store
        self._keys = keys
        self._cookie = _check_cookie(settings.cookie)
        self._max_age = settings.max_age
        self._life = round(settings.max_age * 1000)
        self._most = settings.max_bytes
        self._origins = origins
        self._secrets = Secrets(store, keys, settings)

    async def open(self, connection: Connection, proof: Proof) -> "OpenSession":
        """The session of a call. Raises `CsrfError`, `StoreError`."""
        await self._secrets.prepare()
        own = connection.session_id
        asked = own if own is not None else await self._read_cookie(connection)
        home = OpenSession(self, connection, has_cookie=own is None and asked is not None)
        session = Session(home, asked or new_session_id())
        home.session = session
        if proof is not Proof.NONE:
            self._check(connection, session, proof, home.has_cookie)
        if asked is not None:
            await self._fill(home, asked)
        if session.is_new and connection.transport in {"websocket", "tcp"}:
            home.has_cookie = False
            connection.session_id = session.id
        return home

    async def _read_cookie(self, connection: Connection) -> str | None:
        token = connection.cookies.get(self._cookie)
        if not token:
            return None
        found = read_signed(self._secrets.values, "session", token)
        if found is None and await self._secrets.look_again():
            found = read_signed(self._secrets.values, "session", token)
        return found

    def _check(
        self, connection: Connection, session: Session, proof: Proof, has_cookie: bool
    ) -> None:
        trusted = self._origins.get(connection.transport, ())
        is_ours = comes_from(connection.headers, connection.host, connection.scheme, trusted)
        if is_ours or connection.transport == "tcp":
            return
        if is_ours is None and (proof is Proof.NOT_FOREIGN or not has_cookie):
            return
        token = connection.headers.get("x-csrf-token", "")
        if has_cookie and hmac.compare_digest(token.encode(), self.token_of(session).encode()):
            return
        raise CsrfError(
            "this request comes from another site, or does not say from where: send the session's "
            "csrf_token as X-CSRF-Token"
            if is_ours is None
            else "pages of another site may not do this: add its origin to web.cors_origins, with "
            "web.cors_credentials (for WebSocket to websocket.origins), or send X-CSRF-Token"
        )

    async def _fill(self, home: "OpenSession", asked: str) -> None:
        """Load what there is of a session; if there is nothing, it becomes a new one."""
        is_http = home.connection.transport == "http"
        found = await self.load(asked, is_http)
        if found is not None:
            is_due, encoded = found
            home.session.replace(asked, encoded)
            home.is_cookie_due = is_due
        elif home.has_cookie:
            home.session.replace(new_session_id(), None)

    async def load(self, id: str, is_http: bool) -> tuple[bool, dict[str, bytes]] | None:
        """What is kept of a session, and whether its client needs its cookie again."""
        found = await _load(self._store, [self._keys.session(id)], [self._life, int(is_http)])
        if not found:
            return None
        names = [name.decode() for name in found[1::2]]
        encoded = dict(zip(names, found[2::2], strict=True))
        encoded.pop("", None)
        return bool(found[0]), encoded

    async def save(self, id: str, changes: Changes, *, is_new: bool) -> bool:
        """Write what has changed; False if the session has been ended meanwhile."""
        if is_new:
            await self._secrets.renew()
        pairs = [part for pair in changes.kept.items() for part in pair]
        arguments = [self._life, int(is_new), len(changes.forgotten), *changes.forgotten, *pairs]
        return bool(await _save(self._store, [self._keys.session(id)], arguments))

    async def forget(self, id: str) -> None:
        """End a session."""
        await self._store.execute("DEL", self._keys.session(id))

    def token_of(self, session: Session) -> str:
        """What a page shows to be one of ours."""
        return sign(self._secrets.values[0], "csrf", session.id)

    def check_size(self, values: Mapping[str, bytes]) -> None:
        """Raises `SessionError`."""
        size = sum(len(name) + len(value) for name, value in values.items())
        if size > self._most:
            raise SessionError(
                f"the session would have {size} bytes, and {self._most} are the most "
                "(session.max_bytes); keep large things elsewhere and their id here"
            )

    def give_cookie(self, connection: Connection, id: str | None) -> None:
        """Have the reply carry a session's cookie; None has the client forget it."""
        lines = connection.reply_headers or []
        begin = f"{self._cookie}="
        connection.reply_headers = [
            line for line in lines if line[0] != "Set-Cookie" or not line[1].startswith(begin)
        ]
        connection.set_cookie(
            self._cookie,
            "" if id is None else f"{id}.{sign(self._secrets.values[0], 'session', id)}",
            max_age=0 if id is None else self._max_age,
            secure=connection.scheme == "https" or self._cookie.startswith("__"),
        )


def _check_cookie(name: str) -> str:
    try:
        Connection("http").set_cookie(name, "x", secure=True)
    except ValueError as exc:
        raise SettingsError(f"session.cookie: {exc}") from exc
    return name


class OpenSession:
    """A session while its call runs. `has_cookie`: it is known by the client's cookie."""

    __slots__ = ("_sessions", "connection", "has_cookie", "is_cookie_due", "session")

    def __init__(self, sessions: Sessions, connection: Connection, *, has_cookie: bool) -> None:
        self._sessions = sessions
        self.connection = connection
        self.has_cookie = has_cookie
        self.is_cookie_due = False
        self.session: Session

    def csrf_token(self, session: Session) -> str:
        """See `Session.csrf_token`."""
        return self._sessions.token_of(session)

    async def rotate(self, session: Session) -> None:
        """See `Session.rotate`."""
        if self.connection.transport == "websocket" and self.has_cookie:
            raise SessionError(
                "a session cannot be rotated over WebSocket: its cookie is given over HTTP alone, "
                "so log in there"
            )
        changes, before, id = session.changes(), session.id, new_session_id()
        if session.is_new:
            session.id = id
        else:
            found = await self._sessions.load(before, False)
            encoded = {} if found is None else found[1]
            kept = {k: v for k, v in encoded.items() if k not in changes.forgotten}
            kept.update(changes.kept)
            self._sessions.check_size(kept)
            await self._sessions.save(id, Changes(kept, []), is_new=True)
            await self._sessions.forget(before)
            session.replace(id, kept)
            if self.connection.transport == "http":  # at once: the old one is worth nothing now
                self._sessions.give_cookie(self.connection, id)
        if self.connection.session_id is not None:
            self.connection.session_id = id

    async def destroy(self, session: Session) -> None:
        """See `Session.destroy`."""
        if not session.is_new:
            await self._sessions.forget(session.id)
        session.replace(new_session_id(), None)
        self.is_cookie_due = False
        if self.connection.session_id is not None:
            self.connection.session_id = session.id
        elif self.has_cookie and self.connection.transport == "http":
            self._sessions.give_cookie(self.connection, None)

    def begin_stream(self) -> "OpenStreamSession":
        """The head of a stream is sent before its values come, and so is a cookie; what is to be
        closed after the last value."""
        if self.connection.transport == "http":
            self._answer(self.connection)
        return OpenStreamSession(self)

    async def close(self) -> None:
        """Save what has changed, and give the client what it needs to come back."""
        connection, session = self.connection, self.session
        if connection.transport not in _KEPT:
            return
        changes = session.changes()
        if any(changes) or (session.is_new and session.is_begun):
            self._sessions.check_size(session.merged(changes))
            is_saved = await self._sessions.save(session.id, changes, is_new=session.is_new)
            self.is_cookie_due |= session.is_new
            if not is_saved:
                self.is_cookie_due = False
                _log.debug("a session was ended while a call changed it")
        if connection.transport == "http":
            self._answer(connection)

    def _answer(self, connection: Connection) -> None:
        """What the reply says of the session; it is nobody else's to keep."""
        if self.is_cookie_due:
            self._sessions.give_cookie(connection, self.session.id)
        names = {name.lower() for name, _ in connection.reply_headers or ()}
        if "cache-control" not in names:
            connection.set_header("Cache-Control", "no-store")


class OpenStreamSession:
    """A session while a stream runs."""

    def __init__(self, opened: OpenSession) -> None:
        self._opened = opened

    async def aclose(self) -> None:
        """Save what the stream has changed. Raises `SessionError` if that begins a session: it is
        too late for a cookie."""
        session, changes = self._opened.session, self._opened.session.changes()
        if session.is_new and self._opened.connection.transport == "http" and any(changes):
            raise SessionError("a stream over HTTP cannot begin a session; begin it before")
        await self._opened.close()
