"""For tests of the commands about tasks: a store that stays between them, and what they begin with.

A test module imports `on_disk`.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from actionhero.store.embedded import EmbeddedStore

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def on_disk(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A store that outlives each command, as a running server's would."""
    with asyncio.Runner() as runner:
        store = runner.run(EmbeddedStore.start(project / "data"))
        monkeypatch.setenv("ACTIONHERO_STORE__URL", f"embedded:{project}/data")
        yield
        runner.run(store.aclose())


def burst(actionhero: Run) -> None:
    """Run what there is. The code tells whether something failed."""
    assert actionhero("work", "--burst")[0] in {0, 1}


def enqueue(actionhero: Run, *args: str) -> str:
    """What the command prints: the id."""
    code, out, err = actionhero("tasks", "enqueue", *args)
    assert (code, err) == (0, "")
    return out.strip()


def fail(actionhero: Run, count: int = 1) -> set[str]:
    """Have tasks fail. Their ids."""
    ids = {enqueue(actionhero, "fail") for _ in range(count)}
    burst(actionhero)
    return ids
