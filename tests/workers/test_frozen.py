"""A worker that stands still for longer than its lease (SIGSTOP, a swapping machine), and wakes."""

import asyncio
import os
import signal
import sys
from pathlib import Path

from actionhero.deadlines import Deadlines
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from actionhero.tasks.queue import Tasks
from actionhero.workers.worker import Worker
from tests.workers.frozen import LEASE, define
from tests.workers.house import Counts, until
from tests.workers.victim import Log


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


async def test_one_that_wakes_after_its_lease_gives_up_what_it_had(
    store: StoreClient, tmp_path: Path
) -> None:
    prefix, path, said = f"frozen-{os.getpid()}", tmp_path / "log", tmp_path / "stderr"
    definitions = define(Log(str(path)), "other")
    tasks = Tasks(store, Keys(prefix), definitions)
    await tasks.enqueue_many([definitions["hold"](), definitions["hold"]()])
    with said.open("wb") as stderr:
        frozen = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.workers.frozen", f"unix://{store.url.path}"),
            *(prefix, str(path)),
            stderr=stderr,
        )
    await until(lambda: lines(path).count("frozen begin hold 0") == 2, 40)
    await definitions["freeze"]().enqueue()
    await until(lambda: "frozen begin freeze 0" in lines(path))

    counts = Counts()
    other = Worker(
        store,
        tasks,
        concurrency=5,
        server="other:1",
        deadlines=Deadlines(asyncio.get_running_loop()),
        stats=counts,
        lease=LEASE,
    )
    await other.start()
    await until(lambda: counts["tasksRun"] == 3, 40)
    assert "frozen woke freeze 0" not in lines(path)
    assert lines(path).count("other begin hold 1") == 2
    assert lines(path).count("other begin freeze 1") == 1

    frozen.send_signal(signal.SIGCONT)
    await until(lambda: "stat tasks:settlementsRefused 1" in lines(path), 40)
    await until(lambda: lines(path).count("frozen cancelled hold 0") == 2)
    assert "frozen woke freeze 0" in lines(path)
    assert "stat tasks:leasesLost 1" in lines(path)
    assert "stat tasks:tasksLost 3" in lines(path)
    assert "stat tasks:tasksRun" not in path.read_text()
    assert "was lost: its 3 tasks run elsewhere, ours are cancelled; 1 outcomes" in said.read_text()
    assert (await tasks.counts())["default"].pending == 0

    await other.drain(5.0)
    await definitions["after"]().enqueue()
    await until(lambda: "frozen begin after 0" in lines(path), 40)  # it works again
    frozen.kill()
    await frozen.wait()
    tasks.close()
