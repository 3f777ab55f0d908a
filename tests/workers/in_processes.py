"""Tasks that run in child processes: these import this module."""

import logging
import os
import signal
import time
from pathlib import Path
from typing import Any

from msgspec import Struct

from actionhero.tasks.retry import Discard, Retry
from actionhero.tasks.task import Task, TaskDefinition
from actionhero.telemetry import current_fields

log = logging.getLogger("tests.in_processes")


class Shape(Struct):
    sides: int
    name: str = "square"


class UnreadableError(Exception):
    """Can be pickled, but not read again."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(first)


class UnwritableError(Exception):
    def __reduce__(self) -> Any:
        raise TypeError("never")


def add(shape: Shape, n: int = 1) -> dict[str, int]:
    return {"sum": shape.sides + n, "pid": os.getpid()}


def tell(path: str, task: Task) -> None:
    Path(path).write_text(f"{os.getpid()} {task.id} {task.attempts} {task.lapses}")
    task.set_progress_nowait(0.5, "halfway")


def end(how: str) -> None:
    if how == "exit":
        os._exit(3)
    if how == "leave":
        raise SystemExit("bye")
    os.kill(os.getpid(), getattr(signal, how))


def fail(how: str) -> None:
    errors: dict[str, BaseException] = {
        "value": ValueError("a wrong value"),
        "unreadable": UnreadableError("one", "two"),
        "unwritable": UnwritableError("no way"),
        "retry": Retry("later", after="7s"),
        "discard": Discard("not needed"),
    }
    raise errors[how]


def write_logs(word: str) -> None:
    log.debug("not wanted %s", word)
    log.warning("a line: %s", word, extra={"shape": Shape(4), "count": 2})
    try:
        raise ValueError("inside")
    except ValueError:
        log.exception("with a trace")
    log.error("fields %s", current_fields())


def give_function() -> Any:
    return lambda: None


def spin(path: str) -> None:
    """Write the own pid and work for ever."""
    with Path(path).open("a") as file:
        file.write(f"{os.getpid()}\n")
    while True:
        time.sleep(0.01)


KINDS: dict[str, TaskDefinition] = {
    function.__name__: TaskDefinition(function, executor="process")
    for function in (add, tell, end, fail, write_logs, give_function, spin)
}
