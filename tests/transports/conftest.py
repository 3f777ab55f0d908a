"""Both event loops: uvloop is what servers run on, asyncio's own what users' tests run on.

And servers of the transports whose connections stay, with the settings that a test gives them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop

from actionhero.settings import TcpSettings, WebSocketSettings
from tests.transports import tcp_kit, ws_kit
from tests.transports.serving import Served


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def start_tcp(tmp_path: Path) -> AsyncIterator[tcp_kit.Start]:
    kits = []

    async def start(**settings: Any) -> tcp_kit.Kit:
        kit = tcp_kit.Kit(Served(tmp_path), TcpSettings(port=0, **settings))
        kits.append(kit)
        await kit.server.start()
        return kit

    yield start
    for kit in kits:
        await kit.aclose()


@pytest.fixture
async def start_ws(tmp_path: Path) -> AsyncIterator[ws_kit.Start]:
    kits = []

    async def start(**settings: Any) -> ws_kit.Kit:
        kit = ws_kit.Kit(Served(tmp_path), WebSocketSettings(**settings))
        kits.append(kit)
        await kit.start()
        return kit

    yield start
    for kit in kits:
        await kit.aclose()
