"""Actions that stream, for the tests of every transport."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

from actionhero.connections import Connection
from actionhero.errors import ActionError
from actionhero.messages import Event
from tests.transports.gate import Gate


async def count(to: int = 3) -> AsyncIterator[int]:
    for number in range(1, to + 1):
        yield number


async def drip(gate: Gate, before: int = 1) -> AsyncIterator[int]:
    """Some values, and one more when the gate is open."""
    try:
        for number in range(before):
            yield number
        await gate.pass_through()
        yield before
    finally:
        gate.closed += 1


async def flood(gate: Gate, size: int = 10_000) -> AsyncIterator[str]:
    """Values without an end, and without ever waiting."""
    try:
        while True:
            gate.given += 1
            yield "x" * size
    finally:
        gate.closed += 1


async def break_down(after: int = 0, secret: bool = False) -> AsyncIterator[int]:
    for number in range(after):
        yield number
    if secret:
        raise RuntimeError("a secret")
    raise ActionError("no more", code="empty", status=410)


async def unsayable(after: int = 0) -> AsyncIterator[object]:
    for number in range(after):
        yield number
    yield object()


async def events(connection: Connection) -> AsyncIterator[Event]:
    yield Event({"seen": connection.last_event_id}, id="a1", event="greeting")
    yield Event("plain")


async def shaped_stream(connection: Connection, status: int = 202) -> AsyncIterator[str]:
    connection.set_status(status)
    connection.set_header("X-Shape", "round")
    connection.set_header("Cache-Control", "private")
    yield "made"


async def nothing_more(connection: Connection) -> AsyncIterator[str]:
    connection.set_status(204)
    if connection.remote_ip == "nowhere":
        yield "never"


async def stubborn(gate: Gate) -> AsyncIterator[int]:
    """Goes on when it is called off, once."""
    yield 1
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        gate.cancelled += 1
    try:
        yield 2
    finally:
        gate.closed += 1


async def hasty(gate: Gate) -> AsyncIterator[str]:
    """Holds a time limit over its values, which so may run out while one of them is sent."""
    try:
        async with asyncio.timeout(0.05):
            while True:
                gate.given += 1
                yield "x" * 100_000
    finally:
        gate.closed += 1


STREAMS: tuple[Callable[..., Any], ...] = (
    count,
    drip,
    flood,
    break_down,
    unsayable,
    events,
    shaped_stream,
    nothing_more,
    stubborn,
    hasty,
)
