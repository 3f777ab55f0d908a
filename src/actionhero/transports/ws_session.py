"""One WebSocket client: its messages in, its replies out. How they are framed is not known here.

Rules
- Events are answered in the order in which they come, but for actions and files: these run beside
  each other and answer as they end (see `calls`). The message's id tells which is which. Those of
  rooms keep an order of their own.
- What cannot be read is answered with an error; the connection stays.
- When the session ends, what runs answers first; then the close code is sent. Streams answer as
  soon as the server stops.
"""

import asyncio
from base64 import b64encode
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from actionhero.actions.dispatch import Dispatcher
from actionhero.codec import decode_json, encode_json
from actionhero.connections import Connection, new_id
from actionhero.errors import (
    ActionHeroError,
    ClientError,
    MalformedError,
    TooLargeError,
    TooManyRequestsError,
)
from actionhero.messages import Reply
from actionhero.protocols.frames import NORMAL, POLICY_VIOLATION
from actionhero.protocols.replies import encode_error, encode_fields, encode_id, find_id
from actionhero.protocols.verbs import view_details
from actionhero.protocols.websocket import Message, read_call, read_message, read_room_event
from actionhero.rooms import Position, Rooms
from actionhero.stats import Meter
from actionhero.transports import room_verbs
from actionhero.transports.calls import FULL, Calls, Running, Stats
from actionhero.transports.files import FoundFile, read_file
from actionhero.transports.pace import Pace
from actionhero.transports.starter import Rest
from actionhero.transports.streaming import Outlet

FindFile: TypeAlias = Callable[[str], Awaitable[FoundFile]]
"""Finds a file of the public folder, or raises `NotFoundError`."""


class Framer(Outlet, Protocol):
    """What carries texts to one client. Once it is closed or lost, nothing is sent any more."""

    def send(self, text: bytes) -> None:
        """Send one text."""
        ...

    def close(self, code: int, reason: str) -> None:
        """End the connection, and say why."""
        ...

    def pause(self) -> None:
        """Give no more texts, but those that have come already."""
        ...

    def resume(self) -> None:
        """Give texts again."""
        ...


class Desk(Struct, frozen=True):
    """What all sessions of an endpoint share. `file_bytes` bounds a file sent as one text."""

    running: Running
    dispatcher: Dispatcher
    rooms: Rooms
    stats: Stats
    requests: Meter
    welcome: str
    find_file: FindFile
    documentation: Callable[[], object]
    file_bytes: int
    messages_per_second: int


