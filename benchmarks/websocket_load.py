"""The WebSocket load: one process, N connections, one message in flight on each.

Rules:
- The client must cost less than the server, or the server under test idles and every ratio creeps
  towards 1. So the load is written on bare transports: a masked frame made once, and a count of
  the bytes that come back. (A picows client costs as much per message as a picows echo server.)
- What the replies say is checked before, by a real client (`check`); the load then holds that
  every reply has the length of the first.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import statistics
import sys
import time
from functools import partial
from typing import TypeVar, cast

import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benchmarks.processes import read_cpu_seconds

T = TypeVar("T")

SETTLE = 0.3
"""Seconds of load before the count begins."""


class LoadResult(msgspec.Struct):
    """What one run measured; latencies in milliseconds, of one connection among the many."""

    round_trips: int
    seconds: float
    server_cpu: float
    """Processor time that the server used meanwhile, in seconds."""
    p50: float
    p99: float


def give(made: T) -> T:
    """Stand in for a factory where the object is made already."""
    return made


class OneReply(WSListener):
    """Waits for the reply to one message, past any greeting that was sent unasked."""

    def __init__(self, wanted: bytes) -> None:
        self.wanted = wanted
        self.reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        if frame.msg_type == WSMsgType.TEXT and self.wanted in payload and not self.reply.done():
            self.reply.set_result(payload)


async def check(url: str, message: bytes, wanted: bytes) -> int:
    """See that a message gets a text reply holding `wanted`; give the length of the reply."""
    listener = OneReply(wanted)
    transport, _ = await ws_connect(partial(give, listener), url)
    transport.send(WSMsgType.TEXT, message)
    async with asyncio.timeout(10):
        reply = await listener.reply
    transport.disconnect()
    return len(reply)


class Client(asyncio.Protocol):
    """One connection: sends, waits for the whole reply, sends again."""

    transport: asyncio.Transport

    def __init__(self, frame: bytes, reply_length: int, handshake: bytes) -> None:
        self.frame = frame
        self.reply_length = reply_length
        self.handshake = handshake
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_started = False
        self.received = 0
        self.count = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self.handshake)

    def data_received(self, data: bytes) -> None:
        if not self.opened.done():
            self.on_handshake(data)
            return
        if not self.is_started:
            # A greeting: nothing has been asked yet.
            return
        self.received += len(data)
        if self.received >= self.reply_length:
            self.on_reply()

    def on_handshake(self, data: bytes) -> None:
        """Take the answer to the opening request; a greeting may come with it."""
        if not data.startswith(b"HTTP/1.1 101"):
            raise SystemExit(f"the handshake was refused: {data[:200]!r}")
        self.opened.set_result(None)

    def on_reply(self) -> None:
        """Count, and ask again."""
        if self.received != self.reply_length:
            raise SystemExit(f"a reply of {self.received} bytes, not {self.reply_length}")
        self.received = 0
        self.count += 1
        self.transport.write(self.frame)

    def start(self) -> None:
        """Send the first message."""
        self.is_started = True
        self.transport.write(self.frame)


class TimedClient(Client):
    """One connection that also keeps how long each round trip took."""

    asked = 0.0

    def start(self) -> None:
        self.times: list[float] = []
        self.asked = time.perf_counter()
        super().start()

    def on_reply(self) -> None:
        now = time.perf_counter()
        self.times.append(now - self.asked)
        self.asked = now
        super().on_reply()


def make_frame(payload: bytes) -> bytes:
    """Make a masked text frame (RFC 6455 section 5.2); a mask of zeros leaves the bytes alone."""
    if len(payload) > 125:
        raise ValueError("a message of this benchmark is at most 125 bytes")
    return bytes([0x81, 0x80 | len(payload)]) + bytes(4) + payload


def make_handshake(host: str, path: str) -> bytes:
    """Make the opening request (RFC 6455 section 4.1)."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def connect(port: int, path: str, frame: bytes, length: int, count: int) -> list[Client]:
    """Open the connections and wait until each has been accepted."""
    loop = asyncio.get_running_loop()
    handshake = make_handshake(f"127.0.0.1:{port}", path)
    clients: list[Client] = []
    for number in range(count):
        kind = TimedClient if number == 0 else Client
        client = kind(frame, length + 2, handshake)
        await loop.create_connection(partial(give, client), "127.0.0.1", port)
        clients.append(client)
    async with asyncio.timeout(10):
        await asyncio.gather(*(client.opened for client in clients))
    # A greeting that follows the handshake is on its way: let it pass before the first message.
    await asyncio.sleep(SETTLE)
    return clients


async def load(options: argparse.Namespace) -> LoadResult:
    """Check the reply, then load for the time asked."""
    message = options.message.encode()
    url = f"ws://127.0.0.1:{options.port}{options.path}"
    length = await check(url, message, options.wanted.encode())
    frame = make_frame(message)
    clients = await connect(options.port, options.path, frame, length, options.connections)
    for client in clients:
        client.start()
    await asyncio.sleep(SETTLE)
    first, began = sum(client.count for client in clients), time.perf_counter()
    cpu = read_cpu_seconds(options.session)
    await asyncio.sleep(options.seconds)
    last, seconds = sum(client.count for client in clients), time.perf_counter() - began
    cpu = read_cpu_seconds(options.session) - cpu
    for client in clients:
        client.transport.abort()
    timed = cast("TimedClient", clients[0])
    ordered = statistics.quantiles(timed.times, n=100)
    return LoadResult(last - first, seconds, cpu, ordered[49] * 1e3, ordered[98] * 1e3)


def main() -> None:
    """Parse the command line, load, print the result as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.websocket_load")
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("message")
    parser.add_argument("wanted", help="text that the right reply holds")
    parser.add_argument("--session", type=int, required=True, help="the session of the server")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=2.0)
    result = uvloop.run(load(parser.parse_args()))
    sys.stdout.write(json.dumps(msgspec.to_builtins(result)))


if __name__ == "__main__":
    main()
