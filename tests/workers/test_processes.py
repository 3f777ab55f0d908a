"""Child processes: what comes back of a run, what a dead child ends, and that none stays."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from actionhero.codec import decode_json, encode_json
from actionhero.deadlines import Deadlines, LimitExpiredError
from actionhero.errors import DefinitionError
from actionhero.store.client import StoreClient
from actionhero.tasks.importable import ImportPlace
from actionhero.tasks.middleware import Proceed
from actionhero.tasks.retry import Discard, Retry
from actionhero.tasks.task import Task, TaskDefinition
from actionhero.telemetry import TaskContext, log_context
from actionhero.workers.processes import (
    ChildImportError,
    ChildLostError,
    Processes,
    Ran,
    RemoteError,
    RemoteTraceError,
)
from actionhero.workers.words import Run
from tests.workers import in_processes
from tests.workers.house import House, until
from tests.workers.in_processes import KINDS, Shape, add

MODULE = "tests.workers.in_processes"


class Pool:
    """Runs functions of `in_processes`."""

    def __init__(self, most: int) -> None:
        self.processes = Processes(most)
        self.deadlines = Deadlines(asyncio.get_running_loop())
        self.told: list[tuple[float, str]] = []

    async def run(
        self, name: str, *, timeout: float | None = None, keeps: bool = False, **params: Any
    ) -> Ran:
        run = Run(
            ImportPlace(MODULE, name),
            "t1",
            encode_json(params),
            b"2 1 ",
            None,
            None,
            wants_kept=keeps,
            wants_value=not keeps,
        )
        limit = self.deadlines.limit(timeout)
        async with asyncio.timeout(40):
            return await self.processes.run(run, limit, lambda *said: self.told.append(said))


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(1)
    yield pool
    await pool.processes.aclose()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return b") Z " not in Path(f"/proc/{pid}/stat").read_bytes()


def pids_in(path: Path) -> list[int]:
    return [int(line) for line in path.read_text().split()] if path.exists() else []


async def test_a_value_comes_back_and_the_child_stays(pool: Pool) -> None:
    first = (await pool.run("add", shape={"sides": 4})).value
    second = (await pool.run("add", shape={"sides": 4}, n=3)).value
    assert (first["sum"], second["sum"]) == (5, 7)
    assert first["pid"] == second["pid"] != os.getpid()


async def test_what_is_kept_comes_back_as_json(pool: Pool) -> None:
    ran = await pool.run("add", keeps=True, shape={"sides": 4})
    assert ran.value is None
    assert decode_json(b"{" + ran.done.kept + b"}")["result"]["sum"] == 5


async def test_the_task_is_handed_in(pool: Pool, tmp_path: Path) -> None:
    path = tmp_path / "told"
    await pool.run("tell", path=str(path))
    assert path.read_text().split()[1:] == ["t1", "2", "1"]
    assert pool.told == [(0.5, "halfway")]


async def test_a_child_that_dies_ends_its_run_and_nothing_else(pool: Pool) -> None:
    for how, said in (
        ("SIGKILL", "SIGKILL: perhaps it took too much memory"),
        ("SIGABRT", "ended by SIGABRT"),
        ("exit", "exit code 3"),
    ):
        with pytest.raises(ChildLostError, match=said):
            await pool.run("end", how=how)
    assert (await pool.run("add", shape={"sides": 1})).value["sum"] == 2


async def test_a_signal_to_the_group_does_not_end_it(pool: Pool) -> None:
    before = (await pool.run("add", shape={"sides": 1})).value["pid"]
    for how in ("SIGINT", "SIGTERM"):
        await pool.run("end", how=how)
    assert (await pool.run("add", shape={"sides": 1})).value["pid"] == before


async def test_errors_come_back_as_they_were(pool: Pool) -> None:
    with pytest.raises(ValueError, match="a wrong value") as caught:
        await pool.run("fail", how="value")
    assert isinstance(caught.value.__cause__, RemoteTraceError)
    assert "in fail" in str(caught.value.__cause__)
    with pytest.raises(Retry) as asked:
        await pool.run("fail", how="retry")
    assert asked.value.after == 7
    with pytest.raises(Discard, match="not needed"):
        await pool.run("fail", how="discard")
    with pytest.raises(SystemExit):
        await pool.run("end", how="leave")


async def test_an_error_that_cannot_be_pickled_keeps_its_name(pool: Pool) -> None:
    for how, name in (("unreadable", "UnreadableError"), ("unwritable", "UnwritableError")):
        with pytest.raises(RemoteError) as caught:
            await pool.run("fail", how=how)
        assert type(caught.value).__name__ == name
        assert "cannot be pickled" in caught.value.__notes__[0]
        assert "in fail" in str(caught.value.__cause__)


async def test_a_value_that_cannot_be_pickled_is_said(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await pool.run("give_function")).value is None
    assert "cannot be pickled" in caplog.text


async def test_what_cannot_be_imported(pool: Pool) -> None:
    with pytest.raises(ChildImportError) as caught:
        await pool.run("log")
    assert decode_json(caught.value.described)["type"] == "DefinitionError"
    run = Run(ImportPlace("nowhere.at_all", "x"), "t", b"{}", None, None, None, False, False)
    with pytest.raises(ChildImportError, match="nowhere"):
        await pool.processes.run(run, pool.deadlines.limit(None), None)


async def test_log_lines_come_with_their_fields(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    log_context.set(TaskContext("write_logs", "t1"))
    with caplog.at_level(logging.INFO):
        await pool.run("write_logs", word="50 % of it")
    lines = [line for line in caplog.records if line.name == "tests.in_processes"]
    assert [line.getMessage() for line in lines] == [
        "a line: 50 % of it",
        "with a trace",
        "fields {'task': 'write_logs', 'task_id': 't1'}",
    ]
    assert lines[0].__dict__["count"] == 2
    assert "sides" in str(lines[0].__dict__["shape"])
    assert "ValueError: inside" in (lines[1].exc_text or "")
    assert lines[0].process != os.getpid()
    assert lines[0].filename == "in_processes.py"


async def test_too_long_a_run_is_killed(pool: Pool, tmp_path: Path) -> None:
    path = tmp_path / "pids"
    await pool.run("add", shape={"sides": 1})
    with pytest.raises(LimitExpiredError):
        await pool.run("spin", timeout=0.5, path=str(path))
    (pid,) = pids_in(path) or [0]
    await until(lambda: not pid or not is_alive(pid))


async def test_a_cancelled_run_is_killed(pool: Pool, tmp_path: Path) -> None:
    path = tmp_path / "pids"
    running = asyncio.create_task(pool.run("spin", path=str(path)))
    await until(lambda: bool(pids_in(path)))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    (pid,) = pids_in(path)
    await until(lambda: not is_alive(pid))
    assert (await pool.run("add", shape={"sides": 1})).value["sum"] == 2


async def test_no_more_children_than_allowed_and_none_stays() -> None:
    pool = Pool(2)
    runs = [pool.run("add", shape={"sides": n}) for n in range(12)]
    pids = {ran.value["pid"] for ran in await asyncio.gather(*runs)}
    assert len(pids) <= 2
    await pool.processes.aclose()
    assert not any(is_alive(pid) for pid in pids)


# as tasks of a worker


def take(house: House, *names: str) -> None:
    for name in names:
        house.definitions[name] = KINDS[name]
        KINDS[name].connect(house.tasks)


async def test_a_crash_is_a_lapse_of_that_task_alone(house: House, tmp_path: Path) -> None:
    take(house, "end", "add", "tell")
    poison = await KINDS["end"](how="SIGKILL").enqueue()
    others = [KINDS["add"](shape={"sides": n}) for n in range(20)]
    await house.tasks.enqueue_many(others)
    await house.burst(processes=1, max_lapses=2)
    shown = await house.tasks.show(poison.id)
    assert (shown.state, shown.attempts, shown.lapses) == ("failed", 0, 2)
    assert shown.error is not None
    assert shown.error["type"] == "ChildLostError"
    assert await house.counts() == {"failed": 1}
    assert house.stats["end:lapsed"] == 2
    assert house.stats["tasksRun"] == 20


async def test_an_error_is_a_dead_letter_with_its_trace(house: House) -> None:
    take(house, "fail")
    task = await KINDS["fail"](how="unwritable").enqueue()
    await house.burst(processes=1)
    error = (await house.tasks.show(task.id)).error
    assert error is not None
    assert (error["type"], error["message"]) == ("UnwritableError", "no way")
    assert "in_processes.py" in error["traceback"]


async def test_what_runs_at_the_end_of_a_drain_is_given_back(house: House, tmp_path: Path) -> None:
    take(house, "spin")
    path = tmp_path / "pids"
    task = await KINDS["spin"](path=str(path)).enqueue()
    worker = await house.start(processes=1)
    await until(lambda: bool(pids_in(path)))
    await worker.drain(0.0)
    assert not any(is_alive(pid) for pid in pids_in(path))
    shown = await house.tasks.show(task.id)
    assert (shown.state, shown.attempts, shown.lapses) == ("pending", 0, 0)


async def test_a_cancelled_task_has_its_child_killed(house: House, tmp_path: Path) -> None:
    take(house, "spin")
    path = tmp_path / "pids"
    task = await KINDS["spin"](path=str(path)).enqueue()
    await house.start(processes=1)
    await until(lambda: bool(pids_in(path)))
    assert await task.cancel()
    await until(lambda: not is_alive(pids_in(path)[0]))
    await until(lambda: house.stats["tasksCancelled"] == 1)


async def test_layers_see_the_value_and_the_result_is_kept(house: House) -> None:
    seen: list[int] = []

    async def around(task: Task, proceed: Proceed) -> None:
        seen.append((await proceed())["sum"])

    kind = TaskDefinition(
        add, name="kept", executor="process", keep_result="1m", around_run=(around,)
    )
    house.definitions["kept"] = kind
    kind.connect(house.tasks)
    task = await kind(shape=Shape(4)).enqueue()
    await house.burst(processes=1)
    assert seen == [5]
    assert (await task.result(timeout=5))["sum"] == 5


async def test_what_a_child_would_not_find_is_said_at_the_start(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(house, "add")
    monkeypatch.setattr(in_processes, "add", in_processes.tell)
    with pytest.raises(DefinitionError, match="where something else is"):
        await house.start()


async def test_children_die_with_a_server_that_is_killed(
    store: StoreClient, tmp_path: Path
) -> None:
    path = tmp_path / "pids"
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.workers.parent"), f"unix://{store.url.path}", str(path)
    )
    await until(lambda: len(pids_in(path)) == 2)
    server.send_signal(signal.SIGKILL)
    await server.wait()
    await until(lambda: not any(is_alive(pid) for pid in pids_in(path)))
