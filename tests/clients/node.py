"""`actionhero.js` in Node, which has a WebSocket of its own; driven line by line."""

import asyncio
import contextlib
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

import actionhero

DEADLINE = 40.0
_MODULE = Path(actionhero.__file__).parent / "public" / "actionhero.js"
_HARNESS = Path(__file__).parent / "harness.mjs"


def node() -> list[str]:
    """The command of a Node that has WebSocket; skips the test where there is none."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("Node is not on this machine")
    for command in ([found], [found, "--experimental-websocket"]):
        asked = [*command, "-p", "typeof WebSocket"]
        told = subprocess.run(asked, capture_output=True, text=True, check=False)
        if told.stdout.strip() == "function":
            return command
    pytest.skip("this Node has no WebSocket; it takes version 20.10 or newer")


class Client:
    """One client. `await client("join", "room")` gives what that gives, or raises `ClientFault`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._number = 0
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._told: list[tuple[str, Any]] = []
        self._is_new = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    def begin(self, name: str, *args: Any) -> "asyncio.Future[Any]":
        """Ask for something; the future gets what comes of it."""
        assert self._process.stdin is not None
        self._number += 1
        line = json.dumps([self._number, name, *args])
        self._process.stdin.write(line.encode() + b"\n")
        answer = self._answers[self._number] = asyncio.get_running_loop().create_future()
        return answer

    async def __call__(self, name: str, *args: Any) -> Any:
        return await asyncio.wait_for(self.begin(name, *args), DEADLINE)

    def told(self, what: str) -> list[Any]:
        """All that it told of one kind, so far."""
        return [value for kind, value in self._told if kind == what]

    async def wait_told(self, what: str, *values: Any) -> None:
        """Wait until it has told exactly these, in this order."""
        async with asyncio.timeout(DEADLINE):
            while self.told(what) != list(values):
                assert len(self.told(what)) <= len(values), self._told
                self._is_new.clear()
                await self._is_new.wait()

    async def wait_state(self, state: str) -> None:
        """Wait until its last state is this one."""
        async with asyncio.timeout(DEADLINE):
            while self.told("state")[-1:] != [state]:
                self._is_new.clear()
                await self._is_new.wait()

    async def aclose(self) -> None:
        """End it."""
        self._process.kill()
        await self._process.wait()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            what, value = json.loads(line)
            if isinstance(what, int):
                self._answer(self._answers.pop(what), value)
            else:
                self._told.append((what, value))
                self._is_new.set()

    def _answer(self, answer: "asyncio.Future[Any]", value: dict[str, Any]) -> None:
        if "error" in value:
            answer.set_exception(ClientFault(value["error"]))
        else:
            answer.set_result(value.get("value"))


class ClientFault(Exception):
    """What a promise was rejected with."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['name']}: {error['message']}")
        self.name: str = error["name"]
        self.code: str = error["code"]
        self.details: list[dict[str, str]] = error["details"]


@contextlib.asynccontextmanager
async def client(port: int, *, websocket_port: int | None = None) -> AsyncIterator[Client]:
    """A client of the server at a port; its WebSocket may be looked for elsewhere."""
    urls = (f"ws://127.0.0.1:{websocket_port or port}/ws", f"http://127.0.0.1:{port}/api/")
    process = await asyncio.create_subprocess_exec(
        *node(),
        str(_HARNESS),
        str(_MODULE),
        *urls,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    made = Client(process)
    try:
        yield made
    finally:
        await made.aclose()
