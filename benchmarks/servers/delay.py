"""A store that is far away: `python -m benchmarks.servers.delay LISTEN TARGET SECONDS`.

It listens on a unix socket, passes all on to another, and all answers back, each SECONDS later than
it came. `select` waits to the microsecond, which the timers of event loops do not. What it can
carry at all is measured with a delay of 0, beside the direct way.
"""

from __future__ import annotations

import collections
import os
import select
import socket
import sys
import time
from pathlib import Path

CHUNK = 1 << 20


class Way:
    """One direction of one connection."""

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.source = source
        self.target = target
        self.under_way: collections.deque[tuple[float, bytes]] = collections.deque()

    def take(self, due: float) -> bool:
        """Read what there is, to be passed on at `due`; False at the end."""
        data = self.source.recv(CHUNK)
        if data:
            self.under_way.append((due, data))
        return bool(data)

    def pass_on(self, now: float) -> None:
        """Write what is due."""
        while self.under_way and self.under_way[0][0] <= now:
            self.target.sendall(self.under_way.popleft()[1])


class Delay:
    """The proxy."""

    def __init__(self, listen: str, target: str, seconds: float) -> None:
        self._target = target
        self._seconds = seconds
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(listen)
        self._listener.listen()
        self._ways: dict[socket.socket, Way] = {}

    def serve(self) -> None:
        """Pass on, for ever."""
        parent = os.getppid()
        while os.getppid() == parent:
            readable, _, _ = select.select([self._listener, *self._ways], [], [], self._patience())
            now = time.monotonic()
            for one in readable:
                if one is self._listener:
                    self._accept()
                elif one in self._ways:
                    self._read(one, now + self._seconds)
            for way in list(self._ways.values()):
                self._write(way)

    def _patience(self) -> float:
        dues = [way.under_way[0][0] for way in self._ways.values() if way.under_way]
        return max(0.0, min(dues) - time.monotonic()) if dues else 1.0

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        far = socket.socket(socket.AF_UNIX)
        far.connect(self._target)
        self._ways[near], self._ways[far] = Way(near, far), Way(far, near)

    def _read(self, source: socket.socket, due: float) -> None:
        try:
            is_open = self._ways[source].take(due)
        except OSError:
            is_open = False
        if not is_open:
            self._close(source)

    def _write(self, way: Way) -> None:
        try:
            way.pass_on(time.monotonic())
        except OSError:
            self._close(way.source)

    def _close(self, source: socket.socket) -> None:
        """End both directions of a connection."""
        way = self._ways.pop(source, None)
        if way is not None:
            self._ways.pop(way.target, None)
            way.source.close()
            way.target.close()


def main() -> None:
    """Serve until ended."""
    listen, target, seconds = sys.argv[1:]
    Path(listen).unlink(missing_ok=True)
    Delay(listen, target, float(seconds)).serve()


if __name__ == "__main__":
    main()
