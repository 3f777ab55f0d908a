"""The floor under task workers: what the store and asyncio cost when nothing is promised.

A list of ids and a hash of records; one Lua call a batch deletes what is done and pops what is
next; one asyncio Task a job; raw `hiredis` on a raw transport. No leases, no tokens, no retries, no
delays: a crash loses what was popped. It is here to be held against the real worker, beside it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import hiredis
import msgspec

_SCRIPT = """
if #ARGV > 1 then redis.call('HDEL', KEYS[1], unpack(ARGV, 2)) end
local ids = redis.call('LPOP', KEYS[2], ARGV[1]) or {}
if #ids == 0 then return {{}, {}} end
return {ids, redis.call('HMGET', KEYS[1], unpack(ids))}
"""
_KEYS = ("bare:data", "bare:pending")


class Params(msgspec.Struct):
    """What the job takes."""

    number: int
    email: str


_pack = cast("Callable[[tuple[str | bytes | int | float, ...]], bytes]", hiredis.pack_command)
_decode = msgspec.json.Decoder(Params).decode


class Wire(asyncio.Protocol):
    """Commands out, replies in."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not False:
            self._waiting.popleft().set_result(reply)

    def ask(self, *command: str | bytes | int | float) -> asyncio.Future[Any]:
        """Send one command."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        self._transport.write(_pack(command))
        return future

    def close(self) -> None:
        self._transport.close()


async def _do_nothing(number: int, email: str) -> None:
    """The job."""


async def _run(id: bytes, record: bytes, done: list[bytes]) -> None:
    params = _decode(record)
    await _do_nothing(params.number, params.email)
    done.append(id)


async def fill(wire: Wire, count: int) -> None:
    """Enqueue."""
    for first in range(0, count, 1000):
        ids = [f"{number:012x}" for number in range(first, min(first + 1000, count))]
        pairs: list[str] = []
        for number, id in enumerate(ids, first):
            pairs += (id, f'{{"number":{number},"email":"ada@example.com"}}')
        wire.ask("HSET", _KEYS[0], *pairs)
        await wire.ask("RPUSH", _KEYS[1], *ids)


async def work(wire: Wire, batch: int) -> int:
    """Work off everything; gives how many that were."""
    loop = asyncio.get_running_loop()
    sha = await wire.ask("SCRIPT", "LOAD", _SCRIPT)
    done: list[bytes] = []
    total = 0
    while True:
        settled, done = done, []
        ids, records = await wire.ask("EVALSHA", sha, 2, *_KEYS, batch, *settled)
        if not ids:
            return total
        tasks = [
            loop.create_task(_run(id, record, done))
            for id, record in zip(ids, records, strict=True)
        ]
        await asyncio.wait(tasks)
        total += len(tasks)
