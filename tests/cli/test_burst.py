"""`actionhero work --burst`, as a process."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.processes import DEADLINE

pytestmark = pytest.mark.timeout(120)

APP = """
import asyncio, pathlib
from actionhero import App

app = App("burst")

@app.task
async def slow() -> None:
    pathlib.Path("begun").touch()
    while not pathlib.Path("go").exists():
        await asyncio.sleep(0.01)
    with open("ended", "a") as file:
        file.write("x")

@app.task
async def fail() -> None:
    raise ValueError

@app.task(retries=1, backoff="1h")
async def fail_once() -> None:
    raise ValueError
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "served.py").write_text(APP)
    return tmp_path


async def begin(folder: Path, *args: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "actionhero",
        *args,
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1"},
        stderr=asyncio.subprocess.PIPE,
    )


async def run(folder: Path, *args: str) -> tuple[int, str]:
    process = await begin(folder, *args)
    async with asyncio.timeout(DEADLINE):
        _, said = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_the_exit_code_tells_whether_tasks_failed(folder: Path) -> None:
    assert (await run(folder, "work", "served:app", "--burst"))[0] == 0
    await run(folder, "tasks", "enqueue", "fail_once", "--app", "served:app")
    assert (await run(folder, "work", "served:app", "--burst"))[0] == 0  # it will be retried
    await run(folder, "tasks", "enqueue", "fail", "--app", "served:app")
    code, said = await run(folder, "work", "served:app", "--burst")
    assert code == 1
    assert "1 task failed; `actionhero tasks failed` shows it" in said


async def test_a_signal_lets_what_runs_finish(folder: Path) -> None:
    for _ in range(3):
        await run(folder, "tasks", "enqueue", "slow", "--app", "served:app")
    burst = await begin(folder, "work", "served:app", "--burst", "--concurrency", "1")
    try:
        async with asyncio.timeout(DEADLINE):
            while not (folder / "begun").exists():
                await asyncio.sleep(0.02)
            burst.send_signal(signal.SIGTERM)
            (folder / "go").touch()
            _, said = await burst.communicate()
    finally:
        if burst.returncode is None:
            burst.kill()
    assert burst.returncode == 0
    assert "Traceback" not in said.decode()
    assert (folder / "ended").read_text()
    assert (await run(folder, "work", "served:app", "--burst"))[0] == 0
    assert (folder / "ended").read_text() == "xxx"  # the rest was given back, if there was one
