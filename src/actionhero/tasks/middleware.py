"""What stands around the enqueueing and the running of tasks.

    @app.around_run
    async def measure(task, proceed):
        began = time.perf_counter()
        await proceed()
        log(task.name, time.perf_counter() - began)

Rules
- The app's layers are outside a type's own; each in the order of their definition, as an onion.
- A layer may look, wait, measure and refuse: what it raises is raised by `enqueue`, or is how the
  run ends (`Retry` and `Discard` too). It changes nothing in silence: what `proceed()` returned is
  what counts whatever the layer returns, and an error that it swallows is raised all the same.
- One that returns without `proceed()`, or calls it twice, is a mistake and says so.
- Around `enqueue_many` each task has its layers. Nothing is sent before all of them proceed, and
  if one refuses, nothing is.
- Where there is none it costs nothing. Occurrences of periodic types are fired by the store, so
  nothing stands around their enqueueing.
"""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from msgspec import Struct

from actionhero.codec import place_of
from actionhero.errors import DefinitionError, TaskError

if TYPE_CHECKING:
    from actionhero.tasks.task import Task

Proceed: TypeAlias = Callable[[], Awaitable[Any]]
Around: TypeAlias = Callable[["Task", Proceed], Awaitable[Any]]


class Layers(Struct, frozen=True):
    """What an app puts around all of its tasks, outermost first."""

    enqueue: tuple[Around, ...] = ()
    run: tuple[Around, ...] = ()


NO_LAYERS: Final = Layers()


class TaskLayer(Struct, frozen=True):
    """A layer made by a decorator without an app: `include` puts it around every task."""

    where: Literal["enqueue", "run"]
    function: Around

    def __call__(self, task: "Task", proceed: Proceed) -> Awaitable[Any]:
        return self.function(task, proceed)


def check_layer(layer: Around) -> Around:
    """Raises `DefinitionError` for what cannot stand around a task."""
    if not inspect.iscoroutinefunction(layer) and not isinstance(layer, TaskLayer):
        raise DefinitionError(
            f"{place_of(layer)}: what stands around tasks must be `async def (task, proceed)`"
        )
    return layer


async def through(layers: Sequence[Around], task: "Task", core: Proceed) -> Any:
    """Do `core` inside the layers, and return what it returned."""
    if not layers:
        return await core()
    step = _Step(layers[0], functools.partial(through, layers[1:], task, core))
    return await step.take(task)


async def through_many(tasks: Iterable["Task"], send: Proceed) -> Any:
    """`send` once the layers around the enqueueing of all tasks have let them through."""
    gate = _Gate()
    passing = [
        asyncio.create_task(through(layers, task, functools.partial(gate.wait, task)))
        for task in tasks
        if (layers := task.definition.enqueue_layers)
    ]
    try:
        await gate.all_wait(passing)
        try:
            sent = await gate.open(send)
        finally:  # each layer sees how it went
            ended = await asyncio.gather(*passing, return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException):
                raise error
    finally:
        for one in passing:
            one.cancel()
        await asyncio.gather(*passing, return_exceptions=True)
    return sent


class _Step:
    """One layer around one task."""

    def __init__(self, layer: Around, inner: Proceed) -> None:
        self._layer = layer
        self._inner = inner
        self._state: Literal["before", "inside", "after"] = "before"
        self._value: Any = None
        self._error: BaseException | None = None

    async def take(self, task: "Task") -> Any:
        await self._layer(task, self._proceed)
        if self._error is not None:
            raise self._error
        if self._state == "before":
            raise self._mistake("it must call proceed(), or raise to refuse")
        if self._state == "inside":
            raise self._mistake("it must await proceed()")
        return self._value

    async def _proceed(self) -> Any:
        if self._state != "before":
            raise self._mistake("it must not call proceed() twice")
        self._state = "inside"
        try:
            self._value = await self._inner()
        except BaseException as exc:
            self._error = exc
            raise
        finally:
            self._state = "after"
        return self._value

    def _mistake(self, what: str) -> TaskError:
        return TaskError(f"{place_of(self._layer)} stands around a task: {what}")


class _Gate:
    """Where the tasks of one `enqueue_many` wait for each other."""

    def __init__(self) -> None:
        self._sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changed = asyncio.Event()
        self._waiting = 0

    async def wait(self, task: "Task") -> "Task":
        """The innermost layer: it has been let through."""
        self._waiting += 1
        self._changed.set()
        await asyncio.shield(self._sent)
        return task

    async def all_wait(self, passing: Sequence["asyncio.Task[Any]"]) -> None:
        """Return when all are here. Raises the error of the first that will not come."""
        for one in passing:
            one.add_done_callback(lambda _: self._changed.set())
        while self._waiting < len(passing):
            self._changed.clear()
            await self._changed.wait()
            for one in passing:
                if one.done():
                    one.result()

    async def open(self, send: Proceed) -> Any:
        """Send, and let each of them know how that went."""
        try:
            sent = await send()
        except BaseException as exc:
            self._sent.set_exception(exc)
            self._sent.exception()  # it is raised by us too
            raise
        self._sent.set_result(None)
        return sent
