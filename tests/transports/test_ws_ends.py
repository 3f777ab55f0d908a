"""Who is slow, silent or stuck, and how connections end."""

import asyncio
import contextlib
import logging

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from actionhero.errors import DrainingError
from actionhero.protocols.frames import GOING_AWAY, SERVICE_RESTART
from tests.transports.serving import PATIENCE, eventually
from tests.transports.ws_kit import MESSAGE, Raw, Start, ask, frame, hear, talk


@pytest.fixture
def start(start_ws: Start) -> Start:
    return start_ws


async def test_the_silent_are_asked_and_then_dropped(start: Start) -> None:
    kit = await start(ping_interval=0.05)
    raw = await kit.open_raw()
    assert await raw.read() == (0x9, b"")
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(raw.reader.read(), PATIENCE) == b""
    await eventually(lambda: kit.active == 0)


async def test_who_answers_pings_stays(start: Start) -> None:
    kit = await start(ping_interval=0.05)
    raw = await kit.open_raw()
    for _ in range(4):
        assert await raw.read() == (0x9, b"")
        raw.send(0xA)
    assert (await raw.ask(MESSAGE))["messageId"] == 1


BIG = MESSAGE.replace(b'hello", "name": "Ada"', b'wait", "size": 16000000')
"""Asks for more than the kernel takes into its buffers."""


def stop_reading(raw: Raw) -> None:
    raw.writer.transport.pause_reading()  # type: ignore[attr-defined]


def read_again(raw: Raw) -> None:
    raw.writer.transport.resume_reading()  # type: ignore[attr-defined]


async def test_who_leaves_too_much_unread_is_closed(start: Start) -> None:
    kit = await start(outstanding_bytes=50_000)
    raw = await kit.open_raw()
    raw.writer.write(frame(0x1, BIG) * 2)
    await eventually(lambda: kit.gate.entered == 2)
    stop_reading(raw)
    kit.gate.opened.set()
    await eventually(lambda: kit.gate.left == 2)
    read_again(raw)
    assert (await raw.read())[0] == 0x1
    assert await raw.read_close() == 1008


async def test_who_does_not_catch_up_is_dropped(start: Start) -> None:
    kit = await start(outstanding_bytes=50_000, write_timeout=0.05)
    raw = await kit.open_raw()
    stop_reading(raw)
    raw.send(0x1, BIG)
    await eventually(lambda: kit.gate.entered == 1)
    kit.gate.opened.set()
    await eventually(lambda: kit.active == 0)


async def test_who_does_not_read_is_not_read_from(start: Start) -> None:
    kit = await start(outstanding_bytes=50_000)
    raw = await kit.open_raw()
    stop_reading(raw)
    other = await kit.open_raw()
    raw.send(0x1, BIG)
    await eventually(lambda: kit.gate.entered == 1)
    kit.gate.opened.set()
    await eventually(lambda: kit.gate.left == 1)
    raw.writer.write(frame(0x9, b"x" * 100) * 1000)
    assert (await other.ask(MESSAGE))["messageId"] == 1
    read_again(raw)
    assert len((await raw.read())[1]) > 16_000_000
    for _ in range(1000):
        assert await raw.read() == (0xA, b"x" * 100)


async def test_a_big_reply_to_a_good_reader(start: Start) -> None:
    kit = await start(outstanding_bytes=1000, message_bytes=2**24)
    kit.gate.opened.set()
    async with talk(kit, max_size=2**24) as client:
        for _ in range(5):
            params = {"action": "wait", "size": 8_000_000}
            assert len((await ask(client, event="action", params=params))["waited"]) == 8_000_000


# The end.


@pytest.mark.parametrize("code", [GOING_AWAY, SERVICE_RESTART])
async def test_a_stop_closes_when_what_runs_has_answered(start: Start, code: int) -> None:
    kit = await start()
    async with talk(kit) as idle, talk(kit) as busy:
        await busy.send('{"event": "action", "params": {"action": "wait"}}')
        await eventually(lambda: kit.gate.entered == 1)
        draining = asyncio.create_task(kit.endpoint.drain(PATIENCE, code=code))
        with pytest.raises(ConnectionClosed) as caught:
            await hear(idle)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == code
        with pytest.raises(InvalidStatus) as refused:
            await kit.connect()
        assert refused.value.response.status_code == DrainingError.status
        assert not draining.done()
        kit.gate.opened.set()
        assert (await hear(busy))["waited"] == "x"
        with pytest.raises(ConnectionClosed):
            await hear(busy)
        await draining
    assert kit.active == 0


async def test_a_stop_does_not_wait_for_ever(start: Start) -> None:
    kit = await start()
    raw = await kit.open_raw()
    raw.send(0x1, MESSAGE.replace(b"hello", b"wait"))
    await eventually(lambda: kit.gate.entered == 1)
    await kit.endpoint.drain(0.05)
    assert kit.gate.cancelled == 1
    assert (kit.active, kit.lost) == (0, 1)


async def test_nothing_is_logged_about_clients(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    kit = await start()
    with caplog.at_level(logging.INFO):
        raw = await kit.open_raw()
        raw.send(0x3, b"x")
        assert await raw.read_close() == 1002
    assert [one.getMessage() for one in caplog.records if one.name != "asyncio"] == []
