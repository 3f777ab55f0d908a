"""Runs the code blocks of a document as a reader would: in an empty directory, from top to bottom.

- A `python` block whose first line is `# name.py` becomes that file; others are run.
- A `toml` block whose first line is `# name.toml` becomes that file.
- In a `console` block, a line after `$ ` is run by bash; the lines below are what it must print,
  where `…` stands for anything. What serves (`actionhero start`, `actionhero demo`) goes on in the
  background until the document ends.
- The document's ports 8080 and 5000 are free ones here.
"""

import asyncio
import os
import re
import shutil
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

_BLOCK = re.compile(r"^```(python|console|toml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"# ([\w./-]+\.(?:py|toml))\n")
_SERVES = re.compile(r"\s*(?:uv run )?actionhero (?:start|demo|work)\b(?!.*--burst)")
_NETCAT = """#!{python}
import socket, sys, threading
peer = socket.create_connection((sys.argv[-2], int(sys.argv[-1])))
def send():
    while data := sys.stdin.buffer.read1():
        peer.sendall(data)
threading.Thread(target=send, daemon=True).start()
while data := peer.recv(65536):
    sys.stdout.buffer.write(data)
"""
DEADLINE = 60.0


class Block(Struct, frozen=True):
    """A fenced block: its language, its text, its line in the document."""

    language: str
    text: str
    line: int


class Command(Struct, frozen=True):
    """A line of a console, and what it must print."""

    line: str
    expected: str


def blocks_of(document: Path) -> list[Block]:
    """The code blocks of a document, in order."""
    text = document.read_text()
    return [
        Block(found[1], found[2], text.count("\n", 0, found.start()) + 1)
        for found in _BLOCK.finditer(text)
    ]


def commands_of(block: Block) -> Iterator[Command]:
    """The commands of a console block with what they print."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        line, _, expected = part.partition("\n")
        yield Command(line, expected)


class Reader:
    """A person with a terminal in `directory`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ports = {"8080": str(_free_port()), "5000": str(_free_port())}
        self._servers: list[asyncio.subprocess.Process] = []
        self._environment = self._make_environment()

    async def follow(self, document: Path) -> None:
        """Do all that the document says. Raises `AssertionError` where it does not hold."""
        try:
            for block in blocks_of(document):
                await self._do(block, f"{document.name}:{block.line}")
        finally:
            await self._end()

    async def _do(self, block: Block, place: str) -> None:
        name = _FILE.match(block.text)
        if name:
            file = self._directory / name[1]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self._own(block.text))
        elif block.language == "python":
            file = self._directory / "block.py"
            file.write_text(self._own(block.text))
            await self._run(Command(f"python {file.name}", "…"), place)
        elif block.language == "console":
            for command in commands_of(block):
                await self._run(command, place)

    async def _run(self, command: Command, place: str) -> None:
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-c",
            self._own(f"exec {command.line}" if _SERVES.match(command.line) else command.line),
            cwd=self._directory,
            env=self._environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        if _SERVES.match(command.line):
            self._servers.append(process)
            await self._until_ready(process)
            return
        try:
            async with asyncio.timeout(DEADLINE):
                output, _ = await process.communicate()
        finally:
            _kill(process)
        text = output.decode()
        assert _fits(self._own(command.expected), text), (
            f"{place}: `{command.line}` printed\n{text}\nbut the document says\n{command.expected}"
        )
        assert process.returncode == 0 or "error" in command.expected, f"{place}: {text}"

    async def _until_ready(self, process: asyncio.subprocess.Process) -> None:
        async with asyncio.timeout(DEADLINE):
            while not _answers(int(self._ports["8080"])):
                if process.returncode is not None and process.stdout is not None:
                    raise AssertionError((await process.stdout.read()).decode())
                await asyncio.sleep(0.02)

    async def _end(self) -> None:
        for server in self._servers:
            if server.returncode is None:
                server.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(DEADLINE):
                    await server.communicate()
            finally:
                _kill(server)

    def _own(self, text: str) -> str:
        for written, real in self._ports.items():
            text = re.sub(rf"\b{written}\b", real, text)
        return text

    def _make_environment(self) -> dict[str, str]:
        """A path on which `actionhero` and `python` are ours, and `nc` is there."""
        tools = self._directory / ".tools"
        tools.mkdir()
        path = os.pathsep.join((str(tools), str(Path(sys.executable).parent), os.environ["PATH"]))
        if shutil.which("nc") is None:
            (tools / "nc").write_text(_NETCAT.format(python=sys.executable))
            (tools / "nc").chmod(0o755)
        return {
            **os.environ,
            "PATH": path,
            "ACTIONHERO_WEB__PORT": self._ports["8080"],
            "ACTIONHERO_TCP__PORT": self._ports["5000"],
            "PYTHONUNBUFFERED": "1",
        }


def _kill(process: asyncio.subprocess.Process) -> None:
    """End a command that hangs, with all that it has started."""
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)


def _fits(expected: str, printed: str) -> bool:
    pattern = "".join(
        ".*" if part == "…" else re.escape(part)
        for part in re.split("(…)", "\n".join(line.rstrip() for line in expected.splitlines()))
    )
    text = "\n".join(line.rstrip() for line in printed.splitlines())
    return re.fullmatch(pattern + r"\s*", text, re.DOTALL) is not None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
