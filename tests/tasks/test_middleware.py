"""Layers around enqueues and runs: their order, what they may do, and what they may not."""

import asyncio
import types
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from actionhero.app import App, around_enqueue, around_run
from actionhero.errors import DefinitionError, StoreError, TaskError
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from actionhero.tasks.middleware import Around, Layers, Proceed, TaskLayer, check_layer, through
from actionhero.tasks.queue import Tasks
from actionhero.tasks.task import Task, TaskDefinition

seen: list[str] = []


@pytest.fixture(autouse=True)
def forget() -> None:
    seen.clear()


def layer(name: str) -> Around:
    async def around(task: Task, proceed: Proceed) -> Any:
        seen.append(f"{name} in")
        value = await proceed()
        seen.append(f"{name} out {value}")
        return "not what counts"

    return around


async def double(n: int = 1) -> int:
    seen.append(f"run {n}")
    return 2 * n


async def refuse(task: Task, proceed: Proceed) -> Any:
    raise PermissionError(f"not {task.name}")


Define = Callable[..., TaskDefinition]


@pytest.fixture
def define(store: StoreClient, keys: Keys) -> Define:
    def define(layers: Layers = Layers(), **options: Any) -> TaskDefinition:  # noqa: B008  frozen
        definition = TaskDefinition(double, **options)
        Tasks(store, keys, {"double": definition}, layers=layers)
        return definition

    return define


async def test_an_inline_run_is_inside_its_layers(define: Define) -> None:
    kind = define(Layers(run=(layer("app"),)), around_run=(layer("own"),))
    assert await kind(n=4).run() == 8
    assert seen == ["app in", "own in", "run 4", "own out 8", "app out 8"]


async def test_a_type_without_an_app_has_its_own() -> None:
    assert await TaskDefinition(double, around_run=(layer("own"),))(n=4).run() == 8
    assert seen[0] == "own in"


async def test_an_enqueue_is_inside_its_layers(define: Define) -> None:
    kind = define(Layers(enqueue=(layer("app"),)), around_enqueue=(layer("own"),))
    task = kind()
    assert await task.enqueue() is task
    assert await task.state() == "pending"
    assert seen == ["app in", "own in", f"own out {task}", f"app out {task}"]


async def test_a_refused_task_is_not_enqueued(define: Define) -> None:
    task = define(around_enqueue=(layer("own"), refuse))()
    with pytest.raises(PermissionError, match="not double"):
        await task.enqueue()
    assert await task.state() == "unknown"
    assert seen == ["own in"]


async def test_many_tasks_have_their_layers_each(define: Define) -> None:
    kind = define(around_enqueue=(layer("own"),))
    tasks = [kind(n=n) for n in range(3)]
    assert await kind.connected_service.enqueue_many(tasks) == 3  # type: ignore[attr-defined]
    assert seen == ["own in"] * 3 + [f"own out {task}" for task in tasks]
    assert [await task.state() for task in tasks] == ["pending"] * 3


async def test_if_one_of_many_is_refused_none_is_enqueued(define: Define) -> None:
    async def odd_only(task: Task, proceed: Proceed) -> None:
        await asyncio.sleep(0)
        if task.params["n"] == 2:
            raise PermissionError("even")
        await proceed()

    kind = define(around_enqueue=(odd_only,))
    tasks = [kind(n=n) for n in (1, 2, 3)]
    with pytest.raises(PermissionError, match="even"):
        await kind.connected_service.enqueue_many(tasks)  # type: ignore[attr-defined]
    assert {await task.state() for task in tasks} == {"unknown"}


async def test_layers_around_many_see_that_they_are_not_sent(
    define: Define, store: StoreClient
) -> None:
    async def note(task: Task, proceed: Proceed) -> None:
        try:
            await proceed()
        except StoreError:
            seen.append("not sent")
            raise

    kind = define(around_enqueue=(note,))
    await store.aclose()
    with pytest.raises(StoreError):
        await kind.connected_service.enqueue_many([kind(), kind()])  # type: ignore[attr-defined]
    assert seen == ["not sent"] * 2


async def fail() -> None:
    raise ValueError("inside")


async def swallow(task: Task, proceed: Proceed) -> None:
    try:
        await proceed()
    except ValueError:
        seen.append("swallowed")


async def replace(task: Task, proceed: Proceed) -> None:
    try:
        await proceed()
    except ValueError as exc:
        raise KeyError("another") from exc


async def skip(task: Task, proceed: Proceed) -> None: ...


async def twice(task: Task, proceed: Proceed) -> None:
    await proceed()
    await proceed()


async def not_waiting(task: Task, proceed: Proceed) -> None:
    running = asyncio.ensure_future(_await(proceed()))
    await asyncio.sleep(0)
    seen.append("left")
    task.params["running"] = running


async def _await(what: Awaitable[Any]) -> Any:
    return await what


@pytest.mark.parametrize(
    ("around", "error"), [(swallow, ValueError), (replace, KeyError), (refuse, PermissionError)]
)
async def test_errors_are_raised(around: Around, error: type[Exception]) -> None:
    with pytest.raises(error):
        await through([around], TaskDefinition(fail)(), fail)


@pytest.mark.parametrize(
    ("around", "said"),
    [(skip, "must call proceed"), (twice, "twice"), (not_waiting, "must await proceed")],
)
async def test_mistakes_are_said(around: Around, said: str) -> None:
    async def core() -> None:
        await asyncio.sleep(0.01)

    with pytest.raises(TaskError, match=said):
        await through([around], TaskDefinition(fail)(), core)
    await asyncio.sleep(0.02)


def test_a_layer_must_be_async() -> None:
    def around(task: Task, proceed: Proceed) -> Awaitable[Any]:
        return proceed()

    with pytest.raises(DefinitionError, match="must be `async def"):
        check_layer(around)
    with pytest.raises(DefinitionError):
        TaskDefinition(double, around_run=(around,))
    with pytest.raises(DefinitionError):
        App("a").around_enqueue(around)


def test_an_app_takes_up_layers_in_order() -> None:
    one, other = layer("one"), layer("other")
    app = App("test")
    assert app.around_run(one) is one
    module = types.ModuleType("some")
    vars(module).update(first=around_run(other), second=around_enqueue(one))
    app.include(module)
    app.include(module)
    layers = app.definitions.layers()
    assert (layers.enqueue, layers.run) == ((one,), (one, other))
    assert isinstance(vars(module)["first"], TaskLayer)
