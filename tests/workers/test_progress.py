"""Progress on its way to the store."""

import asyncio
import threading
from collections.abc import Mapping

import pytest

from actionhero.errors import StoreUnavailableError
from actionhero.workers.claims import Claim
from actionhero.workers.progress import ProgressLine

pytestmark = pytest.mark.usefixtures("quick")


class Scripts:
    """A store that counts, and may be away or slow."""

    def __init__(self) -> None:
        self.told: list[dict[bytes, tuple[str, bytes]]] = []
        self.is_away = False
        self.running = self.most = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def progress(self, server: str, told: Mapping[bytes, tuple[str, bytes]]) -> int:
        self.told.append(dict(told))
        self.running += 1
        self.most = max(self.most, self.running)
        await self.gate.wait()
        self.running -= 1
        if self.is_away:
            raise StoreUnavailableError("away")
        return len(told)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("actionhero.workers.progress.INTERVAL", 0.01)


def line_of(scripts: Scripts) -> ProgressLine:
    return ProgressLine(scripts, "a:1")  # type: ignore[arg-type]


def claim(id: bytes = b"t") -> Claim:
    return Claim(id, "1", b"", None)


async def seen(scripts: Scripts, times: int) -> None:
    async with asyncio.timeout(20):
        while len(scripts.told) < times:
            await asyncio.sleep(0.001)


async def test_the_newest_word_of_each_task_goes_together() -> None:
    scripts = Scripts()
    line = line_of(scripts)
    one, two = claim(), claim(b"u")
    for n in range(100):
        line.tell(one, n / 100, "")
    line.tell(two, 1, "done")
    await seen(scripts, 1)
    assert scripts.told == [
        {
            b"t": ("1", b'{"fraction":0.99,"note":""}'),
            b"u": ("1", b'{"fraction":1,"note":"done"}'),
        }
    ]
    assert one.has_progress
    line.tell(one, 1, "")
    await seen(scripts, 2)
    await line.aclose()


async def test_one_call_is_under_way_at_a_time() -> None:
    scripts = Scripts()
    line = line_of(scripts)
    scripts.gate.clear()
    line.tell(claim(), 0.1, "")
    await seen(scripts, 1)
    for n in range(20):  # more intervals than one
        line.tell(claim(), n / 20, "")
        await asyncio.sleep(0.002)
    scripts.gate.set()
    await seen(scripts, 2)
    assert scripts.most == 1
    await line.aclose()


async def test_a_store_that_is_away_is_no_trouble() -> None:
    scripts = Scripts()
    scripts.is_away = True
    line = line_of(scripts)
    line.tell(claim(), 0.1, "")
    await seen(scripts, 1)
    scripts.is_away = False
    line.tell(claim(), 0.2, "")
    await seen(scripts, 2)
    await line.aclose()


async def test_a_thread_may_tell_and_may_outlive_the_line() -> None:
    scripts = Scripts()
    line = line_of(scripts)
    thread = threading.Thread(target=line.tell, args=(claim(), 0.5, "in a thread"))
    thread.start()
    await seen(scripts, 1)
    thread.join()
    await line.aclose()
    late = claim()
    line.tell(late, 0.6, "")
    assert not late.has_progress
