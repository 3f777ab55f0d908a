"""`actionhero.js`: actions, streams, rooms; servers that restart under it."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.clients.node import Client, ClientFault, client
from tests.processes import ServerProcess, free_port, serving

pytestmark = pytest.mark.timeout(150)
APP = """
import asyncio
from collections.abc import AsyncIterator
from actionhero import App, Rooms

app = App("served")


@app.action
async def hello(name: str) -> dict[str, str]:
    return {"greeting": f"Hello, {name}."}


@app.action
async def number() -> int:
    return 5


@app.action
async def count() -> AsyncIterator[int]:
    for number in range(1000):
        yield number
        await asyncio.sleep(0.001)


@app.action
async def wait() -> None:
    await asyncio.sleep(60)


@app.action
async def announce(text: str, rooms: Rooms) -> int:
    return await rooms.say("defaultRoom", text)
"""


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    async with serving(tmp_path, APP) as server:
        yield server


async def check_actions(one: Client) -> None:
    """Actions give their values, and their errors."""
    assert await one("action", "hello", {"name": "Ada"}) == {"greeting": "Hello, Ada."}
    assert await one("action", "number") == {"data": 5}
    with pytest.raises(ClientFault) as caught:
        await one("action", "hello")
    assert caught.value.code == "invalid_input"
    assert caught.value.details[0]["path"] == "name"


async def test_actions_and_their_errors(server: ServerProcess) -> None:
    async with client(server.http_port) as one:
        await check_actions(one)


async def test_streams_can_be_left(server: ServerProcess) -> None:
    async with client(server.http_port) as one:
        assert await one("stream", "count", {}, 3) == [0, 1, 2]
        assert len(await one("stream", "count", {})) == 1000


async def test_rooms(server: ServerProcess) -> None:
    async with client(server.http_port) as one, client(server.http_port) as other:
        await one("join", "defaultRoom")
        await other("join", "defaultRoom")
        assert (await one("view", "defaultRoom"))["membersCount"] == 2
        assert await one("say", "defaultRoom", {"text": "hi"}) == 1
        await one.wait_told("heard", {"text": "hi"})
        await other.wait_told("heard", {"text": "hi"})
        await other("leave", "defaultRoom")
        await one("say", "defaultRoom", "alone")
        await one.wait_told("heard", {"text": "hi"}, "alone")
        assert other.told("heard") == [{"text": "hi"}]
        with pytest.raises(ClientFault, match="no room"):
            await one("join", "elsewhere")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
async def test_a_restart_loses_nothing_that_was_said(
    server: ServerProcess, how: signal.Signals
) -> None:
    async with client(server.http_port) as one, client(server.http_port) as other:
        for each in (one, other):
            await each("join", "defaultRoom")
        await one("say", "defaultRoom", 1)
        await other.wait_told("heard", 1)
        server.send(how)
        await server.wait()
        await one.wait_state("waiting")
        said = [one.begin("say", "defaultRoom", number) for number in (2, 3)]
        await server.start()
        await asyncio.gather(*said)
        for each in (one, other):
            await each.wait_told("heard", 1, 2, 3)
            await each.wait_told("resumed", "defaultRoom")
            assert each.told("lost") == []


async def test_what_was_not_answered_may_have_been_done(server: ServerProcess) -> None:
    async with client(server.http_port) as one:
        await one("connect")
        asked = one.begin("action", "wait")
        server.send(signal.SIGKILL)
        with pytest.raises(ClientFault) as caught:
            await asked
        assert caught.value.name == "ConnectionLostError"


async def test_gets_the_gap_of_what_was_said_meanwhile(tmp_path: Path) -> None:
    """Two servers, one store: one server is away while the other goes on."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    store = {"ACTIONHERO_STORE__URL": f"embedded:{tmp_path / 'store'}"}
    async with (
        serving(tmp_path / "one", APP, **store) as here,
        serving(tmp_path / "two", APP, **store) as there,
        client(here.http_port) as one,
        client(there.http_port) as other,
    ):
        for each in (one, other):
            await each("join", "defaultRoom")
        await one("say", "defaultRoom", 0)
        await other.wait_told("heard", 0)
        there.send(signal.SIGKILL)
        await there.wait()
        await other.wait_state("waiting")
        for number in range(1, 20):
            await one("say", "defaultRoom", number)
        await there.start()
        await other.wait_told("heard", *range(20))
        await one("action", "announce", {"text": "all here"})
        await other.wait_told("heard", *range(20), "all here")


async def test_goes_by_http_where_there_is_no_websocket(server: ServerProcess) -> None:
    async with client(server.http_port, websocket_port=free_port()) as one:
        await check_actions(one)


async def test_close_ends_all(server: ServerProcess) -> None:
    async with client(server.http_port) as one:
        await one("connect")
        asked = one.begin("action", "wait")
        await one("close")
        with pytest.raises(ClientFault, match="closed"):
            await asked
        assert one.told("state")[-1] == "closed"
