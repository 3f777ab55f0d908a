"""What is fuzzed: each target takes any bytes, and raises only for a fault of ours.

Where bytes come in pieces in life, the first ones say how the rest is cut, and what comes out must
be what comes out of the whole. An `ActionHeroError` is an answer; anything else is a fault.
"""

import contextlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any, TypeVar

import msgspec

from actionhero.codec.inputs import Inputs, compile_inputs
from actionhero.errors import ActionHeroError, FrameError
from actionhero.messages import Words
from actionhero.protocols import deflate, frames, lines, websocket
from actionhero.protocols.http1 import BodySink, Limits, Peer, Request, write_head
from actionhero.protocols.http1_codings import Accepted
from actionhero.protocols.http1_conditions import Validators, is_unchanged, read_range
from actionhero.protocols.http1_cookies import read_cookies
from actionhero.protocols.http1_fields import (
    read_content_type,
    read_fields,
    read_form,
    read_path,
    read_request_id,
)
from actionhero.protocols.http1_forwarded import Proxies
from actionhero.protocols.http1_gzip import Gunzip
from actionhero.protocols.http1_multipart import LONGEST_NAME, Part, PartReader
from actionhero.protocols.http1_origins import ALL_HOSTS, Hosts
from actionhero.protocols.http1_parser import RequestParser

T = TypeVar("T")
LIMITS = Limits(target_bytes=100, header_bytes=400, headers=10, body_bytes=100)
_LIMIT = 300
_UPGRADES = frozenset(("/ws",))


def pieces(data: bytes) -> tuple[bytes, list[bytes]]:
    """The bytes as a whole, and cut by what their first three say."""
    sizes, whole = data[:3], data[3:]
    cut, start, turn = [], 0, 0
    while start < len(whole):
        size = sizes[turn % len(sizes)] % 17 + 1 if turn < 60 else len(whole)
        cut.append(whole[start : start + size])
        start, turn = start + size, turn + 1
    return whole, cut


def outcome(read: Callable[[], T]) -> tuple[T | None, str]:
    """What a reader gave, or which error it gave instead."""
    try:
        return read(), ""
    except ActionHeroError as exc:
        return None, f"{type(exc).__name__} {exc.status}"


# HTTP/1.1


def _requests(parts: Iterable[bytes]) -> tuple[list[Request], int | None, bool]:
    parser = RequestParser(LIMITS, _UPGRADES, open_sink=_open_sink)
    found = [request for part in parts for request in parser.feed(part)]
    if found and found[-1].upgrade is not None:  # it has what came with it, and so is another
        found[-1] = msgspec.structs.replace(found[-1], upgrade=b"")
    status = None if parser.error is None else parser.error.status
    return found, status, parser.is_idle


def _open_sink(method: str, target: str, headers: Mapping[bytes, bytes]) -> BodySink | None:
    return Gunzip(LIMITS) if headers.get(b"content-encoding") == b"gzip" else None


def http1(data: bytes) -> None:
    """Requests: the same in any pieces, within the limits, and framed so that they are read again
    as they were."""
    whole, cut = pieces(data)
    found, status, is_idle = _requests([whole])
    again, other, was_idle = _requests(cut)
    # which of two faults is told may depend on what came first
    assert (found, status is None, is_idle) == (again, other is None, was_idle), (status, other)
    for request in found:
        size = sum(len(name) + len(value) + 4 for name, value in request.headers.items())
        assert size <= LIMITS.header_bytes
        assert len(request.headers) <= LIMITS.headers
        assert len(request.body or b"") <= LIMITS.body_bytes
        assert len(request.target) <= LIMITS.target_bytes
        assert request.target.startswith("/") or request.target == "*"
        assert request.is_old or b"host" in request.headers
        if request.upgrade is None:
            _read_again(request)


def _read_again(request: Request) -> None:
    """As a proxy would send it on, with a smuggled one behind it."""
    headers = {n: v for n, v in request.headers.items() if n not in _HOP_BY_HOP}
    if request.body is not None:
        headers[b"content-length"] = str(len(request.body)).encode()
    if request.is_old and request.keep_alive:
        headers[b"connection"] = b"keep-alive"
    limits = Limits(target_bytes=200, header_bytes=1000, headers=20, body_bytes=200)
    again = RequestParser(limits).feed(write_head(request, headers) + (request.body or b""))
    assert [(one.method, one.target, one.body) for one in again] == [
        (request.method, request.target, request.body)
    ]


_HOP_BY_HOP = frozenset(
    (b"transfer-encoding", b"content-length", b"connection", b"upgrade", b"expect")
)


