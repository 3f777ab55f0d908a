"""A real server for the store's tests, both event loops, and a look that no process is left."""

import asyncio
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from actionhero.store.embedded import EmbeddedStore
from tests.shared_store import server_url  # noqa: F401  a fixture
from tests.shared_store import store as client  # noqa: F401

_MARKER = "ACTIONHERO_STORE_TESTS"


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="package", autouse=True)
def no_process_is_left() -> Iterator[None]:
    """Every process that these tests start has the marker in its environment."""
    os.environ[_MARKER] = marker = secrets.token_hex(8)
    yield
    deadline = time.monotonic() + 10
    while (left := _marked(marker)) and time.monotonic() < deadline:
        time.sleep(0.02)
    del os.environ[_MARKER]
    assert not left, f"processes left: {left}"


def _marked(marker: str) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if int(process.name) != os.getpid() and marker.encode() in _read(process / "environ"):
                found.append(f"{process.name} {_read(process / 'cmdline')!r}")
        except OSError:
            continue
    return found


def _read(path: Path) -> bytes:
    return path.read_bytes()


@pytest.fixture
def directory() -> Iterator[Path]:
    """A data directory with a path short enough for a socket."""
    path = Path(tempfile.mkdtemp(prefix="store-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
async def kept(directory: Path) -> AsyncIterator[EmbeddedStore]:
    """A server of the test's own that keeps its data in `directory`."""
    store = await EmbeddedStore.start(directory)
    yield store
    await store.aclose()


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that has ended but that nobody has looked at yet does not."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True  # it took the signal, and this system has no /proc
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 20.0) -> None:
    """Wait until `condition` holds."""
    async with asyncio.timeout(seconds):
        while True:
            holds = condition()
            if not isinstance(holds, bool):
                holds = await holds
            if holds:
                return
            await asyncio.sleep(0.005)
