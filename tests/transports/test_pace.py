"""How fast clients may send, over WebSocket and TCP."""

import contextlib
import json

import pytest
from websockets.exceptions import ConnectionClosed

from actionhero.transports.pace import Pace
from tests.transports import tcp_kit, ws_kit
from tests.transports.serving import eventually


class Clock:
    """A time that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("actionhero.transports.pace.monotonic", clock)
    return clock


def used(pace: Pace, times: int) -> int:
    """How many of so many messages at once were too many."""
    refused = 0
    for _ in range(times):
        pace.left -= 1
        refused += pace.left < 0 and pace.is_exceeded()
    return refused


def test_a_seconds_worth_may_come_at_once_and_comes_back(clock: Clock) -> None:
    pace = Pace(10)
    assert used(pace, 10) == 0
    assert used(pace, 3) == 3
    clock.now += 0.5
    assert used(pace, 5) == 3  # the three are paid for, too
    assert not pace.is_hopeless
    clock.now += 100.0
    assert used(pace, 30) == 20  # but no more than ten for all that time


def test_who_goes_on_all_the_same_is_hopeless(clock: Clock) -> None:
    pace = Pace(10)
    used(pace, 10)
    assert used(pace, 10) == 10
    assert not pace.is_hopeless
    assert used(pace, 1) == 1
    assert pace.is_hopeless


def test_zero_is_any_number() -> None:
    assert used(Pace(0), 100_000) == 0


async def test_over_tcp_the_hasty_are_told_and_then_sent_away(start_tcp: tcp_kit.Start) -> None:
    kit = await start_tcp(lines_per_second=5)
    client = await kit.connect()
    client.send(*(f'{{"action": "task", "messageId": {n}}}' for n in range(40)))
    text = await client.rest()
    answers = [json.loads(line) for line in text.splitlines()]
    errors = [one["error"] for one in answers if "error" in one]
    assert 5 <= len(answers) - len(errors) <= 15
    assert {error["code"] for error in errors} == {"too_many_requests"}
    assert errors[0]["retryAfter"] == 1.0
    assert len(answers) < 35
    assert (await (await kit.connect()).ask("detailsView"))["status"] == "OK"


async def test_over_websocket_the_hasty_are_told_and_then_closed(start_ws: ws_kit.Start) -> None:
    kit = await start_ws(messages_per_second=5)
    async with kit.connect() as client:
        await client.recv()
        for n in range(5):
            assert (await ws_kit.ask(client, event="detailsView", messageId=n))["status"] == "OK"
        for n in range(40):
            await client.send(json.dumps({"event": "detailsView", "messageId": n}))
        answers = []
        with contextlib.suppress(ConnectionClosed):
            while True:
                answers.append(json.loads(await client.recv()))
        assert client.close_code == 1008
    errors = [one["error"] for one in answers if "error" in one]
    assert {error["code"] for error in errors} == {"too_many_requests"}
    assert errors[0]["retryAfter"] == 1.0
    assert len(answers) < 20


@pytest.mark.parametrize("kind", ["ping", "pong", "empty"])
async def test_frames_without_content_count_too(start_ws: ws_kit.Start, kind: str) -> None:
    kit = await start_ws(messages_per_second=5)
    raw = await kit.open_raw()
    if kind == "empty":
        raw.send(0x1, b"begun", first=0)
    for _ in range(60):
        if kind == "empty":
            raw.send(0x0, b"", first=0)
        else:
            raw.send(0x9 if kind == "ping" else 0xA, b"x")
    pongs = 0
    while (frame := await raw.read())[0] == 0xA:
        pongs += 1
    assert frame == (0x8, (1008).to_bytes(2, "big") + b"too many messages")
    assert pongs <= 15


async def test_who_is_to_be_closed_is_told_nothing_more(start_ws: ws_kit.Start) -> None:
    kit = await start_ws(messages_per_second=5)
    raw = await kit.open_raw()
    raw.send(0x1, b'{"event": "action", "params": {"action": "wait"}, "messageId": 0}')
    await eventually(lambda: kit.gate.entered == 1)
    for n in range(1, 40):
        raw.send(0x1, b'{"event": "detailsView", "messageId": %d}' % n)
    (link,) = kit.endpoint.watch
    await eventually(lambda: link.session._end is not None)
    kit.gate.opened.set()
    texts = []
    while (frame := await raw.read())[0] == 0x1:
        texts.append(frame[1])
    assert sum(b"too_many_requests" in text for text in texts) < 15
    assert b'"waited"' in texts[-1]
    assert frame[1][:2] == (1008).to_bytes(2, "big")