class Session:
    """What one client says, and what it is told."""

    __slots__ = (
        "_calls",
        "_desk",
        "_end",
        "_framer",
        "_is_held",
        "_pace",
        "_requests",
        "_running",
        "connection",
        "task",
        "waiting",
    )

    def __init__(self, desk: Desk, framer: Framer, connection: Connection) -> None:
        self.connection = connection
        self._desk = desk
        self._framer = framer
        self._running = desk.running
        self.task: asyncio.Task[None] | None = None
        self._requests = desk.requests
        self._calls = Calls(
            desk.running, desk.dispatcher, desk.stats, connection, self._respond, framer
        )
        self._pace = Pace(desk.messages_per_second)
        self._end: tuple[int, str] | None = None
        self._is_held = False
        self.waiting = 0

    def greet(self) -> None:
        """Say the first word."""
        self._framer.send(encode_json({"welcome": self._desk.welcome, "context": "api"}))

    def take(self, text: bytes) -> Rest | None:
        """Take one message now, up to where it must wait. Only if none is `waiting`."""
        self._pace.left -= 1
        if self._pace.left < 0 and not self._keeps_pace(text):
            return None
        return self._begin(text)

    def receive(self, text: bytes) -> None:
        """Take one message, when those before it are begun."""
        self._pace.left -= 1
        if self._pace.left >= 0 or self._keeps_pace(text):
            self.waiting += 1
            if self._running.starter.submit(self, text) > FULL:
                self.hold()

    def hold(self) -> None:
        """Take no more for now: much waits to begin."""
        if not self._is_held:
            self._is_held = True
            self._framer.pause()
            self._running.starter.hold(self._release)

    def _keeps_pace(self, text: bytes) -> bool:
        if not self._pace.is_exceeded():
            return True
        if self._end is None:
            self._framer.send(encode_error(_too_fast(), _trailer(find_id(text))))
            self._end_if_hopeless()
        return False

    def takes_frame(self) -> bool:
        """Whether a frame that is no message, but costs as much, may be taken; else ignore it."""
        self._pace.left -= 1
        if self._pace.left >= 0 or not self._pace.is_exceeded():
            return True
        self._end_if_hopeless()
        return False

    def _end_if_hopeless(self) -> None:
        if self._pace.is_hopeless:
            self.end(POLICY_VIOLATION, "too many messages")

    def end(self, code: int, reason: str) -> None:
        """Take no more messages; close when all that runs has answered."""
        if self._end is None:
            self._end = (code, reason)
            self._close_if_done()

    def flow(self) -> None:
        """There is room for what streams and rooms give."""
        self._calls.flow()
        self._desk.rooms.catch_up(self.connection)

    def leave(self) -> None:
        """The client is gone."""
        self._calls.leave()
        self._desk.rooms.depart(self.connection)

    def _release(self) -> None:
        self._is_held = False
        self._framer.resume()

    def begin(self, text: bytes) -> Rest | None:
        """Do what a message that was `waiting` says, up to where it must wait."""
        self.waiting -= 1
        return self._begin(text)

    def _begin(self, text: bytes) -> Rest | None:
        if self._end is not None:
            return None
        self._requests.count += 1
        try:
            message = read_message(text)
        except MalformedError as exc:
            self._framer.send(encode_error(exc, _trailer(find_id(text))))
            return None
        trailer = _trailer(message.messageId)
        try:
            if message.event == "action":
                return self._calls.begin_now(read_call(message.params), trailer)
            if message.event in _ROOM_EVENTS:
                self._calls.start_aside(trailer, room_verbs.answer(self._ask_rooms(text, message)))
            else:
                self._answer(message, trailer)
        except ActionHeroError as exc:
            self._framer.send(encode_error(exc, trailer))
        return None

    def _answer(self, message: Message, trailer: bytes) -> None:
        answer = _EVENTS.get(message.event)
        if answer is None:
            raise ClientError(f"{message.event!r} is not an event; use {', '.join(EVENTS)}")
        answer(self, message, trailer)

    def _respond(self, text: bytes) -> None:
        self._framer.send(text)
        if self._end is not None:
            self._close_if_done()

    def _close_if_done(self) -> None:
        if self._end is not None and not self._calls.is_busy:
            self._framer.close(*self._end)

    def _view_details(self, _message: Message, trailer: bytes) -> None:
        self._framer.send(encode_fields(view_details(self.connection), trailer))

    def _document(self, _message: Message, trailer: bytes) -> None:
        self._framer.send(encode_fields({"data": self._desk.documentation()}, trailer))

    def _send_file(self, message: Message, trailer: bytes) -> None:
        if not message.file:
            raise MalformedError('name the file: {"event": "file", "file": "..."}')
        self._calls.start(trailer, self._read_file, message.file)

    def _cancel(self, message: Message, trailer: bytes) -> None:
        if not self._calls.cancel(trailer):
            raise ClientError(f"no stream with the messageId {message.messageId!r} is under way")

    def _quit(self, _message: Message, _trailer: bytes) -> None:
        self.end(NORMAL, "request")

    async def _ask_rooms(self, text: bytes, message: Message) -> dict[str, Any]:
        """What an event of rooms is answered."""
        asked, rooms, client = read_room_event(text), self._desk.rooms, self.connection
        if message.event == "say":
            content = decode_json(bytes(asked.message))
            return await room_verbs.say(rooms, client, asked.room, content, asked.where)
        if message.event == "roomAdd" and asked.epoch is not None and asked.offset is not None:
            since = Position(asked.epoch, asked.offset)
            return await room_verbs.add(rooms, client, asked.room, since)
        return await room_verbs.VERBS[message.event](rooms, client, asked.room)

    async def _read_file(self, name: str) -> Reply:
        try:
            found = await self._desk.find_file(name)
            if found.size > self._desk.file_bytes:
                raise TooLargeError(
                    f"{name} has {found.size} bytes, {self._desk.file_bytes} are the most that"
                    " are sent as one message; fetch it over HTTP"
                )
            content = await asyncio.to_thread(read_file, found)
        except ActionHeroError as exc:
            return Reply(error=exc)
        return Reply(_describe_file(found, content))


_Answer: TypeAlias = Callable[[Session, Message, bytes], None]

_EVENTS: Mapping[str, _Answer] = {
    "detailsView": Session._view_details,
    "file": Session._send_file,
    "documentation": Session._document,
    "cancel": Session._cancel,
    "quit": Session._quit,
}
_ROOM_EVENTS = frozenset((*room_verbs.VERBS, "say"))
EVENTS = ("action", *_EVENTS, *room_verbs.VERBS, "say")
"""Every event that a client may send."""


def _too_fast() -> TooManyRequestsError:
    return TooManyRequestsError("too many messages a second; send them more slowly", 1.0)


def _trailer(message_id: int | float | str | None) -> bytes:
    if type(message_id) is int:
        return b',"context":"response","messageId":%d}' % message_id
    given = new_id() if message_id is None else message_id
    return b',"context":"response","messageId":%b}' % encode_id(given)


def _describe_file(found: FoundFile, content: bytes) -> dict[str, Any]:
    """A file as JSON: as text if it is UTF-8, else in base64, which `encoding` then tells."""
    described: dict[str, Any] = {
        "mime": found.mime,
        "length": len(content),
        "lastModified": round(found.mtime * 1000),
    }
    try:
        return {"content": content.decode(), **described}
    except UnicodeDecodeError:
        return {"content": b64encode(content).decode(), "encoding": "base64", **described}
