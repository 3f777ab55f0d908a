"""WebSocket at `/primus`. (The client itself is run in tests/clients.)"""

import contextlib
import json
from typing import Any

import pytest

from actionhero.messages import Push
from actionhero.transports.primus import PrimusLink
from tests.transports.ws_kit import Kit, Start, ask, talk


@pytest.fixture
def start(start_ws: Start) -> Start:
    """Starts a server whose clients are Primus's."""

    async def start_primus(**settings: Any) -> Kit:
        kit = await start_ws(**settings)
        kit.link_type = PrimusLink
        return kit

    return start_primus


async def test_errors_are_texts_and_messages_the_same(start: Start) -> None:
    kit = await start()
    async with talk(kit) as client:
        failed = await ask(client, event="action", params={"action": "unheard of"}, messageId=1)
        assert failed["error"].startswith("Error: ")
        number = await ask(client, event="action", params={"action": "number"}, messageId=2)
        assert number == {"data": 42, "context": "response", "messageId": 2}


async def test_a_client_may_ask_for_its_id(start: Start) -> None:
    kit = await start()
    async with talk(kit) as client:
        shown = await ask(client, event="detailsView", messageId=1)
        await client.send('"primus::id::"')
        assert await client.recv() == f'"primus::id::{shown["data"]["id"]}"'


async def test_a_client_that_does_not_answer_a_ping_is_dropped(start: Start) -> None:
    kit = await start(ping_interval=0.05)
    raw = await kit.open_raw()
    opcode, text = await raw.read()
    assert opcode == 0x1
    assert json.loads(text).startswith("primus::ping::")
    with contextlib.suppress(ConnectionResetError):
        assert await raw.reader.read() == b""


async def test_a_client_that_answers_stays(start: Start) -> None:
    kit = await start(ping_interval=0.2)
    async with talk(kit) as client:
        for _ in range(4):
            asked = str(await client.recv())
            assert json.loads(asked).startswith("primus::ping::")
            await client.send(asked.replace("ping", "pong"))


async def test_who_quits_is_told_not_to_come_back(start: Start) -> None:
    kit = await start()
    async with talk(kit) as client:
        await client.send('{"event": "quit"}')
        assert await client.recv() == '"primus::server::close"'


async def test_who_is_sent_away_may_come_back(start: Start) -> None:
    kit = await start()
    async with talk(kit) as client:
        await kit.endpoint.drain(5.0)
        heard = [text async for text in client]
        assert heard == []
        assert client.close_code == 1001


async def test_hears_rooms(start: Start) -> None:
    kit = await start()
    async with talk(kit) as client:
        (link,) = kit.endpoint.watch
        link.hear(Push('{"message":"\u2028"}'.encode()))
        assert await client.recv() == '{"message":"\\u2028"}'
