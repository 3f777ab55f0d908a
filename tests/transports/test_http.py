"""The server itself: how it listens, and how it ends."""

import asyncio
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from actionhero.errors import ListenError
from tests.transports.http_kit import GET, HELLO, Kit, request, serving
from tests.transports.serving import PATIENCE, eventually

WAIT = request("GET", "/api/wait")


async def refused(**settings: Any) -> str:
    """Why a server with these settings does not start."""
    kit = Kit(Path("nothing"), **settings)
    with pytest.raises(ListenError) as caught:
        await kit.server.start()
    await kit.aclose()
    return str(caught.value)


async def test_the_port_is_known(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        assert kit.server.port > 0
        assert (await kit.ask(GET)).json() == HELLO


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        said = await refused(port=kit.server.port)
        assert f"port {kit.server.port} on 127.0.0.1 is in use" in said
        assert "--port" in said


async def test_a_host_that_is_not_here_is_named() -> None:
    assert "192.0.2.1 is not an address of this machine" in await refused(host="192.0.2.1")


async def test_a_host_that_is_unknown_is_named() -> None:
    assert "no.such.host.invalid is not an address" in await refused(host="no.such.host.invalid")


async def test_a_bound_socket_may_be_given(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
        kit = Kit(tmp_path)
        await kit.server.start([sock])
        assert kit.server.port == port
        assert (await kit.ask(GET)).json() == HELLO
        await kit.aclose()


async def test_servers_may_share_a_port(tmp_path: Path) -> None:
    first = Kit(tmp_path)
    await first.server.start(reuse_port=True)
    second = Kit(tmp_path, port=first.server.port)
    await second.server.start(reuse_port=True)
    assert second.server.port == first.server.port
    for _ in range(20):
        assert (await second.ask(GET)).json() == HELLO
    await first.aclose()
    await second.aclose()


# The end.


async def test_a_drain_closes_what_is_idle_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        fresh, idle = await kit.connect(), await kit.connect()
        assert (await idle.ask(GET)).status == 200
        await eventually(lambda: len(kit.server._state.connections) == 2)  # type: ignore[union-attr]
        await asyncio.wait_for(kit.server.drain(1000.0), PATIENCE)
        assert await fresh.read_end() == await idle.read_end() == b""
        with pytest.raises(OSError, match=r"Connect call failed|refused"):
            await kit.connect()


async def test_a_drain_lets_what_runs_be_answered(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wire = await kit.connect()
        wire.send(WAIT + GET)
        await eventually(lambda: kit.gate.entered == 1)
        draining = asyncio.ensure_future(kit.server.drain(1000.0))
        await asyncio.sleep(0)
        assert not draining.done()
        kit.gate.opened.set()
        reply = await wire.read_reply()
        assert (reply.status, reply.fields["connection"]) == (200, "close")
        assert await wire.read_end() == b""
        await asyncio.wait_for(draining, PATIENCE)


async def half_a_request(kit: Kit) -> None:
    """Wait until a part of a request has come."""
    await eventually(
        lambda: any(
            not one._parser.is_idle
            for one in kit.server._state.connections  # type: ignore[union-attr]
        )
    )


async def test_a_drain_lets_what_is_being_sent_arrive(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wire = await kit.connect()
        wire.send(GET[:-2])
        await half_a_request(kit)
        draining = asyncio.ensure_future(kit.server.drain(1000.0))
        await asyncio.sleep(0)
        wire.send(GET[-2:])
        reply = await wire.read_reply()
        assert (reply.json(), reply.fields["connection"]) == (HELLO, "close")
        await asyncio.wait_for(draining, PATIENCE)


async def test_a_drain_ends_the_rest_when_its_time_is_up(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        wire = await kit.connect()
        wire.send(WAIT)
        await eventually(lambda: kit.gate.entered == 1)
        await asyncio.wait_for(kit.server.drain(0.05), PATIENCE)
        assert await wire.read_end() == b""
        await eventually(lambda: kit.gate.cancelled == 1)
        await kit.server.drain(0.05)  # once more does nothing


async def test_no_upgrade_begins_during_a_drain(tmp_path: Path) -> None:
    async with serving(tmp_path, upgrades={"/ws": print}) as kit:
        wire = await kit.connect()
        asked = request("GET", "/ws", "Upgrade: websocket", "Connection: Upgrade")
        wire.send(asked[:-2])
        await half_a_request(kit)
        draining = asyncio.ensure_future(kit.server.drain(1000.0))
        await asyncio.sleep(0)
        wire.send(asked[-2:])
        reply = await wire.read_reply()
        assert (reply.status, reply.json()["code"]) == (503, "shutting_down")
        await wire.aclose()
        await asyncio.wait_for(draining, PATIENCE)


async def test_a_server_that_never_started_can_be_closed(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    await kit.server.aclose()


async def test_nothing_is_left_behind(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        async with serving(tmp_path) as kit:
            await kit.ask(GET)
            (await kit.connect()).send(WAIT)
            await eventually(lambda kit=kit: kit.gate.entered == 1)  # type: ignore[misc]
    await eventually(lambda: len(asyncio.all_tasks()) == 1)
    await eventually(lambda: len(os.listdir("/proc/self/fd")) <= before + 1)


def test_the_module_is_light() -> None:
    code = "import sys, actionhero.transports.http; print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
