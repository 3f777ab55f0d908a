"""Streams over HTTP, as server-sent events."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.transports.http_kit import GET, HELLO, Kit, Reply, Wire, request, serving
from tests.transports.serving import PATIENCE, eventually

END = ("end", None, "null")


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    async with serving(tmp_path) as kit:
        yield kit


class Sent(NamedTuple):
    """One event as a browser reads it; a comment is called ":"."""

    name: str
    id: str | None
    data: Any


class Events:
    """The events of a reply in the chunked coding."""

    def __init__(self, wire: Wire, head: Reply) -> None:
        self.wire = wire
        self.head = head
        self._text = b""

    async def read_chunk(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            size = int(await self.wire.reader.readuntil(b"\r\n"), 16)
            data = await self.wire.reader.readexactly(size + 2)
        assert data.endswith(b"\r\n")
        return data[:-2]

    async def read(self) -> Sent | None:
        """The next event; None at the end of the body."""
        while b"\n\n" not in self._text:
            data = await self.read_chunk()
            if not data:
                assert self._text == b""
                return None
            self._text += data
        text, _, self._text = self._text.partition(b"\n\n")
        return parse(text.decode())

    async def rest(self) -> list[tuple[str, str | None, Any]]:
        """All that still come."""
        found = []
        while event := await self.read():
            found.append(tuple(event))
        return found


def parse(text: str) -> Sent:
    fields = {name: value for name, _, value in (one.partition(": ") for one in text.split("\n"))}
    if ":" in fields:
        return Sent(":", None, None)
    return Sent(fields.get("event", "message"), fields.get("id"), fields["data"])


async def listen(kit: Kit, target: str, *lines: str) -> Events:
    """Begin to read a stream over a connection of its own."""
    wire = await kit.connect(limit=2**22)
    head = await wire.ask(request("GET", f"/api/{target}", *lines))
    return Events(wire, head)


async def test_values_are_events(kit: Kit) -> None:
    events = await listen(kit, "count?to=2")
    fields = events.head.fields
    assert events.head.status == 200
    assert fields["content-type"] == "text/event-stream"
    assert fields["transfer-encoding"] == "chunked"
    assert (fields["cache-control"], fields["x-accel-buffering"]) == ("no-store", "no")
    assert "content-length" not in fields
    assert fields["x-request-id"]
    assert await events.rest() == [("message", "1", "1"), ("message", "2", "2"), END]
    assert kit.stats.tally["actions:processedActions"] == 1


async def test_the_connection_goes_on_after_it(kit: Kit) -> None:
    events = await listen(kit, "count?to=1")
    await events.rest()
    assert (await events.wire.ask(GET)).json() == HELLO


async def test_requests_behind_it_wait_for_its_end(kit: Kit) -> None:
    wire = await kit.connect()
    wire.send(request("GET", "/api/drip") + GET + request("GET", "/api/count?to=1") + GET)
    events = Events(wire, await wire.read_reply())
    assert await events.read() == ("message", "1", "0")
    kit.gate.opened.set()
    assert await events.rest() == [("message", "2", "1"), END]
    assert (await wire.read_reply()).json() == HELLO
    assert await Events(wire, await wire.read_reply()).rest() == [("message", "1", "1"), END]
    assert (await wire.read_reply()).json() == HELLO


async def test_events_of_the_actions_own(kit: Kit) -> None:
    events = await listen(kit, "events", "Last-Event-ID: a0")
    assert await events.rest() == [
        ("greeting", "a1", '{"seen":"a0"}'),
        ("message", "2", '"plain"'),
        END,
    ]


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        ("", None),
        ("Last-Event-ID: ", None),
        ("Last-Event-ID: \xc3\xbc", "ü"),
        ("Last-Event-ID: \xfc", "ü"),
    ],
)
async def test_where_a_client_was_is_known(kit: Kit, given: str, seen: str | None) -> None:
    events = await listen(kit, "events", *([given] if given else []))
    first = await events.read()
    assert first is not None
    assert json.loads(first.data) == {"seen": seen}


async def test_the_action_shapes_the_head(kit: Kit) -> None:
    events = await listen(kit, "shaped_stream")
    assert (events.head.status, events.head.fields["x-shape"]) == (202, "round")
    assert events.head.fields["cache-control"] == "private"
    assert await events.rest() == [("message", "1", '"made"'), END]


async def test_a_status_without_a_body_is_an_ordinary_reply(kit: Kit) -> None:
    """204 tells an EventSource not to come again."""
    assert (await kit.get("/api/nothing_more")).status == 204
    reply = await kit.get("/api/shaped_stream?status=204")
    assert (reply.status, reply.body) == (204, b"")


async def test_one_that_gives_nothing_ends(kit: Kit) -> None:
    events = await listen(kit, "count?to=0")
    assert events.head.status == 200
    assert await events.rest() == [END]


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("break_down", 410, "empty"),
        ("break_down?secret=true", 500, "internal_error"),
        ("unsayable", 500, "internal_error"),
        ("count?to=many", 422, "invalid_input"),
    ],
)
async def test_what_fails_at_once_is_an_ordinary_reply(
    kit: Kit, target: str, status: int, code: str
) -> None:
    reply = await kit.get(f"/api/{target}")
    assert (reply.status, reply.json()["code"]) == (status, code)
    assert reply.fields["content-type"] == "application/problem+json"
    assert kit.dispatcher.pending == 0


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("break_down?after=1", 410, "empty"),
        ("break_down?after=1&secret=true", 500, "internal_error"),
        ("unsayable?after=1", 500, "internal_error"),
    ],
)
async def test_what_fails_later_is_an_event(kit: Kit, target: str, status: int, code: str) -> None:
    events = await listen(kit, target, "X-Request-Id: mine")
    assert await events.read() == ("message", "1", "0")
    (failure,) = await events.rest()
    problem = json.loads(failure[2])
    assert failure[:2] == ("error", None)
    assert (problem["status"], problem["code"], problem["requestId"]) == (status, code, "mine")
    assert (await events.wire.ask(GET)).json() == HELLO
    assert kit.dispatcher.pending == 0


async def test_the_head_does_not_wait_for_ever(tmp_path: Path) -> None:
    async with serving(tmp_path, heartbeat=0.02) as kit:
        events = await listen(kit, "drip?before=0")
        assert events.head.status == 200
        assert await events.read() == (":", None, None)
        kit.gate.opened.set()
        assert [one for one in await events.rest() if one[0] != ":"] == [("message", "1", "0"), END]


async def test_a_silent_stream_shows_that_it_lives(tmp_path: Path) -> None:
    async with serving(tmp_path, heartbeat=0.02) as kit:
        events = await listen(kit, "drip")
        assert await events.read() == ("message", "1", "0")
        assert await events.read() == (":", None, None)
        assert await events.read() == (":", None, None)


@pytest.mark.parametrize("target", ["count", "drip", "flood"])
async def test_head_is_the_head_alone(kit: Kit, target: str) -> None:
    wire = await kit.connect()
    reply = await wire.ask(request("HEAD", f"/api/{target}"), is_head=True)
    assert (reply.status, reply.fields["content-type"]) == (200, "text/event-stream")
    assert (await wire.ask(GET)).json() == HELLO
    assert kit.gate.closed == (target != "count")


async def test_head_of_a_silent_one(tmp_path: Path) -> None:
    async with serving(tmp_path, heartbeat=0.02) as kit:
        wire = await kit.connect()
        reply = await wire.ask(request("HEAD", "/api/drip?before=0"), is_head=True)
        assert reply.status == 200
        assert (await wire.ask(GET)).json() == HELLO
        assert (kit.gate.cancelled, kit.gate.closed) == (1, 1)


async def test_head_of_one_that_fails(kit: Kit) -> None:
    assert (await kit.get("/api/break_down", method="HEAD")).status == 410


async def test_an_old_client_reads_until_the_end(kit: Kit) -> None:
    wire = await kit.connect()
    wire.send(b"GET /api/count?to=2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    head, _, body = (await wire.read_end()).partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert b"\r\nConnection: close" in head
    assert body == b"id: 1\ndata: 1\n\nid: 2\ndata: 2\n\nevent: end\ndata: null\n\n"


async def test_who_wants_no_more_is_told_of_the_end(kit: Kit) -> None:
    events = await listen(kit, "count?to=1", "Connection: close")
    assert events.head.fields["connection"] == "close"
    assert await events.rest() == [("message", "1", "1"), END]
    assert await events.wire.read_end() == b""


@pytest.mark.parametrize("target", ["drip", "drip?before=0", "flood"])
async def test_who_goes_away_has_it_closed(kit: Kit, target: str) -> None:
    wire = await kit.connect()
    wire.send(request("GET", f"/api/{target}"))
    await eventually(lambda: kit.gate.entered + kit.gate.given > 0)
    async with asyncio.timeout(1.0):
        await wire.aclose()
        while not kit.gate.closed:
            await asyncio.sleep(0.002)
    await eventually(lambda: kit.dispatcher.pending == 0)


async def test_who_is_cut_off_has_it_closed(kit: Kit) -> None:
    events = await listen(kit, "drip")
    await eventually(lambda: kit.gate.entered == 1)
    sock = events.wire.writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    async with asyncio.timeout(1.0):
        events.wire.writer.transport.abort()
        while not kit.gate.closed:
            await asyncio.sleep(0.002)


async def test_one_that_goes_on_when_it_is_cancelled_is_closed(kit: Kit) -> None:
    events = await listen(kit, "stubborn")
    assert await events.read() == ("message", "1", "1")
    await events.wire.aclose()
    await eventually(lambda: kit.gate.closed == 1)
    assert kit.gate.cancelled == 1
    await eventually(lambda: kit.dispatcher.pending == 0)


async def test_a_client_that_does_not_read_is_not_produced_for(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        events = await listen(kit, "flood?size=100000")
        given = -1
        while given != kit.gate.given:
            given = kit.gate.given
            await asyncio.sleep(0.05)
        assert given * 100_000 < 2**26  # what the buffers of both sides hold, and no more
        assert (await kit.ask(GET)).json() == HELLO
        assert await events.read() is not None  # and it goes on
        await events.read_chunk()


async def test_a_limit_that_runs_out_while_a_value_is_sent_cuts_it(kit: Kit) -> None:
    events = await listen(kit, "hasty")
    await eventually(lambda: kit.gate.closed == 1)
    rest = await events.wire.read_end()
    assert not rest.endswith(b"0\r\n\r\n")
    await eventually(lambda: kit.dispatcher.pending == 0)


async def test_a_client_that_never_reads_is_dropped(tmp_path: Path) -> None:
    async with serving(tmp_path, write_timeout=0.1) as kit:
        await listen(kit, "flood?size=100000")
        await eventually(lambda: kit.gate.closed == 1)
        await eventually(lambda: kit.dispatcher.pending == 0)


async def test_what_never_waits_does_not_hold_up_others(kit: Kit) -> None:
    events = await listen(kit, "flood?size=1")

    async def read() -> None:
        while True:
            await events.read_chunk()

    reading = asyncio.ensure_future(read())
    for _ in range(20):
        assert (await kit.ask(GET)).json() == HELLO
    assert not reading.done()
    reading.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await reading


async def test_a_hundred_at_once(kit: Kit) -> None:
    streams = await asyncio.gather(*(listen(kit, "drip") for _ in range(100)))
    await eventually(lambda: kit.gate.entered == 100)
    assert kit.dispatcher.pending == 100
    assert (await kit.ask(GET)).json() == HELLO
    kit.gate.opened.set()
    for events in streams:
        assert await events.rest() == [("message", "1", "0"), ("message", "2", "1"), END]
    assert kit.dispatcher.pending == 0


@pytest.mark.parametrize("target", ["drip", "flood"])
async def test_a_server_that_stops_ends_it_without_saying_it_is_complete(
    kit: Kit, target: str
) -> None:
    events = await listen(kit, target)
    assert await events.read() is not None
    stopping = asyncio.ensure_future(kit.server.drain(PATIENCE))
    names = {name for name, _, _ in await events.rest()}
    assert names <= {"message"}
    assert await events.wire.read_end() == b""
    await stopping
    assert kit.gate.closed == 1


async def test_a_server_that_stops_answers_what_has_not_begun(kit: Kit) -> None:
    wire = await kit.connect()
    wire.send(request("GET", "/api/drip?before=0"))
    await eventually(lambda: kit.gate.entered == 1)
    stopping = asyncio.ensure_future(kit.server.drain(PATIENCE))
    reply = await wire.read_reply()
    assert (reply.status, reply.json()["code"]) == (503, "shutting_down")
    assert await wire.read_end() == b""
    await stopping


async def test_other_origins_may_read_it_where_they_may_read_replies(tmp_path: Path) -> None:
    async with serving(tmp_path, cors_origins=("https://a.example",)) as kit:
        events = await listen(kit, "count", "Origin: https://a.example")
        assert events.head.fields["access-control-allow-origin"] == "https://a.example"
