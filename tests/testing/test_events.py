"""Streams as a test reads them, over HTTP."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from actionhero import ActionError, App, Connection, Event
from actionhero.testing import AppServer, ServerEvent


@pytest.fixture
def app() -> App:
    app = App("kit")
    app.closed = 0  # type: ignore[attr-defined]

    @app.action
    async def count(to: int, connection: Connection) -> AsyncIterator[int | Event]:
        try:
            yield Event(connection.last_event_id, id="first", event="seen")
            for number in range(to):
                yield number
            if to == 0:
                raise ActionError("nothing", code="empty")
            if to > 5:
                await asyncio.Event().wait()
        finally:
            app.closed += 1  # type: ignore[attr-defined]

    @app.action
    async def plain() -> str:
        return "plain"

    return app


END = ServerEvent("end", "", None)


async def test_the_events_of_a_stream(app: App, app_server: AppServer) -> None:
    http = (await app_server(app)).http
    assert [event async for event in http.events("/api/count", to=1)] == [
        ServerEvent("seen", "first", None),
        ServerEvent("message", "2", 0),
        END,
    ]
    events = [event async for event in http.events("/api/count", last_event_id="x", to=0)]
    assert events[0].data == "x"
    assert (events[1].event, events[1].data["code"]) == ("error", "empty")


async def test_a_stream_is_closed_with_its_reader(app: App, app_server: AppServer) -> None:
    server = await app_server(app)
    async with contextlib.aclosing(server.http.events("/api/count", to=9)) as events:
        assert (await anext(events)).event == "seen"

    async def is_closed() -> bool:
        return app.closed == 1  # type: ignore[attr-defined,no-any-return]

    await server.wait_for(is_closed)


async def test_a_stream_ends_with_its_server(app: App, app_server: AppServer) -> None:
    server = await app_server(app)
    events = server.http.events("/api/count", to=9)
    assert (await anext(events)).event == "seen"
    stopping = asyncio.ensure_future(server.server.drain())
    assert "end" not in {event.event async for event in events}
    await stopping


async def test_what_is_no_stream_is_told(app: App, app_server: AppServer) -> None:
    http = (await app_server(app)).http
    with pytest.raises(ValueError, match="/api/plain answered 200, which is no stream"):
        await anext(http.events("/api/plain"))


async def test_a_stream_that_ends_can_be_read_as_a_whole(app: App, app_server: AppServer) -> None:
    http = (await app_server(app)).http
    reply = await http.get("/api/count", to=1)
    assert reply.text.endswith("event: end\ndata: null\n\n")
    assert (await http.get("/api/plain")).json() == "plain"
