"""How many connections one address may have, over HTTP, WebSocket and TCP."""

import asyncio
import logging
from pathlib import Path
from typing import cast

import pytest

from actionhero.protocols.http1 import UpgradeRequest
from actionhero.transports.addresses import Addresses
from tests.certificates import make_certificate
from tests.transports import tcp_kit
from tests.transports.http_kit import GET, request, serving
from tests.transports.serving import PATIENCE, eventually

UPGRADE = request("GET", "/ws", "Upgrade: websocket", "Connection: Upgrade")


def test_each_address_has_as_many_and_a_network_of_ipv6_is_one() -> None:
    addresses = Addresses(2, "x")
    assert [addresses.enter("192.0.2.1") for _ in range(3)] == [True, True, False]
    assert addresses.enter("192.0.2.2")
    assert [addresses.enter(f"2001:db8::{n}") for n in range(3)] == [True, True, False]
    addresses.leave("2001:db8::1")
    assert addresses.enter("2001:db8::9")
    assert all(addresses.enter("") for _ in range(5))


def test_nothing_is_kept_of_who_has_gone() -> None:
    addresses = Addresses(1, "x")
    for _ in range(3):
        assert addresses.enter("192.0.2.1")
        assert not addresses.enter("192.0.2.1")
        addresses.leave("192.0.2.1")
    addresses.leave("192.0.2.1")
    addresses.leave("")
    assert addresses.enter("192.0.2.1")
    assert not addresses.enter("192.0.2.1")


def test_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    addresses = Addresses(1, "web.connections_per_address")
    for _ in range(10):
        addresses.enter("192.0.2.1")
    (line,) = caplog.messages
    assert "192.0.2.1 has 1 connections" in line
    assert "web.connections_per_address" in line


async def test_over_http_the_next_is_told_when_to_come_again(tmp_path: Path) -> None:
    async with serving(tmp_path, connections_per_address=2) as kit:
        first, second = await kit.connect(), await kit.connect()
        assert (await first.ask(GET)).status == (await second.ask(GET)).status == 200
        third = await kit.connect()
        reply = await third.read_reply()
        assert (reply.status, reply.fields["retry-after"]) == (429, "1")
        assert reply.json()["detail"] == "too many connections from your address"
        assert await third.read_end() == b""
        await first.aclose()
        await eventually(lambda: _counted(kit) == 1)
        assert (await kit.ask(GET)).status == 200


def _counted(kit: object) -> int:
    state = kit.server._state  # type: ignore[attr-defined]
    return sum(state._addresses._counts.values())


async def test_a_connection_of_another_protocol_counts_until_it_is_gone(tmp_path: Path) -> None:
    taken: list[UpgradeRequest] = []
    async with serving(tmp_path, upgrades={"/ws": taken.append}, connections_per_address=1) as kit:
        wire = await kit.connect()
        wire.send(UPGRADE)
        await eventually(lambda: bool(taken))
        assert (await (await kit.connect()).read_reply()).status == 429
        taken[0].on_lost()
        taken[0].on_lost()
        assert (await kit.ask(GET)).status == 200
        cast("asyncio.Transport", taken[0].transport).abort()


async def test_one_that_is_refused_an_upgrade_is_forgotten(tmp_path: Path) -> None:
    def refuse(_request: object) -> None:
        raise RuntimeError("no")

    async with serving(tmp_path, upgrades={"/ws": refuse}, connections_per_address=1) as kit:
        for _ in range(3):
            assert (await kit.ask(UPGRADE)).status == 500
            await eventually(lambda: _counted(kit) == 0)


async def test_a_trusted_proxy_may_have_any_number(tmp_path: Path) -> None:
    options = {"connections_per_address": 1, "trusted_proxies": ("127.0.0.0/8",)}
    async with serving(tmp_path, **options) as kit:
        wires = [await kit.connect() for _ in range(5)]
        assert [(await wire.ask(GET)).status for wire in wires] == [200] * 5


async def test_over_tcp_the_next_is_told_so(
    start_tcp: tcp_kit.Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    kit = await start_tcp(connections_per_address=1)
    first = await kit.connect()
    second = await kit.connect()
    assert second.welcome["error"]["code"] == "too_many_connections"
    assert await second.is_closed()
    await first.aclose()
    await eventually(lambda: not kit.server.watch)
    third = await kit.connect()
    assert (await third.ask("detailsView"))["status"] == "OK"


async def test_who_only_shakes_hands_is_bounded_too(tmp_path: Path) -> None:
    made = make_certificate(tmp_path)
    async with serving(tmp_path, connections_per_address=2, **made.settings) as kit:
        silent = [await kit.connect() for _ in range(2)]
        third = await kit.connect()
        assert await third.read_end() == b""
        for one in silent:
            await one.aclose()
        context = made.client()

        async def status() -> int:
            try:
                wire = await kit.connect(ssl=context, server_hostname="localhost")
            except OSError:
                return 0
            return (await wire.ask(GET)).status

        async with asyncio.timeout(PATIENCE):
            while await status() != 200:
                pass
