"""What holds in a room: who may come, speak and hear, what is remembered, what is announced."""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias, TypedDict, Unpack

from msgspec import Struct

from actionhero.clock import Duration, parse_duration
from actionhero.codec import encode_json
from actionhero.connections import Connection
from actionhero.errors import DefinitionError, RoomForbiddenError, TooLargeError
from actionhero.rooms.message import RoomMessage
from actionhero.settings import RoomSettings
from actionhero.store.keys import is_room_name
from actionhero.store.room_scripts import Retention

DETAILS_BYTES = 4 * 1024
"""The details of one member, as JSON."""

JoinHook: TypeAlias = Callable[[Connection, str], Awaitable[bool | None] | bool | None]
SayHook: TypeAlias = Callable[
    [Connection, RoomMessage], Awaitable[RoomMessage | None] | RoomMessage | None
]
ReceiveHook: TypeAlias = Callable[[Connection, RoomMessage], RoomMessage | None]
DetailsHook: TypeAlias = Callable[[Connection, str], Awaitable[dict[str, Any]] | dict[str, Any]]


class RoomOptions(TypedDict, total=False):
    """Hooks, async or not:

    - `join(connection, room)` raises an `ActionError`, or returns False, for who may not come.
    - `say(connection, message)` returns the message that is to be said, or None: none is.
    - `receive(connection, message)`, not async, is asked for every member: what it is to get, or
      None: nothing.
    - `member_details(connection, room)` returns what all may know of a member, for `where=`.

    And for settings of `[rooms]`: `announce`, `history`, `history_age`.
    """

    join: JoinHook
    say: SayHook
    receive: ReceiveHook
    member_details: DetailsHook
    announce: bool
    history: int
    history_age: Duration


class RoomDefinition:
    """What an app says of a room, or of all whose names begin so (`staff-*`); see `App.room`."""

    def __init__(self, name: str, **options: Unpack[RoomOptions]) -> None:
        self.name = name
        self.is_pattern = name.endswith("*")
        beginning = name.removesuffix("*")
        if not is_room_name(beginning or "x") or not name:
            raise DefinitionError(
                f"{name!r} is no room name; use up to 100 letters, digits and - _ : . @ / # + "
                "(and * at the end for all that begin so)"
            )
        self.beginning = beginning
        self.join = options.get("join")
        self.say = options.get("say")
        self.receive = options.get("receive")
        self.member_details = options.get("member_details")
        self.announce = options.get("announce")
        self.history = options.get("history")
        age = options.get("history_age")
        self.history_age = None if age is None else parse_duration(age)
        if inspect.iscoroutinefunction(self.receive):
            raise DefinitionError(
                f"room {name!r}: `receive` is asked for every member and must not be async"
            )
        if self.history is not None and self.history < 0:
            raise DefinitionError(f"room {name!r}: `history` must be 0 or more, not {self.history}")

    def __repr__(self) -> str:
        return f"<RoomDefinition {self.name}>"


class Rules(Struct, frozen=True):
    """What holds in one room."""

    keep: Retention
    join: JoinHook | None = None
    say: SayHook | None = None
    receive: ReceiveHook | None = None
    member_details: DetailsHook | None = None

    async def admit(self, connection: Connection, room: str) -> dict[str, Any]:
        """The details of a connection, if it may come. Raises `RoomForbiddenError`, and what the
        hooks raise."""
        if self.join is not None and await _answer(self.join(connection, room)) is False:
            raise RoomForbiddenError(f"you may not enter the room ({room})")
        told = {}
        if self.member_details is not None:
            told = await _answer(self.member_details(connection, room))
        details = {**told, "id": connection.id}
        size = len(encode_json(details))
        if size > DETAILS_BYTES:
            raise TooLargeError(
                f"the details of a member of {room} have {size} bytes; {DETAILS_BYTES} are the most"
            )
        return details

    async def review(self, connection: Connection, message: RoomMessage) -> RoomMessage:
        """What is to be said in the place of a message. Raises `RoomForbiddenError` if nothing is,
        and what the hook raises."""
        if self.say is None:
            return message
        reviewed: RoomMessage | None = await _answer(self.say(connection, message))
        if reviewed is None:
            raise RoomForbiddenError(f"the message was not let into the room ({message.room})")
        return reviewed


async def _answer(answer: Any) -> Any:
    """What a hook answers, async or not."""
    return await answer if inspect.isawaitable(answer) else answer


class RuleBook:
    """What holds in each room: the definition of its name, else of the longest beginning, else the
    settings alone."""

    def __init__(self, definitions: Iterable[RoomDefinition], settings: RoomSettings) -> None:
        self._settings = settings
        self._named: dict[str, RoomDefinition] = {}
        self._patterns: list[RoomDefinition] = []
        for one in definitions:
            if one.is_pattern:
                self._patterns.append(one)
            else:
                self._named[one.name] = one
        self._patterns.sort(key=lambda one: len(one.beginning), reverse=True)
        self._rules: dict[RoomDefinition | None, Rules] = {}

    @property
    def rooms(self) -> tuple[str, ...]:
        """The rooms that are to be there from the start."""
        return tuple(dict.fromkeys((*self._settings.create, *self._named)))

    def rules(self, room: str) -> Rules:
        """What holds in a room."""
        definition = self._named.get(room) or next(
            (one for one in self._patterns if room.startswith(one.beginning)), None
        )
        found = self._rules.get(definition)
        if found is None:
            found = self._rules[definition] = self._make(definition)
        return found

    def _make(self, definition: RoomDefinition | None) -> Rules:
        settings = self._settings
        if definition is None:
            return Rules(_retention(settings.history, settings.history_age, settings.announce))
        keep = _retention(
            settings.history if definition.history is None else definition.history,
            definition.history_age or settings.history_age,
            settings.announce if definition.announce is None else definition.announce,
        )
        return Rules(
            keep, definition.join, definition.say, definition.receive, definition.member_details
        )


def _retention(messages: int, age: float, announces: bool) -> Retention:
    return Retention(messages, max(1, round(age * 1000)), announces)