def _parts(parts: Iterable[bytes]) -> tuple[list[object], str]:
    """The parts of a form, their content joined, and which error ended it."""
    found: list[object] = []

    def read() -> None:
        reader = PartReader(b"multipart/form-data; boundary=b")
        for part in parts:
            for event in reader.feed(part):
                if isinstance(event, bytes | bytearray) and found and isinstance(found[-1], bytes):
                    found[-1] += event
                else:
                    found.append(bytes(event) if isinstance(event, bytearray) else event)
        reader.close()

    return found, outcome(read)[1]


def forms(data: bytes) -> None:
    """Forms with files: with sane names, and nothing else in pieces."""
    whole, cut = pieces(data)
    found, error = _parts([whole])
    again, other = _parts(cut)
    # the library is stricter with some broken heads where they come in pieces
    assert error or other or found == again, (found, again)
    for event in found:
        if isinstance(event, Part):
            assert 0 < len(event.name) <= LONGEST_NAME
            assert not set("\0\r\n") & set(event.name + event.content_type)
            assert not set("/\\\0\r\n") & set(event.filename or "")
    outcome(lambda: PartReader(whole))


def packed(data: bytes) -> None:
    """Packed bodies: the same in any pieces, and never more than the limit."""
    whole, cut = pieces(data)
    results = []
    for parts in ([whole], cut):
        sink = Gunzip(LIMITS)

        def read(sink: Gunzip = sink, parts: list[bytes] = parts) -> bytes:
            for part in parts:
                sink.feed(part)
            return sink.end()

        results.append(outcome(read))
    assert results[0][0] == results[1][0], results
    assert len(results[0][0] or b"") <= LIMITS.body_bytes


def fields(data: bytes) -> None:
    """Queries, forms, paths, content types, ids and hosts."""
    text = data.decode("latin-1")
    for read in (read_fields, read_path):
        outcome(lambda read=read: read(text))  # type: ignore[misc]
    outcome(lambda: read_form(data))
    outcome(lambda: read_content_type(data))
    outcome(lambda: ALL_HOSTS.check(data))
    outcome(lambda: Hosts(("a.org", "*.b.org")).check(data))
    outcome(lambda: _PROXIES.look_behind(Peer("10.0.0.1", 1), {b"x-forwarded-for": data}))
    assert (read_request_id(data) or "").isprintable()


_PROXIES = Proxies(("10.0.0.0/8", "unix"), ALL_HOSTS)


def cookies(data: bytes) -> None:
    """A `Cookie` field."""
    found = read_cookies(data.decode("latin-1"))
    assert all(
        name and "=" not in name and ";" not in name + value for name, value in found.items()
    )


def conditions(data: bytes) -> None:
    """Conditions, ranges and codings: what is sent of a file lies within it."""
    first, *rest = data.split(b"\n")
    names = (b"range", b"if-range", b"if-match", b"if-none-match", b"if-modified-since")
    headers = {name: value for name, value in zip(names, [first, *rest], strict=False) if value}
    if first:
        headers[b"if-unmodified-since"] = first
    validators = Validators('"a"', 1_700_000_000)
    for size in (0, 1, 1000):
        part, _ = outcome(lambda size=size: read_range(headers, size, validators))  # type: ignore[misc]
        if part is not None:
            assert 0 <= part.start < size
            assert 0 < part.length <= size - part.start
    outcome(lambda: is_unchanged(headers, validators))
    chosen = Accepted(first).choose(("br", "gzip"))
    assert chosen in {None, "", "br", "gzip"}


# Lines


def _lines(parts: Iterable[bytes]) -> tuple[list[bytes], str | None]:
    reader = lines.LineReader(_LIMIT)
    return [line for part in parts for line in reader.receive(part)], reader.ending


def tcp_lines(data: bytes) -> None:
    """Lines: the same in any pieces; each is a request or an error."""
    whole, cut = pieces(data)
    found = _lines([whole])
    assert found == _lines(cut), (found, _lines(cut))
    for line in found[0]:
        assert 0 < len(line) <= _LIMIT
        said, _ = outcome(lambda line=line: lines.read_line(line))  # type: ignore[misc]
        if isinstance(said, lines.WordLine):
            outcome(lambda said=said: lines.read_words(said.rest))  # type: ignore[misc]
        elif said is not None and said.body is not None:
            msgspec.json.decode(said.body)


# WebSocket


