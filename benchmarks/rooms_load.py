"""The load on rooms: one process, N members of one room, one of which speaks.

Rules:
- Members count what they hear, on bare transports, so that the load costs less than the server.
- The speaker has a few messages under way. Its last member (whom a server tells last) sets the
  pace.
- A message that a bare server gives back is as long as that which ours makes of it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from functools import partial
from typing import cast

import msgspec
import uvloop

from benchmarks.processes import read_cpu_seconds
from benchmarks.websocket_load import SETTLE, LoadResult, give, make_handshake

WINDOW = 4
"""Messages under way."""
MARK = b'"context":"user"'
JOIN = b'{"event":"roomAdd","room":"defaultRoom","messageId":1}'
SAY = b'{"event":"say","room":"defaultRoom","message":{"text":"%b"},"messageId":2}'
BARE = (
    b'{"message":{"text":"%b"},"room":"defaultRoom","from":"0123456789abcdef-1234567",'
    b'"context":"user","sentAt":1700000000000,"epoch":"0123456789abcdef","offset":12345}'
)
TEXT = b"What is said in the benchmark."


def make_frame(payload: bytes) -> bytes:
    """Make a masked text frame (RFC 6455, section 5.2); a mask of zeros leaves the bytes alone."""
    size = bytes([0x80 | len(payload)])
    if len(payload) > 125:
        size = bytes([0x80 | 126]) + len(payload).to_bytes(2, "big")
    return b"\x81" + size + bytes(4) + payload


class Member(asyncio.Protocol):
    """Joins, and counts what it hears."""

    def __init__(self, handshake: bytes, is_bare: bool) -> None:
        self.handshake = handshake
        self.is_bare = is_bare
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.count = 0
        self.rest = b""
        self.said: list[float] = []
        self.times: list[float] = []
        self.speaker: asyncio.Transport | None = None
        self.message = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self.handshake)
        if not self.is_bare:
            self.transport.write(make_frame(JOIN))

    def data_received(self, data: bytes) -> None:
        if self.joined.done():
            self.hear(data)
            return
        self.rest += data
        if b'"status":"OK"' in self.rest or (self.is_bare and b"\r\n\r\n" in self.rest):
            self.rest = b""
            self.joined.set_result(None)

    def hear(self, data: bytes) -> None:
        """Count, and (the pace-maker) have the next message said."""
        data = self.rest + data
        count = data.count(MARK)
        self.count += count
        self.rest = data[-len(MARK) + 1 :]
        if self.speaker is not None:
            now = time.perf_counter()
            for _ in range(count):
                self.times.append(now - self.said.pop(0))
                self.speak()

    def speak(self) -> None:
        """Have the speaker say one more."""
        assert self.speaker is not None
        self.said.append(time.perf_counter())
        self.speaker.write(self.message)


async def load(options: argparse.Namespace) -> LoadResult:
    """Join, warm up, count for the time asked."""
    loop = asyncio.get_running_loop()
    is_bare = options.kind == "bare"
    handshake = make_handshake(f"127.0.0.1:{options.port}", "/ws")
    members: list[Member] = []
    for _ in range(options.connections):
        member = Member(handshake, is_bare)
        members.append(member)
        await loop.create_connection(partial(give, member), "127.0.0.1", options.port)
        async with asyncio.timeout(10):
            await member.joined
    last = members[-1]
    last.speaker = members[0].transport
    last.message = make_frame((BARE if is_bare else SAY) % TEXT)
    for _ in range(WINDOW):
        last.speak()
    await asyncio.sleep(SETTLE)
    del last.times[:]
    first, began = sum(member.count for member in members), time.perf_counter()
    cpu = read_cpu_seconds(options.session)
    await asyncio.sleep(options.seconds)
    heard, seconds = sum(member.count for member in members) - first, time.perf_counter() - began
    cpu = read_cpu_seconds(options.session) - cpu
    for member in members:
        member.transport.abort()
    if not heard or not last.times:
        raise SystemExit("nothing was heard")
    times = sorted(last.times)
    p50, p99 = (times[int(len(times) * part)] * 1e3 for part in (0.5, 0.99))
    return LoadResult(heard, seconds, cpu, p50, p99)


def main() -> None:
    """Parse the command line, load, print the result as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rooms_load")
    parser.add_argument("kind", choices=["bare", "actionhero"])
    parser.add_argument("port", type=int)
    parser.add_argument("--session", type=int, required=True, help="the session of the server")
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=2.0)
    result = uvloop.run(load(parser.parse_args()))
    sys.stdout.write(json.dumps(msgspec.to_builtins(result)))


if __name__ == "__main__":
    main()
