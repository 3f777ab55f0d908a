"""Types and their tasks, without a store."""

import asyncio
import inspect
import threading
from typing import Annotated, Any

import pytest
from msgspec import Meta

from actionhero.errors import DefinitionError, InvalidInputError, NotConnectedError
from actionhero.tasks.options import TaskOptions
from actionhero.tasks.task import Task, TaskDefinition


async def send(email: str, n: Annotated[int, Meta(ge=1)] = 1) -> str:
    """Send it."""
    return f"{email} {n}"


SEND = TaskDefinition(send)


def test_a_type_says_what_it_is() -> None:
    one = TaskDefinition(
        send, name="mail.send", queue="mail", retries=5, every=None, timeout="2s", priority="high"
    )
    assert (one.name, one.queue, one.retries, one.timeout) == ("mail.send", "mail", 5, 2.0)
    assert one.description == "Send it."
    assert "test_task.py" in one.place
    assert one.is_async
    assert repr(one) == "<TaskDefinition mail.send>"


def test_calling_it_makes_a_task() -> None:
    task = SEND("a@b.c", n=2)
    assert task.params == {"email": "a@b.c", "n": 2}
    assert (task.name, task.queue) == ("send", "default")
    assert task.encoded_params() == b'{"email":"a@b.c","n":2}'
    assert task.id == task.id
    assert (task.attempts, task.lapses, task.is_copy) == (0, 0, False)


def test_wrong_parameters_are_told_all_at_once_in_the_caller() -> None:
    with pytest.raises(InvalidInputError) as caught:
        SEND(n=0)
    assert {problem.path for problem in caught.value.problems} >= {"email"}
    with pytest.raises(InvalidInputError):
        SEND("a", m=1)
    with pytest.raises(InvalidInputError):
        SEND("a", 1, 2)
    with pytest.raises(InvalidInputError):
        SEND("a", email="b")


def test_a_duplicate_has_the_same_parameters_and_another_id() -> None:
    task = SEND("a")
    twin = task.duplicate()
    assert twin.params == task.params
    assert twin.id != task.id


async def test_running_it_here_gives_its_value() -> None:
    assert await SEND("a", 3).run() == "a 3"


async def test_running_it_here_raises_its_error() -> None:
    async def broken() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await TaskDefinition(broken)().run()


async def test_a_sync_function_runs_in_a_thread() -> None:
    def where() -> int:
        return threading.get_ident()

    assert await TaskDefinition(where)().run() != threading.get_ident()


async def test_the_task_itself_is_handed_in() -> None:
    async def who(n: int, task: Task) -> str:
        return task.id

    task = TaskDefinition(who)(n=1)
    assert await task.run() == task.id


async def test_other_things_are_handed_in_only_when_connected() -> None:
    class Mailer: ...

    async def mail(mailer: Mailer) -> None: ...

    task = TaskDefinition(mail)()
    with pytest.raises(NotConnectedError, match=r"app\.connected"):
        await task.run()


@pytest.mark.parametrize("use", ["enqueue", "state", "cancel", "result", "progress"])
async def test_the_queue_is_missed_with_a_hint(use: str) -> None:
    with pytest.raises(NotConnectedError, match="task 'send' needs its queue"):
        await getattr(SEND("a"), use)()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"name": "no spaces"}, "no task name"),
        ({"name": "a#b"}, "no task name"),
        ({"queue": "a b"}, "no queue name"),
        ({"retries": -1}, "retries must be 0 or more"),
        ({"scope": "some"}, "scope must be"),
        ({"priority": "urgent"}, "priority must be one of"),
        ({"every": "often"}, "every: 'often' is not a duration"),
        ({"every": 0}, "every must be at least 1ms"),
        ({"timeout": 0}, "timeout must be at least 1ms"),
        ({"backoff": -1}, "backoff"),
        ({"keep_result": "long"}, "keep_result: 'long' is not a duration"),
        ({"keep_result": 0}, "keep_result must be at least 1ms"),
        ({"retries": 1, "retry_for": OSError}, "retry_for must be a tuple of exception types"),
        ({"fail_for": ("OSError",)}, "fail_for must be a tuple of exception types"),
        ({"retry_for": (OSError,)}, "retry_for means nothing without retries"),
    ],
)
def test_options_that_cannot_be(options: Any, problem: str) -> None:
    async def fine() -> None: ...

    with pytest.raises(DefinitionError, match=problem):
        TaskDefinition(fine, **options)


def test_a_periodic_type_has_no_required_parameters() -> None:
    with pytest.raises(DefinitionError, match="give email a default"):
        TaskDefinition(send, every="1s")


def test_a_result_that_is_kept_must_be_readable() -> None:
    class Opaque: ...

    async def one() -> Opaque:
        return Opaque()

    TaskDefinition(one)
    with pytest.raises(DefinitionError, match="cannot be kept, for it cannot be read from JSON"):
        TaskDefinition(one, keep_result="1h")


def test_what_cannot_be_a_task() -> None:
    async def stream() -> Any:
        yield 1

    def untyped(x) -> None:  # type: ignore[no-untyped-def]
        ...

    with pytest.raises(DefinitionError, match="cannot be a generator"):
        TaskDefinition(stream)
    with pytest.raises(DefinitionError, match="has no type"):
        TaskDefinition(untyped)


def test_the_options_are_those_of_the_decorator() -> None:
    parameters = list(inspect.signature(TaskDefinition.__init__).parameters)
    assert set(TaskOptions.__annotations__) == set(parameters[2:])


async def test_tasks_are_only_made_never_run_by_a_call() -> None:
    ran = asyncio.Event()

    async def one() -> None:
        ran.set()

    TaskDefinition(one)()
    await asyncio.sleep(0)
    assert not ran.is_set()
