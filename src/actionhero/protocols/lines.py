"""TCP's lines as requests.

Rules
- A line ends in LF or CRLF, is UTF-8, and is at most `limit` bytes long without its end. Empty
  lines mean nothing. What is left without an end when the client goes is not a line.
- A line is JSON, if it begins with `{` or `[`, or words: a verb or an action's name first.
- Telnet's Ctrl-C (`IAC IP IAC DO TM`, RFC 854) and Ctrl-D end the connection wherever they come;
  neither can be part of a valid line. The lines before them count.
"""

import re
from typing import Literal, TypeAlias

import msgspec
from msgspec import Raw, Struct

from actionhero.codec import read_json
from actionhero.errors import MalformedError
from actionhero.messages import Words
from actionhero.protocols.replies import MessageId

Ending: TypeAlias = Literal["interrupted", "too_long"]
"""Why no more lines are read: the client asked for it, or broke the limit."""

_INTERRUPT = re.compile(rb"\x04|\xff\xf4\xff\xfd\x06")


class LineReader:
    """Bytes to lines. After an `ending` it gives no more of them."""

    __slots__ = ("_limit", "_rest", "ending")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = bytearray()
        self.ending: Ending | None = None

    def receive(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends."""
        if self.ending is not None:
            return []
        if b"\x04" in data or b"\x06" in data:  # the last byte of an interrupt
            data = self._cut(data)
        if b"\n" not in data:
            self._keep(data)
            return []
        if self._rest:
            data = bytes(self._rest) + data
            self._rest.clear()
        *lines, rest = data.split(b"\n")
        lines = self._check(lines)
        if self.ending != "too_long":
            self._keep(rest)
        return lines

    def _cut(self, data: bytes) -> bytes:
        """`data` up to an interrupt, which may have begun in what came before."""
        before = self._rest[-4:]
        found = _INTERRUPT.search(before + data)
        if found is None:
            return data
        self.ending = "interrupted"
        return data[: max(0, found.start() - len(before))]

    def _keep(self, rest: bytes) -> None:
        """Hold what has no end yet; a carriage return may be the beginning of its end."""
        self._rest += rest
        if len(self._rest) - self._rest.endswith(b"\r") > self._limit:
            self._rest.clear()
            self.ending = self.ending or "too_long"

    def _check(self, lines: list[bytes]) -> list[bytes]:
        lines = [line.removesuffix(b"\r") for line in lines]
        for index, line in enumerate(lines):
            if len(line) > self._limit:
                self.ending = "too_long"
                del lines[index:]
                break
        return [line for line in lines if line and not line.isspace()]


class JsonLine(Struct, frozen=True):
    """A line such as `{"action": "hello", "params": {"name": "Ada"}, "messageId": 1}`.

    The action and the id may also stand in the params, as they do over WebSocket.
    """

    action: str | None = None
    params: Raw = Raw()
    messageId: MessageId = None  # noqa: N815  the name on the wire

    @property
    def body(self) -> bytes | None:
        """The params as JSON; None where there are none, and the sticky ones hold."""
        body = bytes(self.params)
        return None if body in (b"", b"null") else body


class _Inside(Struct, frozen=True):
    action: str | None = None
    messageId: MessageId = None  # noqa: N815  the name on the wire


class WordLine(Struct, frozen=True):
    """A line such as `hello name=Ada`: its first word, and what follows."""

    first: str
    rest: str


_SPACE = " \t"
_SPACES = re.compile(r"[ \t]+")
"""What parts words. Other kinds of space, which Unicode has many of, belong to values."""
_decode_line = msgspec.json.Decoder(JsonLine).decode
_decode_inside = msgspec.json.Decoder(_Inside).decode


def read_line(line: bytes) -> JsonLine | WordLine:
    """What a line says. Raises `MalformedError`."""
    try:
        text = line.decode()
    except UnicodeDecodeError as exc:
        raise MalformedError(f"the line is not UTF-8 at byte {exc.start}") from exc
    if text.lstrip()[:1] in ("{", "["):
        return _read_json_line(line)
    first, *rest = _SPACES.split(text.strip(_SPACE), 1)
    return WordLine(first, rest[0] if rest else "")


def _read_json_line(text: bytes) -> JsonLine:
    try:
        line = read_json(_decode_line, text)
        if line.body is None or (line.action is not None and line.messageId is not None):
            return line
        inside = _decode_inside(line.params)
    except msgspec.ValidationError as exc:
        raise MalformedError(f"the line is not as it should be: {exc}") from exc
    message_id = inside.messageId if line.messageId is None else line.messageId
    return JsonLine(line.action or inside.action, line.params, message_id)


def read_words(text: str) -> Words:
    """The inputs in `name=value` words; a name given more than once has a list of its values.

    Raises `MalformedError`.
    """
    words: Words = {}
    for word in filter(None, _SPACES.split(text)):
        name, sign, value = word.partition("=")
        if not sign or not name:
            raise MalformedError(
                f"{word!r} is not written as name=value; values with spaces go into a JSON line"
            )
        before = words.get(name)
        if before is None:
            words[name] = value
        else:
            words[name] = [*([before] if isinstance(before, str) else before), value]
    return words
