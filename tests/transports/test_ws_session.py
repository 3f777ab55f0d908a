import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from actionhero.connections import Connection
from actionhero.transports.calls import FULL, Running
from actionhero.transports.ws_session import EVENTS, Desk, Session
from tests.transports.serving import NO_ROOMS, Served, eventually


class Framer:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.texts: list[dict[str, Any]] = []
        self.closed: tuple[int, str] | None = None
        self.is_reading = True

    def send(self, text: bytes) -> None:
        self.texts.append(json.loads(text))

    def send_value(self, text: bytes) -> None:
        self.send(text)

    def narrow(self) -> None:
        self.is_narrow = True

    @property
    def is_flowing(self) -> bool:
        return True

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)

    def pause(self) -> None:
        self.is_reading = False

    def resume(self) -> None:
        self.is_reading = True


class Kit:
    def __init__(self, public: Path) -> None:
        self.served = served = Served(public)
        self.framer = Framer()
        desk = Desk(
            Running(),
            served.dispatcher,
            NO_ROOMS,
            served.stats,
            served.stats.meter("requests"),
            "Welcome",
            served.find_file,
            served.documentation,
            100,
            0,
        )
        self.session = Session(desk, self.framer, Connection("websocket", max_pending=2))

    def say(self, **message: Any) -> None:
        self.session.receive(json.dumps(message).encode())


@pytest.fixture
async def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path)


async def test_it_greets(kit: Kit) -> None:
    kit.session.greet()
    assert kit.framer.texts == [{"welcome": "Welcome", "context": "api"}]


async def test_events_are_answered_in_order_and_actions_when_they_end(kit: Kit) -> None:
    kit.say(event="action", params={"action": "wait"}, messageId=1)
    kit.say(event="detailsView", messageId=2)
    kit.say(event="nonsense", messageId=3)
    kit.say(event="documentation", messageId=4)
    await eventually(lambda: len(kit.framer.texts) == 3)
    assert [text["messageId"] for text in kit.framer.texts] == [2, 3, 4]
    kit.served.gate.opened.set()
    await eventually(lambda: len(kit.framer.texts) == 4)
    assert kit.framer.texts[3] == {"waited": "x", "context": "response", "messageId": 1}


async def test_every_event_is_answered(kit: Kit) -> None:
    events = [event for event in EVENTS if event != "quit"]
    for event in events:
        kit.say(event=event, messageId=event)
    await eventually(lambda: len(kit.framer.texts) == len(events))
    assert [text["messageId"] for text in kit.framer.texts] == events
    assert kit.framer.closed is None


async def test_it_ends_when_nothing_runs(kit: Kit) -> None:
    kit.say(event="action", params={"action": "wait"}, messageId=1)
    await eventually(lambda: kit.served.gate.entered == 1)
    kit.session.end(1001, "the server stops")
    kit.session.end(1000, "again")
    kit.say(event="detailsView", messageId=2)
    assert (kit.framer.texts, kit.framer.closed) == ([], None)
    kit.served.gate.opened.set()
    await eventually(lambda: kit.framer.closed is not None)
    assert [text["messageId"] for text in kit.framer.texts] == [1]
    assert kit.framer.closed == (1001, "the server stops")


async def test_an_idle_one_ends_at_once(kit: Kit) -> None:
    kit.say(event="quit")
    await eventually(lambda: kit.framer.closed is not None)
    assert kit.framer.closed == (1000, "request")


async def test_a_flood_is_taken_bit_by_bit(kit: Kit) -> None:
    for number in range(FULL * 2):
        kit.say(event="detailsView", messageId=number)
    assert not kit.framer.is_reading
    others = asyncio.Event()
    asyncio.get_running_loop().call_later(0, others.set)
    await others.wait()
    assert len(kit.framer.texts) < FULL
    await eventually(lambda: kit.framer.is_reading)
    assert [text["messageId"] for text in kit.framer.texts] == list(range(FULL * 2))
