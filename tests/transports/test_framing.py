"""Requests that two readers could frame unlike, against a real server over a socket.

Each of `tests/protocols/framing.BROKEN` comes behind a sound one, in one piece with a smuggled
request after it; byte by byte; and with garbage after it. It is answered with its status, the
connection ends, and nothing behind it is ever answered or run.
"""

import asyncio
import socket
from pathlib import Path

import pytest

from tests.protocols.framing import BROKEN, LIMITS, SMUGGLED, SOUND
from tests.transports.http_kit import GET, HELLO, Kit, Wire, serving
from tests.transports.serving import eventually

SETTINGS = {
    "target_bytes": LIMITS.target_bytes,
    "header_bytes": LIMITS.header_bytes,
    "headers": LIMITS.headers,
    "body_bytes": LIMITS.body_bytes,
}
TRAILS = (SMUGGLED, b"\x00\xff" * 50, b"\r\n" * 50 + SMUGGLED)


def said_hello(kit: Kit) -> int:
    """How often the action behind `SMUGGLED` has run."""
    return kit.stats.tally["actions:processedActions:hello"]


async def connect(kit: Kit) -> Wire:
    wire = await kit.connect()
    wire.writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return wire


async def send_bytes(wire: Wire, data: bytes) -> None:
    """Send one byte at a time, so that the server reads most of them so."""
    for byte in data:
        wire.send(bytes((byte,)))
        await asyncio.sleep(0)


async def expect_refusal(wire: Wire, status: int) -> None:
    reply = await wire.read_reply()
    assert (reply.status, reply.json()["status"]) == (status, status)
    assert reply.fields["connection"] == "close"
    assert await wire.read_end() == b""
    await wire.aclose()


@pytest.mark.parametrize("name", BROKEN)
async def test_a_broken_request_is_refused_and_nothing_after_it_answered(
    name: str, tmp_path: Path
) -> None:
    status, data = BROKEN[name]
    async with serving(tmp_path, **SETTINGS) as kit:
        for trail in TRAILS:
            wire = await connect(kit)
            wire.send(GET + data + trail)
            assert (await wire.read_reply()).json() == HELLO
            await expect_refusal(wire, status)
        if len(data) < 1000:
            wire = await connect(kit)
            await send_bytes(wire, data + SMUGGLED)
            await expect_refusal(wire, status)
        await eventually(lambda: not connections(kit))
        assert said_hello(kit) == len(TRAILS)


def connections(kit: Kit) -> int:
    assert kit.server._state is not None
    return len(kit.server._state.connections)


@pytest.mark.parametrize("name", SOUND)
async def test_a_sound_request_and_the_next_are_both_answered(name: str, tmp_path: Path) -> None:
    _, data = SOUND[name]
    async with serving(tmp_path, **SETTINGS) as kit:
        for is_whole in (True, False):
            wire = await connect(kit)
            if is_whole:
                wire.send(data + SMUGGLED)
            else:
                await send_bytes(wire, data[-500:] + SMUGGLED)
            assert (await wire.read_reply()).status < 500
            assert (await wire.read_reply()).json() == {"greeting": "Hello, smuggled."}
