"""A project folder to run commands in, and a world left as it was."""

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actionhero.cli import main

HELLO = '''
import logging
from collections.abc import AsyncIterator
from typing import Annotated

from msgspec import Meta

from actionhero import ActionError, App, Connection, Event, Stats

app = App("hello")


@app.action("GET /hello/{name}")
async def hello(name: str, excited: bool = False) -> dict[str, str]:
    """Say hello."""
    return {"greeting": f"Hello, {name}{'!' if excited else '.'}"}


@app.action
async def add(a: Annotated[int, Meta(ge=1)], b: int, tags: list[str] = []) -> list[object]:
    """Add.

    And more about it.
    """
    return [a + b, tags]


@app.action(name="old", version=1)
async def old(connection: Connection) -> str:
    return connection.transport


@app.action(name="old", version=2)
async def older(stats: Stats) -> None:
    return None


@app.action(transports={"http"})
async def only_http() -> None:
    """Not for terminals."""


@app.action
async def refuse() -> None:
    raise ActionError("not today", code="closed")


@app.action
async def count(to: int, fail: bool = False) -> AsyncIterator[Event | dict[str, int]]:
    """Count."""
    for number in range(to):
        yield {"number": number}
    if fail:
        raise ActionError("no more", code="empty")
    yield Event("done", id="x")


@app.action
async def crash() -> None:
    raise KeyError("x")


@app.task(queue="mail")
async def welcome(email: str, times: int = 1) -> None:
    """Send the welcome mail."""
    logging.getLogger("actionhero.test").warning("welcome %s", email)


@app.task
async def fail() -> None:
    raise ValueError("no luck")
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty current folder. What a command imports and sets up is undone after the test."""
    monkeypatch.chdir(tmp_path)
    modules, paths = set(sys.modules), list(sys.path)
    logger = logging.getLogger("actionhero")
    before = (list(logger.handlers), logger.level, logger.propagate)
    yield tmp_path
    logger.handlers[:], logger.propagate = before[0], before[2]
    logger.setLevel(before[1])
    sys.path[:] = paths
    for name in set(sys.modules) - modules:
        if not name.startswith(("actionhero", "rich", "click", "uvloop")):
            del sys.modules[name]


@pytest.fixture
def project(folder: Path) -> Path:
    """The current folder, with an app and a pyproject.toml that names it."""
    (folder / "hello.py").write_text(HELLO)
    (folder / "pyproject.toml").write_text('[tool.actionhero]\napp = "hello:app"\n')
    return folder


Ran = tuple[int, str, str]


@pytest.fixture
def actionhero(capfd: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """`actionhero("run", "hello")` → exit code, standard output, standard error."""

    def run(*args: str) -> Ran:
        capfd.readouterr()
        code = main(args)
        shown = capfd.readouterr()
        return code, shown.out, shown.err

    return run
