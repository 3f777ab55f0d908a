"""Two real servers on one store: one is killed; the store is restarted under them."""

import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from actionhero.testing import TcpClient, WebSocketClient
from tests.processes import ServerProcess, serving, store_pid, wait_for

SOURCE = """
from actionhero import App

app = App("rooms")
app.room("lobby", announce=True, history=1000)
"""
ENV = {"ACTIONHERO_ROOMS__LEASE": "1s", "ACTIONHERO_TASKS__ENABLED": "false"}


@pytest.fixture
async def servers(tmp_path: Path) -> AsyncIterator[tuple[ServerProcess, ServerProcess]]:
    async with serving(tmp_path, SOURCE, **ENV) as one:
        other = ServerProcess(tmp_path, "served:app", **ENV)
        try:
            await other.start()
            yield one, other
        finally:
            await other.kill()


async def websocket(server: ServerProcess) -> WebSocketClient:
    return await WebSocketClient.connect(f"ws://127.0.0.1:{server.http_port}/ws")


async def ask(client: WebSocketClient, event: str, **fields: Any) -> dict[str, Any]:
    await client.send({"event": event, "messageId": 7, **fields})
    return await client.receive()


async def test_kill_9_and_a_restart_of_the_store(
    servers: tuple[ServerProcess, ServerProcess], tmp_path: Path
) -> None:
    one, other = servers
    stays = await websocket(one)
    joined = await ask(stays, "roomAdd", room="lobby")
    doomed = [await TcpClient.connect("127.0.0.1", other.tcp_port) for _ in range(20)]
    for client in doomed:
        assert (await client.ask("roomAdd lobby"))["status"] == "OK"
    for _ in doomed:
        assert (await stays.receive())["message"] == "I have entered the room"
    await other.kill()
    left = [(await stays.receive())["message"] for _ in doomed]
    assert left == ["I have left the room"] * len(doomed)
    view = await ask(stays, "roomView", room="lobby")
    assert view["data"]["membersCount"] == 1

    os.kill(store_pid(tmp_path), signal.SIGKILL)
    said: list[int] = []

    async def say_again() -> bool:
        """Until the store is back; what failed was not said, or is heard once."""
        reply = await ask(stays, "say", room="lobby", message=len(said))
        if reply.get("status") == "OK":
            said.append(len(said))
            heard = await stays.receive()
            assert heard["message"] == said[-1]
            assert heard["epoch"] == joined["epoch"]
        return len(said) == 5

    await wait_for(say_again)
    again = await websocket(one)
    since = {"epoch": joined["epoch"], "offset": joined["offset"]}
    assert (await ask(again, "roomAdd", room="lobby", **since))["resumed"] is True
    missed = [(await again.receive())["message"] for _ in range(2 * len(doomed) + len(said))]
    assert missed[-5:] == said
    for open_one in (stays, again):
        await open_one.aclose()
    for gone in doomed:
        with contextlib.suppress(ConnectionError):
            await gone.aclose()
