"""HTTP/1.1 requests out of bytes: llhttp does the parsing, the rules it leaves open are ours.

- llhttp in its strict mode refuses bare LF, folded lines, odd lengths and the like; `http1_heads`
  has what it takes too leniently, `http1_known` spares it what was parsed before.
- It is fed in pieces that hold no more than one request (`http1_pieces`).
- Everything is bounded: target, head, number of fields, body, and what a chunked body may waste.
- The first error ends the input: what follows it is never read as a request.
- An upgrade that nobody takes is no upgrade: the request is read again without that field, as
  llhttp would take its body for the next request.
"""

from collections.abc import Container

import httptools
from msgspec import structs

from actionhero.errors import HttpProtocolError
from actionhero.protocols.http1 import Limits, Request, SinkOpener, body_error, write_head
from actionhero.protocols.http1_heads import UNKNOWN, is_upgrade, spaces_error
from actionhero.protocols.http1_known import KnownHead
from actionhero.protocols.http1_message import MessageReader
from actionhero.protocols.http1_origins import ALL_HOSTS, Hosts
from actionhero.protocols.http1_pieces import Pieces

_NOTHING = KnownHead(0)
_NO_PIECES = Pieces()
_VERSION = b" HTTP/"
"""What every first line has in it."""
_EMPTY_LINE = b"\r\n\r\n"
_WASTE = 64 * 1024
"""Bytes that the chunk heads of a body may take, beside four times the body's limit."""


class RequestParser(MessageReader):
    """The input of one connection.

    `upgrades` are the paths where another protocol may begin, `hosts` those that are answered
    to; `open_sink` is asked who takes in a body of several parts, or a packed one. `error` is set
    once the input cannot be read on; the requests before it still stand.
    `is_idle`: there is no error and no request has begun. `has_head`: the body of one is awaited.
    `awaits_continue`: the client waits for `100 Continue` before that; who answers sets it back.
    `sink` takes the body in, if it is one for that.
    """

    __slots__ = ("_known", "_pieces", "_upgrades")

    def __init__(
        self,
        limits: Limits,
        upgrades: Container[str] = (),
        hosts: Hosts = ALL_HOSTS,
        open_sink: SinkOpener | None = None,
    ) -> None:
        super().__init__(limits, hosts, open_sink)
        self._upgrades = upgrades
        self._known = _NOTHING
        self._pieces = _NO_PIECES

    def feed(self, data: bytes) -> list[Request]:
        """Take bytes in; the requests that are complete with them, in order."""
        if self._is_done:
            return []
        end = data.find(b"\r\n")
        known = self._known
        if self.is_idle and len(data) == end + known.size and data.startswith(known.block, end):
            request = known.recall(data, end)
            if request is not None:
                return [request]
        if (
            self.is_idle
            and end > 0
            and data[0] > 13
            and data.count(b" ", 0, end) < 3
            and data.find(_VERSION, end) < 0
        ):
            self._parse_one(data, end)
        else:
            self._parse(data)
        ready = self._ready
        self._ready = []
        return ready

    def close(self) -> None:
        """Let go of llhttp; nothing may be fed any more."""
        self._is_done = True
        self._drop_sink()
        del self._parser  # it refers back to this object

    @property
    def taken(self) -> int:
        """Bytes that have come of the request that is read."""
        return self._fed

    # In pieces.

    def _parse_one(self, data: bytes, end: int) -> None:
        """Parse data that begins with a sound first line, up to `end`, and has no other."""
        self._fed = len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            self._pieces = Pieces()
            self._read_on(data, exc.args[0])
            self._parse(data, exc.args[0])
            return
        except httptools.HttpParserError as exc:
            self._stop(exc)
            return
        if not self.is_idle:
            self._pieces = self._find_pieces(data, end)
            if self._pieces.spaces > 2:
                self._stop(self._refuse(spaces_error()))
            self._check_unfinished()
        elif self._ready:
            self._remember(data, end)

    def _find_pieces(self, data: bytes, end: int) -> Pieces:
        """Where the next pieces go on, when a request has not ended with `data`."""
        pieces = Pieces()
        if not self._ready:
            pieces.go_on(data, len(data) - 3)
            return pieces
        start = data.rfind(_EMPTY_LINE) + 4
        length = self._ready[0].headers.get(b"content-length")
        if length is not None:
            start = data.find(_EMPTY_LINE, end) + 4 + int(length)
        pieces.begin(data, start)
        self._fed = len(data) - start
        return pieces

    def _remember(self, data: bytes, end: int) -> None:
        if self._known is _NOTHING:
            self._known = KnownHead(self._limits.target_bytes)
        self._known.remember(self._ready[-1], data, end)

    def _parse(self, data: bytes, start: int = 0) -> None:
        """Parse what there may be of several requests, from `start` on."""
        while start < len(data) and not self._is_done:
            begins = self.is_idle
            if begins and (end := self._take_known(data, start)):
                start = end
                continue
            end = self._end_of_piece(data, start)
            piece = data[start:end]
            self._fed += len(piece)
            try:
                if self._pieces.spaces > 2:
                    raise self._refuse(spaces_error())
                self._parser.feed_data(piece)
            except httptools.HttpParserUpgrade:  # comes with the end of a head, so of the piece
                self._read_on(data, end)
                begins = False
            except (httptools.HttpParserError, HttpProtocolError) as exc:
                self._stop(exc)
            if begins and self.is_idle and self._ready:
                self._remember(piece, piece.find(b"\r\n"))
            start = end
        if not self.is_idle:
            self._check_unfinished()

    def _take_known(self, data: bytes, start: int) -> int:
        """Take the request that begins at `start`, if all but its first line is known; its end."""
        known = self._known
        line = data.find(b"\r\n", start)
        end = line + known.size
        if line < 0 or known.size < 0 or end > len(data) or not data.startswith(known.block, line):
            return 0
        request = known.recall(data[start:end], line - start)
        if request is None:
            return 0
        self._ready.append(request)
        return end

    def _end_of_piece(self, data: bytes, start: int) -> int:
        if self.has_head and self._left != UNKNOWN:
            return min(len(data), start + self._left)
        if self.is_idle:
            self._fed = 0
            self._pieces = Pieces()
            return self._pieces.begin(data, start)
        return self._pieces.go_on(data, start)

    def _check_unfinished(self) -> None:
        """Bound what an unfinished request has taken so far."""
        limits = self._limits
        if self._is_done:
            return
        if self.has_head:
            most = self.sink.limit if self.sink is not None else limits.body_bytes
            if self._fed > limits.header_bytes + most * 4 + _WASTE:
                self._stop(self._refuse(body_error(most)))
        elif self._fed > limits.header_bytes + limits.target_bytes:
            self._stop(self._refuse(limits.head_error()))

    # Upgrades.

    def _read_on(self, data: bytes, end: int) -> None:
        """Hand over the request whose head has just come, with all that follows its `end`; or read
        that head again without its upgrade."""
        request = self._ready.pop()
        self._restart()
        if is_upgrade(request, self._upgrades):
            self._is_done = True
            head = write_head(request, request.headers)
            self._ready.append(structs.replace(request, upgrade=head + data[end:]))
            return
        self._is_done = False
        headers = {name: value for name, value in request.headers.items() if name != b"upgrade"}
        head = write_head(request, headers)
        self._fed = len(head)
        try:
            self._parser.feed_data(head)
        except httptools.HttpParserError as exc:
            self._stop(exc)
