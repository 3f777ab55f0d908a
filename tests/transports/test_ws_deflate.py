"""Compressed messages over a real connection."""

import json
import zlib

import pytest

from tests.transports.ws_kit import MESSAGE, Raw, Start, ask, talk

COMPRESSED = 0xC0
"""Final, and the first reserved bit."""


@pytest.fixture
def start(start_ws: Start) -> Start:
    return start_ws


def press(content: bytes) -> bytes:
    pressing = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (pressing.compress(content) + pressing.flush(zlib.Z_SYNC_FLUSH))[:-4]


async def open_pressing(start: Start) -> Raw:
    kit = await start()
    return await kit.open_raw(Sec_WebSocket_Extensions="permessage-deflate")


async def test_a_real_client_compresses(start: Start) -> None:
    name = "Ada " * 5000
    async with talk(await start(), compression="deflate") as client:
        assert client.protocol.extensions
        answer = await ask(client, event="action", params={"action": "hello", "name": name})
        assert answer["greeting"] == f"Hello, {name}."


async def test_a_long_reply_is_compressed(start: Start) -> None:
    raw = await open_pressing(start)
    raw.send(0x1, press(MESSAGE.replace(b"Ada", b"Ada " * 1000)), first=COMPRESSED)
    first, size = await raw.reader.readexactly(2)
    assert (first, size < 126) == (0xC1, True)
    reply = zlib.decompressobj(-15).decompress(await raw.reader.readexactly(size))
    assert json.loads(reply)["greeting"] == "Hello, " + "Ada " * 1000 + "."


async def test_a_compressed_message_in_fragments(start: Start) -> None:
    raw = await open_pressing(start)
    pressed = press(MESSAGE)
    raw.send(0x1, pressed[:5], first=0x40)
    raw.send(0x9, b"in between")
    raw.send(0x0, pressed[5:])
    assert await raw.read() == (0xA, b"in between")
    assert json.loads((await raw.read())[1])["greeting"] == "Hello, Ada."
    assert (await raw.ask(MESSAGE))["greeting"] == "Hello, Ada."  # and one that is not


@pytest.mark.parametrize(
    ("opcode", "payload", "first", "code"),
    [
        (0x1, press(b"\xff"), COMPRESSED, 1007),
        (0x1, b"\xff\xff", COMPRESSED, 1002),
        (0x1, MESSAGE, 0xA0, 1002),
        (0x9, b"", COMPRESSED, 1002),
        (0x2, press(b"x"), COMPRESSED, 1003),
    ],
    ids=["no text", "broken", "second bit", "control", "binary"],
)
async def test_what_is_not_right_is_refused(
    start: Start, opcode: int, payload: bytes, first: int, code: int
) -> None:
    raw = await open_pressing(start)
    raw.send(opcode, payload, first=first)
    assert await raw.read_close() == code


async def test_it_can_be_turned_off(start: Start) -> None:
    kit = await start(deflate=False)
    async with talk(kit, compression="deflate") as client:
        assert not client.protocol.extensions
        assert (await ask(client, event="action", params={"action": "number"}))["data"] == 42
