"""A server with few file descriptors, as a process:
`python -m tests.transports.exhausted http uvloop`.

It prints its port. For each line on its input it prints a line of JSON about itself.
"""

import asyncio
import json
import logging
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import uvloop

from actionhero.settings import TcpSettings
from actionhero.transports.accepting import Acceptor
from tests.transports import http_kit, tcp_kit
from tests.transports.serving import Served

SPARE = 8
"""Descriptors that are left for connections."""


class Counting(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def count_pauses() -> list[float]:
    """When accepting was paused."""
    pauses: list[float] = []
    pause = Acceptor._pause

    def counted(self: Acceptor, *args: Any) -> None:
        pauses.append(time.monotonic())
        pause(self, *args)

    Acceptor._pause = counted  # type: ignore[method-assign,assignment]
    return pauses


async def main(transport: str) -> None:
    log, pauses = Counting(), count_pauses()
    logging.getLogger().addHandler(log)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: log.lines.append(str(context)))
    with tempfile.TemporaryDirectory() as public:
        kit: Any = http_kit.Kit(Path(public))
        if transport == "tcp":
            kit = tcp_kit.Kit(Served(Path(public)), TcpSettings(port=0))
        await kit.server.start()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        used = len(os.listdir("/proc/self/fd"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + SPARE, hard))
        say(kit.server.port)
        while await reader.readline():
            seconds = pauses[-1] - pauses[0] if pauses else 0.0
            about = {"pauses": len(pauses), "seconds": seconds, "cpu": time.process_time()}
            say({**about, "lines": log.lines})
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        await kit.aclose()


if __name__ == "__main__":
    factory = uvloop.new_event_loop if sys.argv[2] == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main(sys.argv[1]))
