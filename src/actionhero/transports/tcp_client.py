"""One TCP client: lines in, one JSON object and CRLF a write out.

Rules
- `messageCount` and `messageId` of a reply are settled when its line is read, before the line
  does anything: after `paramAdd messageId=x` it is the next reply that carries x.
- Verbs are answered in the order of their lines, and lines behind one of rooms, which takes a round
  trip to the store, wait for it. Actions run beside each other and beside the
  verbs that follow, up to `pending`, and answer as they end.
- Who does not read what it is sent is not read from, so that verbs never pile up (`tcp_link` says
  what else becomes of it).
- The end, whoever asks for it, waits for the actions that run. Half a line at the end is no line.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import TypeAlias, cast

from actionhero.codec import encode_json
from actionhero.connections import Connection, new_id
from actionhero.errors import (
    ActionError,
    ActionHeroError,
    MalformedError,
    TooLargeError,
    TooManyRequestsError,
    UnknownActionError,
)
from actionhero.messages import Call, Reply, Words
from actionhero.protocols.lines import (
    Ending,
    JsonLine,
    LineReader,
    WordLine,
    read_line,
    read_words,
)
from actionhero.protocols.replies import (
    MessageId,
    encode_error,
    encode_fields,
    encode_id,
    find_id,
)
from actionhero.protocols.verbs import VERBS, current_room
from actionhero.transports import room_verbs
from actionhero.transports.addresses import peer_of
from actionhero.transports.calls import Calls
from actionhero.transports.pace import Pace
from actionhero.transports.tcp_link import Desk, TcpLink

BATCH = 50
"""Lines of one client that are taken in one turn of the loop; others come in between."""


class TcpClient(TcpLink):
    """The connection of one client."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._reader = LineReader(desk.settings.line_bytes)
        self._lines: deque[bytes] = deque()
        self._count = 0
        self._pace = Pace(desk.settings.lines_per_second)
        self._address = ""
        self._heard = 0.0
        self._farewell: bytes | None = None
        self._is_asking = False
        self._is_scheduled = False

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        desk = self._desk
        self._transport = cast("asyncio.Transport", transport)
        peer = peer_of(transport)
        self._connection = Connection("tcp", peer.ip, peer.port, max_pending=desk.settings.pending)
        self._calls = Calls(
            desk.running, desk.dispatcher, desk.stats, self._connection, self._respond, self
        )
        is_full = len(desk.watch) >= desk.settings.connections
        if is_full or not desk.addresses.enter(peer.ip):
            error = ActionError("too many connections", code="too_many_connections", status=503)
            self._send(encode_error(error, b',"context":"api"}'))
            self._is_closed = True
            # not now: not every transport bears to be closed within this call
            asyncio.get_running_loop().call_soon(self._transport.close)
            return
        self._address = peer.ip
        self._connection.hearer = self
        most = desk.settings.outstanding_bytes
        self._transport.set_write_buffer_limits(high=most, low=most // 2)
        desk.watch.enter(self)
        self._heard = desk.watch.now
        self._send(
            encode_json(
                {
                    "welcome": desk.welcome,
                    "room": current_room(self._connection),
                    "context": "api",
                }
            )
        )
        if desk.watch.is_emptying:
            self.end("server shutdown")

    def data_received(self, data: bytes) -> None:
        if self._is_closed or self._farewell is not None:
            return
        lines = self._reader.receive(data)
        if lines:
            self._heard = self._desk.watch.now
            self._lines.extend(lines)
        self._work()

    def eof_received(self) -> bool:
        """The client has said all; it may still be listening. Or it is gone, which looks the same
        (as in HTTP): so its streams, which might go on for ever, end."""
        self._is_half_closed = True
        self._calls.leave()
        self._work()
        return not self._is_closed and self._transport.can_write_eof()  # TLS ends both sides

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_closed = True
        self._lines.clear()
        self._resume_file()
        self._calls.leave()
        self._desk.rooms.depart(self._connection)
        self._desk.watch.leave(self)
        self._desk.addresses.leave(self._address)

    # What the watch and the server call.

    def look(self, now: float) -> None:
        """End the connection if nothing came for long and nothing runs."""
        if not self._calls.is_busy and now - self._heard >= self._desk.settings.idle_timeout:
            self.end("idle timeout")

    def end(self, reason: str) -> None:
        """Take no more lines; say goodbye when all that runs has answered."""
        self._leave(encode_json({"status": "Bye!", "context": "response", "reason": reason}))

    # Lines in.

    def _work(self) -> None:
        """Take lines, as long as the client reads and no file is under way."""
        for _ in range(BATCH):
            if not self._lines or self._is_busy:
                break
            self._take(self._lines.popleft())
        else:
            self._work_later()
        self._settle()

    @property
    def _is_busy(self) -> bool:
        return self._is_paused or self._is_scheduled or self._is_asking or self._held is not None

    def _work_later(self) -> None:
        """Let others have their turn."""
        if not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_soon(self._work_on)

    def _work_on(self) -> None:
        self._is_scheduled = False
        self._work()

    def _settle(self) -> None:
        """What follows from how things stand: end, read on, or read no more for now."""
        if self._is_closed:
            return
        if self._farewell is not None:
            if not self._calls.is_busy:
                self._close(self._farewell)
        elif self._lines or self._is_busy:
            if self._transport.is_reading():
                self._transport.pause_reading()
        elif self._reader.ending is not None:
            self._stop_reading(self._reader.ending)
        elif self._is_half_closed:
            self._leave(b"")
        elif not self._transport.is_reading():
            self._transport.resume_reading()

    def _after_reply(self) -> None:
        if self._farewell is not None:
            self._settle()

    def _stop_reading(self, ending: Ending) -> None:
        if ending == "interrupted":
            self.end("request")
            return
        self._count += 1
        error = TooLargeError(f"a line may have {self._desk.settings.line_bytes} bytes")
        self._leave(encode_error(error, self._trailer(None)))

    def _take(self, line: bytes) -> None:
        """Do what one line asks for."""
        self._count += 1
        self._desk.stats.increment("socketServer:numberOfRequests")
        self._pace.left -= 1
        if self._pace.left < 0 and self._pace.is_exceeded():
            self._slow_down(line)
            return
        try:
            asked = read_line(line)
        except MalformedError as exc:
            self._send(encode_error(exc, self._trailer(find_id(line))))
            return
        trailer = self._trailer(asked.messageId if isinstance(asked, JsonLine) else None)
        try:
            if isinstance(asked, JsonLine):
                self._calls.run(self._read_call(asked), trailer)
            else:
                self._take_words(asked, trailer)
        except ActionHeroError as exc:
            self._send(encode_error(exc, trailer))

    def _slow_down(self, line: bytes) -> None:
        """Refuse a line that comes too soon; who goes on all the same has to go."""
        error = TooManyRequestsError("too many lines a second; send them more slowly", 1.0)
        text = encode_error(error, self._trailer(find_id(line)))
        if self._pace.is_hopeless:
            self._leave(text)
        else:
            self._send(text)

    def _take_words(self, asked: WordLine, trailer: bytes) -> None:
        verb = VERBS.get(asked.first)
        own_verb = _OWN_VERBS.get(asked.first)
        if verb is not None:
            fields = verb(self._connection, asked.rest, self._desk.limits)
            self._send(encode_fields(fields, trailer))
        elif own_verb is not None:
            own_verb(self, asked.rest, trailer)
        elif asked.first in room_verbs.LINE_VERBS:
            rooms, connection = self._desk.rooms, self._connection
            work = room_verbs.read_line(rooms, connection, asked.first, asked.rest)
            self._is_asking = True
            self._calls.start_aside(trailer, self._ask(work))
        else:
            words: Words = {**self._connection.params, **read_words(asked.rest)}
            self._calls.run(_call(asked.first, words), trailer)

    def _read_call(self, asked: JsonLine) -> Call:
        """JSON parameters stand for themselves; without them the sticky ones hold."""
        if asked.action is None:
            raise UnknownActionError('no action was named; write {"action": "...", "params": {}}')
        body = asked.body
        if body is None:
            return _call(asked.action, self._connection.params)
        return Call(asked.action, body=body)

    def _trailer(self, message_id: MessageId) -> bytes:
        """The end of the reply to the line that is being read."""
        if message_id is None:
            message_id = self._connection.params.get("messageId")
        given = encode_id(new_id() if message_id is None else message_id)
        return b',"context":"response","messageId":%b,"messageCount":%d}' % (given, self._count)

    # Verbs that need I/O.

    async def _ask(self, work: room_verbs.Work) -> Reply:
        """Ask the rooms; the next lines come when that is answered."""
        try:
            return await room_verbs.answer(work)
        finally:
            self._is_asking = False
            self._work_later()

    def _document(self, _rest: str, trailer: bytes) -> None:
        self._send(encode_fields({"data": self._desk.documentation()}, trailer))

    def _quit(self, _rest: str, _trailer: bytes) -> None:
        self.end("request")

    def _start_file(self, name: str, trailer: bytes) -> None:
        if not name:
            raise MalformedError("write `file name`")
        self._held = []
        try:
            self._calls.start(trailer, self._send_file, name)
        except ActionHeroError:
            self._held = None
            raise

    def _leave(self, farewell: bytes) -> None:
        """Take no more lines, and go as soon as nothing runs; `farewell` may be empty."""
        if self._farewell is None:
            self._farewell = farewell
            self._lines.clear()
            self._settle()


_OwnVerb: TypeAlias = Callable[[TcpClient, str, bytes], None]

_OWN_VERBS: Mapping[str, _OwnVerb] = {
    "documentation": TcpClient._document,
    "file": TcpClient._start_file,
    "quit": TcpClient._quit,
    "exit": TcpClient._quit,
    "close": TcpClient._quit,
}


def _call(action: str, words: Words) -> Call:
    version = words.get("apiVersion")
    return Call(action, words, version=version if isinstance(version, str) else None)