def _messages(parts: Iterable[bytes], folds: deflate.Deflate | None) -> Iterator[object]:
    reader = frames.FrameReader(_LIMIT, takes_compressed=folds is not None)
    assembler = frames.Assembler(_LIMIT, folds)
    try:
        for part in parts:
            for frame in reader.feed(part):
                if frame.opcode >= frames.CLOSE:
                    yield frame
                    if frame.opcode == frames.CLOSE:
                        yield frames.read_close(frame.payload)
                        return
                elif (message := assembler.add(frame)) is not None:
                    yield message
    except FrameError as exc:
        yield exc.close_code


def web_socket(data: bytes) -> None:
    """Frames: the same in any pieces, within the limit, texts UTF-8; each is a call or an error."""
    whole, cut = pieces(data)
    for folds in (None, deflate.agree("permessage-deflate")):
        found = list(_messages([whole], folds))
        assert found == list(_messages(cut, folds)), (found, list(_messages(cut, folds)))
        for message in found:
            if isinstance(message, tuple) and not isinstance(message, frames.Frame):
                assert len(message[1]) <= _LIMIT
                if message[0] == frames.TEXT:
                    message[1].decode()
                    _read_message(message[1])


def _read_message(text: bytes) -> None:
    said, _ = outcome(lambda: websocket.read_message(text))
    if said is not None:
        outcome(lambda: websocket.read_call(said.params))


def ws_text(data: bytes) -> None:
    """The short way for short texts is the long way's equal; and any text is a call or an error."""
    text = frames.read_text(data)
    if text is not None:
        (frame,) = frames.FrameReader(_LIMIT).feed(data)
        assert (frame.opcode, frame.is_final, frame.payload) == (frames.TEXT, True, text)
    with contextlib.suppress(UnicodeDecodeError):
        _read_message(data.decode().encode())


def ws_opening(data: bytes) -> None:
    """Opening requests."""
    head, *values = data.split(b"\n")
    names = (
        "upgrade",
        "connection",
        "sec-websocket-version",
        "sec-websocket-key",
        "origin",
        "host",
    )
    headers = {n: v.decode("latin-1") for n, v in zip(names, values, strict=False)}
    outcome(lambda: websocket.check_opening(head, headers, frozenset(("https://a.org",))))


def unfolding(data: bytes) -> None:
    """Compressed messages: never more than the limit comes out; what was pressed comes back."""
    folds = deflate.agree("permessage-deflate")
    assert folds is not None
    with contextlib.suppress(FrameError):
        assert len(folds.decompress(data, _LIMIT)) <= _LIMIT
    pressed = folds.compress(data)
    if pressed is not None:
        assert len(pressed) < len(data)
        assert folds.decompress(pressed, len(data)) == data
    deflate.agree(data.decode("latin-1"))


# Inputs


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Leaf(msgspec.Struct):
    name: str
    size: Annotated[int, msgspec.Meta(ge=0)] = 0


def everything(
    text: str,
    number: int = 0,
    ratio: float = 0.0,
    flag: bool = False,
    when: datetime | None = None,
    day: date | None = None,
    colour: Colour = Colour.RED,
    leaf: Leaf | None = None,
    leaves: list[Leaf] | None = None,
    tags: set[str] | None = None,
    table: dict[str, float] | None = None,
    raw: bytes = b"",
    either: int | str = 0,
    free: Any = None,
) -> None:
    """Takes everything."""


_INPUTS: Inputs = compile_inputs(everything, lambda kind: False)


def _all_differ(fields: list[tuple[str, Any]]) -> None:
    assert len({name for name, _ in fields}) == len(fields)


def _is_none(word: str) -> None:
    raise AssertionError(f"{word} is no JSON")


def json_inputs(data: bytes) -> None:
    """Inputs out of JSON and words: they fit their types and are JSON again, or it is said why."""
    body, mark, query = data.partition(b"\xff")
    words: Words = outcome(lambda: read_fields(query.decode("latin-1")))[0] or {} if mark else {}
    for given in (body, None):
        values, _ = outcome(lambda given=given: _INPUTS.read(words, given))  # type: ignore[misc]
        if values is not None:
            assert isinstance(values.text, str)  # type: ignore[attr-defined]
            assert type(values.number) is int  # type: ignore[attr-defined]
            _INPUTS.encode(values)
            json.loads(given or b"{}", object_pairs_hook=_all_differ, parse_constant=_is_none)


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one
    for one in (
        http1,
        forms,
        packed,
        fields,
        cookies,
        conditions,
        tcp_lines,
        web_socket,
        ws_text,
        ws_opening,
        unfolding,
        json_inputs,
    )
}
