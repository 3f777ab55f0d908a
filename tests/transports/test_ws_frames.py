"""Frames: whole, in pieces, and broken."""

import asyncio
import json

import pytest

from tests.transports.serving import PATIENCE, eventually
from tests.transports.ws_kit import MESSAGE, Raw, Start, frame


@pytest.fixture
def start(start_ws: Start) -> Start:
    return start_ws


@pytest.fixture
async def raw(start: Start) -> Raw:
    return await (await start()).open_raw()


async def test_a_message_in_fragments(raw: Raw) -> None:
    raw.send(0x1, MESSAGE[:10], first=0)
    raw.send(0x9, b"in between")
    raw.send(0x0, MESSAGE[10:20], first=0)
    raw.send(0x0, b"", first=0)
    assert await raw.read() == (0xA, b"in between")
    raw.send(0x0, MESSAGE[20:])
    assert (await raw.read())[0] == 0x1
    assert (await raw.ask(MESSAGE))["greeting"] == "Hello, Ada."


async def test_a_message_byte_by_byte(raw: Raw) -> None:
    for byte in frame(0x1, MESSAGE):
        raw.writer.write(bytes([byte]))
        await raw.writer.drain()
    assert (await raw.read())[0] == 0x1


async def test_a_letter_cut_in_two(raw: Raw) -> None:
    message = MESSAGE.replace(b"Ada", "€".encode())
    place = message.index(b"\xe2") + 1
    raw.send(0x1, message[:place], first=0)
    raw.send(0x0, message[place:])
    assert "€" in json.loads((await raw.read())[1])["greeting"]


async def test_pings_are_answered(raw: Raw) -> None:
    for payload in (b"", b"x" * 125):
        raw.send(0x9, payload)
        assert await raw.read() == (0xA, payload)
    raw.send(0xA, b"unasked")
    assert (await raw.ask(MESSAGE))["messageId"] == 1


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        (frame(0x2, b"binary"), 1003),
        (frame(0x2, b"binary", first=0), 1003),
        (frame(0x1, b"\xff"), 1007),
        (frame(0x1, b'{"event": "action", "params": {"x": "\xff"}}'), 1007),
        (frame(0x1, b"\xe2\x82", first=0) + frame(0x0, b"x"), 1007),
        (frame(0x0, b"x"), 1002),
        (frame(0x0, b"x", first=0), 1002),
        (frame(0x1, b"x", first=0) + frame(0x1, b"y"), 1002),
        (frame(0x1, MESSAGE, first=0xC0), 1002),
        (frame(0x1, MESSAGE, first=0xA0), 1002),
        (frame(0x1, MESSAGE, first=0x90), 1002),
        (frame(0x9, b"x", first=0xC0), 1002),
        (frame(0x3, b"x"), 1002),
        (frame(0xB, b"x"), 1002),
        (frame(0x9, b"x", first=0), 1002),
        (frame(0x9, b"x" * 126), 1002),
        (frame(0x1, MESSAGE, mask=False), 1002),
        (frame(0x1, b"x" * 2001), 1009),
        (b"\x81\xff" + (2**62).to_bytes(8, "big"), 1009),
        (b"\x81\xff" + (2**63).to_bytes(8, "big"), 1002),
        (b"\x81\xfe\x00\x05", 1002),
        (frame(0x1, b"x" * 1500, first=0) + frame(0x0, b"x" * 501, first=0), 1009),
    ],
)
async def test_broken_frames_have_their_close_code(start: Start, frames: bytes, code: int) -> None:
    kit = await start(message_bytes=2000)
    whole = await kit.open_raw()
    whole.writer.write(frames)
    assert await whole.read_close() == code
    slow = await kit.open_raw()
    for byte in frames[:200]:
        slow.writer.write(bytes([byte]))
        await asyncio.sleep(0)
    slow.writer.write(frames[200:])
    assert await slow.read_close() == code
    trailing = await kit.open_raw()
    trailing.writer.write(frames + frame(0x1, MESSAGE) * 3)
    assert await trailing.read_close() == code
    await whole.aclose()
    await slow.aclose()
    await trailing.aclose()
    await eventually(lambda: kit.active == 0)
    assert kit.stats.tally["actions:processedActions"] == 0


async def test_a_message_as_big_as_the_limit(start: Start) -> None:
    raw = await (await start(message_bytes=100_000)).open_raw()
    message = MESSAGE.replace(b"Ada", b"x" * (100_000 - len(MESSAGE) + 3))
    assert len((await raw.ask(message))["greeting"]) > 99_000
    raw.send(0x1, message[:60_000], first=0)
    raw.send(0x0, message[60_000:])
    assert (await raw.read())[0] == 0x1


async def test_many_empty_fragments_cost_nothing(raw: Raw) -> None:
    raw.send(0x1, b"", first=0)
    raw.writer.write(frame(0x0, b"", first=0) * 10_000)
    raw.send(0x0, MESSAGE)
    assert (await raw.read())[0] == 0x1


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"", 1000),
        (b"\x03\xe8", 1000),
        (b"\x03\xe9bye", 1001),
        (b"\x0f\xa0", 4000),
        (b"\x13\x87", 4999),
        (b"\x03", 1002),
        (b"\x00\x00", 1002),
        (b"\x03\xe7", 1002),
        (b"\x03\xed", 1002),
        (b"\x07\xd0", 1002),
        (b"\x13\x88", 1002),
        (b"\xff\xff", 1002),
        (b"\x03\xe8\xff", 1007),
    ],
)
async def test_the_closing_handshake(start: Start, payload: bytes, code: int) -> None:
    kit = await start()
    raw = await kit.open_raw()
    raw.send(0x8, payload)
    assert await raw.read_close() == code
    await raw.aclose()
    await eventually(lambda: kit.active == 0)
    assert kit.lost == 1


async def test_nothing_is_taken_after_a_close(start: Start) -> None:
    kit = await start()
    raw = await kit.open_raw()
    raw.writer.write(frame(0x8, b"\x03\xe8") + frame(0x1, MESSAGE) + frame(0x8, b"\x03\xe8"))
    assert await raw.read_close() == 1000
    assert kit.stats.tally["webSockets:numberOfRequests"] == 0


async def test_a_client_that_just_goes(start: Start) -> None:
    kit = await start()
    raw = await kit.open_raw()
    raw.send(0x1, MESSAGE.replace(b"hello", b"wait"))
    await eventually(lambda: kit.gate.entered == 1)
    await raw.aclose()
    await eventually(lambda: kit.active == 0)
    draining = asyncio.create_task(kit.endpoint.drain(PATIENCE))
    await asyncio.sleep(0)
    assert not draining.done()
    kit.gate.opened.set()
    await draining
    assert (kit.gate.left, kit.gate.cancelled, kit.lost) == (1, 0, 1)
