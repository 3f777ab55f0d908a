"""Which functions a child process can find."""

from collections.abc import Callable
from typing import Any

import pytest

from actionhero.errors import DefinitionError
from actionhero.tasks.importable import ImportPlace, import_place_of
from actionhero.tasks.task import Task, TaskDefinition


def at_the_top() -> None: ...


async def waits() -> None: ...


class Some:
    @staticmethod
    def inside() -> None: ...


class Mailer: ...


def with_mailer(mailer: Mailer) -> None: ...


def with_task(task: Task, n: int) -> None: ...


def test_what_a_module_has_can_be_found() -> None:
    for function in (at_the_top, Some.inside):
        assert import_place_of(function).find() is function
        assert import_place_of(function).look_up() is function
    assert str(import_place_of(Some.inside)) == f"{__name__}:Some.inside"
    assert ImportPlace("never_imported", "x").look_up() is None


def local() -> Callable[..., Any]:
    def inside() -> None: ...

    return inside


def of_the_program() -> Callable[..., Any]:
    def main() -> None: ...

    main.__module__, main.__qualname__ = "__main__", "main"
    return main


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (local(), "define it at the top of its module"),
        (lambda: None, "define it at the top of its module"),
        (of_the_program(), "put the task into a module"),
        (waits, "this one is async"),
        (with_mailer, "cannot be handed into a child process"),
    ],
)
def test_what_cannot_run_in_a_child_is_said_at_once(
    function: Callable[..., Any], said: str
) -> None:
    with pytest.raises(DefinitionError, match=said):
        TaskDefinition(function, name="one", executor="process")


def test_the_task_can_be_handed_in() -> None:
    assert list(TaskDefinition(with_task, executor="process").inputs.injected) == ["task"]


def test_there_are_two_kinds() -> None:
    with pytest.raises(DefinitionError, match="'thread' or 'process'"):
        TaskDefinition(at_the_top, executor="fork")  # type: ignore[arg-type]
