"""One client's session, as an action sees it: a dict, and what becomes of the whole.

- Values become JSON, and come back as JSON does (a tuple as a list). What is changed inside a value
  is noticed too: every value that was looked at is compared with what it was.
- Only names that were changed are written. Of two calls at the same time that change one name the
  last one wins; other names are left alone.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, NamedTuple, Protocol

import msgspec

from actionhero.codec import decode_json, encode_json
from actionhero.errors import MalformedError, SessionError


class Changes(NamedTuple):
    """What a call has changed: values by name, encoded, and names that are gone."""

    kept: dict[str, bytes]
    forgotten: list[str]


class Home(Protocol):
    """Where a session lives."""

    async def rotate(self, session: "Session") -> None: ...
    async def destroy(self, session: "Session") -> None: ...
    def csrf_token(self, session: "Session") -> str: ...


class Session(MutableMapping[str, Any]):
    """What is kept of one client. An action gets it by naming the type: `session: Session`.

    It is loaded before the action runs and written after, if it was changed: also if the action
    refuses (`ActionError`), not if it fails.
    """

    __slots__ = ("_encoded", "_forgotten", "_home", "_values", "id", "is_begun", "is_new")

    def __init__(self, home: Home, id: str, encoded: Mapping[str, bytes] | None = None) -> None:
        self._home = home
        self.replace(id, encoded)

    def replace(self, id: str, encoded: Mapping[str, bytes] | None) -> None:
        """Be the session `id`, with these values; None if there is nothing of it in the store."""
        self.id = id
        self.is_new = encoded is None
        self.is_begun = False
        self._encoded = dict(encoded or {})
        self._values: dict[str, Any] = {}
        self._forgotten: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        if name in self._forgotten:
            raise KeyError(name)
        try:
            value = self._values[name] = decode_json(self._encoded[name])
        except MalformedError as exc:
            raise SessionError(f"session[{name!r}] is not JSON in the store: {exc}") from exc
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        if not isinstance(name, str) or not name:
            raise SessionError(f"a name in a session is a text that is not empty, not {name!r}")
        self._values[name] = value
        self._forgotten.discard(name)

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self._values.pop(name, None)
        if name in self._encoded:
            self._forgotten.add(name)

    def __contains__(self, name: object) -> bool:
        return name in self._values or (name in self._encoded and name not in self._forgotten)

    def __iter__(self) -> Iterator[str]:
        kept = [name for name in self._encoded if name not in self._forgotten]
        return iter(dict.fromkeys((*kept, *self._values)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"<Session with {len(self)} values>"  # the values, and the id, are nobody's business

    @property
    def csrf_token(self) -> str:
        """What a page sends as `X-CSRF-Token` with requests that change something, where its
        browser says nothing of where they come from. It is another one after `rotate()`."""
        self.is_begun = True  # else the page would have a token of a session that is not kept
        return self._home.csrf_token(self)

    async def rotate(self) -> None:
        """Go on under a new id, and forget the old one: call it when a client logs in or gets
        other rights, so that an id that somebody else knows is worth nothing.

        Raises `SessionError` over WebSocket, which cannot give the client a new cookie; log in
        over HTTP.
        """
        await self._home.rotate(self)

    async def destroy(self) -> None:
        """End it, for every connection, and forget all of it: call it when a client logs out. What
        is set after that begins a new one."""
        await self._home.destroy(self)

    def changes(self) -> Changes:
        """What has changed since it was loaded. Raises `SessionError`."""
        kept = {}
        for name, value in self._values.items():
            encoded = self._encode(name, value)
            if encoded != self._encoded.get(name):
                kept[name] = encoded
        return Changes(kept, sorted(self._forgotten))

    def merged(self, changes: Changes) -> dict[str, bytes]:
        """All that there is after `changes`."""
        gone = set(changes.forgotten)
        before = {name: value for name, value in self._encoded.items() if name not in gone}
        return {**before, **changes.kept}

    def _encode(self, name: str, value: Any) -> bytes:
        try:
            name.encode()
            return encode_json(value)
        except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as exc:
            raise SessionError(f"session[{name!r}] cannot be kept: {exc}") from exc
