"""A stream over HTTP, as a browser's EventSource reads it (WHATWG HTML, "Server-sent events")."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from msgspec import Struct

from actionhero.codec import decode_json


class ServerEvent(Struct, frozen=True):
    """One event: its name ("message" if it has none), its id, its data read from JSON."""

    event: str
    id: str
    data: Any


async def read_chunks(reader: asyncio.StreamReader, deadline: float) -> AsyncIterator[bytes]:
    """The parts of a chunked body, each within `deadline` seconds. Raises `TimeoutError`, and
    `EOFError` when the server has closed before its end."""
    while chunk := await asyncio.wait_for(_read_chunk(reader), deadline):
        yield chunk


async def _read_chunk(reader: asyncio.StreamReader) -> bytes:
    size = int(await reader.readuntil(b"\r\n"), 16)
    return (await reader.readexactly(size + 2))[:-2]


async def read_events(reader: asyncio.StreamReader, deadline: float) -> AsyncIterator[ServerEvent]:
    """The events of a chunked body. Raises as `read_chunks`; signs of life count, too."""
    rest = b""
    async for chunk in read_chunks(reader, deadline):
        *texts, rest = (rest + chunk).split(b"\n\n")
        for text in texts:
            fields = dict(line.partition(": ")[::2] for line in text.decode().split("\n"))
            if "data" in fields:  # else a sign of life
                name, id = fields.get("event", "message"), fields.get("id", "")
                yield ServerEvent(name, id, decode_json(fields["data"].encode()))
