"""Idle WebSocket connections: what each costs the server in memory. `benchmarks.websocket --idle`
runs it in a process of its own.

Rules:
- The clients are bare sockets that have shaken hands and then do nothing.
- The first ones are not counted: a server takes memory once that all connections share.
- One in a hundred asks something at the end, to see that they are held and not only open.
"""

from __future__ import annotations

import argparse
import socket
import sys
from pathlib import Path

import msgspec

from benchmarks.websocket_load import make_frame, make_handshake

FIRST = 500
"""Connections before the count begins."""
PER_ADDRESS = 10_000
"""Connections from one address of the loopback network: it has some 28,000 ports."""
BROWSER = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept: */*",
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Sec-WebSocket-Extensions: permessage-deflate",
    "Sec-Fetch-Dest: empty",
    "Sec-Fetch-Mode: websocket",
    "Sec-Fetch-Site: same-origin",
    "Pragma: no-cache",
    "Cache-Control: no-cache",
    "Cookie: theme=dark; consent=1; visitor=5d0b52d8",
)


class IdleResult(msgspec.Struct):
    """What one run measured: the connections, and the bytes of memory that each took."""

    connections: int
    bytes_each: float


def connect(port: int, path: str, number: int, headers: tuple[str, ...]) -> socket.socket:
    """Open one connection."""
    source = f"127.0.0.{2 + number // PER_ADDRESS}"
    sock = socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(source, 0))
    opening = make_handshake(f"127.0.0.1:{port}", path)
    sock.sendall(opening[:-2] + "".join(f"{line}\r\n" for line in headers).encode() + b"\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = sock.recv(4096)
        answer += part
        if not part or not answer.startswith(b"HTTP/1.1 101"):
            raise SystemExit(f"connection {number} was refused: {answer[:300]!r}")
    return sock


def resident(process: int) -> int:
    """Give the memory that a process has, in bytes."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS"))


def ask(sock: socket.socket, frame: bytes, wanted: bytes) -> None:
    """Ask something, and read until the answer has come, past a greeting."""
    sock.sendall(frame)
    answer = b""
    while wanted not in answer:
        part = sock.recv(4096)
        if not part:
            raise SystemExit("an idle connection was closed")
        answer += part


def run(options: argparse.Namespace) -> IdleResult:
    """Open all, and look at the server's memory."""
    headers = BROWSER if options.browser else ()
    frame, wanted = make_frame(options.message.encode()), options.wanted.encode()
    sockets: list[socket.socket] = []
    before = 0
    for number in range(options.connections):
        if number == FIRST:
            before = resident(options.process)
        sockets.append(connect(options.port, options.path, number, headers))
    taken = resident(options.process) - before
    for sock in sockets[::100]:
        ask(sock, frame, wanted)
    return IdleResult(len(sockets), taken / (len(sockets) - FIRST))


def main() -> None:
    """Parse the command line, open the connections, print the result as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.websocket_idle")
    parser.add_argument("port", type=int)
    parser.add_argument("path")
    parser.add_argument("message")
    parser.add_argument("wanted", help="text that the right reply holds")
    parser.add_argument("--process", type=int, required=True, help="the server")
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument("--browser", action="store_true", help="with a browser's header fields")
    sys.stdout.write(msgspec.json.encode(run(parser.parse_args())).decode())


if __name__ == "__main__":
    main()
