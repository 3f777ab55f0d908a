"""`kill -9` of a worker amid its tasks: none is lost, none runs twice without a lapse."""

import asyncio
import os
import signal
import sys
from collections import defaultdict
from pathlib import Path

from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from actionhero.tasks.queue import Tasks
from tests.workers.house import until
from tests.workers.victim import Log, define

TASKS = 1000
KILLS = 2


def runs_in(log: Path, word: str) -> dict[str, list[int]]:
    """The lapses that each run was told, by task."""
    found = defaultdict(list)
    for line in log.read_text().splitlines():
        what, id, lapses = line.split()
        if what == word:
            found[id].append(int(lapses))
    return found


async def start(store: StoreClient, keys: str, log: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.workers.victim", f"unix://{store.url.path}", keys, str(log)
    )


async def test_a_killed_worker_loses_nothing(store: StoreClient, tmp_path: Path) -> None:
    prefix, log = f"kill-{os.getpid()}", tmp_path / "log"
    definitions = define(Log(str(log)))
    tasks = Tasks(store, Keys(prefix), definitions)
    work = definitions["work"]
    put = [work(n=n) for n in range(TASKS)]
    await tasks.enqueue_many(put)
    for kill in range(KILLS):
        victim = await start(store, prefix, log)
        goal = (kill + 1) * TASKS // 4
        await until(lambda goal=goal: len(runs_in(log, "end")) > goal)  # type: ignore[misc]
        victim.send_signal(signal.SIGKILL)
        await victim.wait()
    survivor = await start(store, prefix, log)
    async with asyncio.timeout(40):
        assert await survivor.wait() == 0

    ended, begun = runs_in(log, "end"), runs_in(log, "begin")
    assert set(ended) == {task.id for task in put}
    again = {id: lapses for id, lapses in begun.items() if len(lapses) > 1}
    assert all(lapses == sorted(set(lapses)) for lapses in begun.values()), again
    assert len(again) <= KILLS * 100
    counts = (await tasks.counts())["default"]
    assert (counts.pending, counts.processing, counts.failed) == (0, 0, 0)
