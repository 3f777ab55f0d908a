"""What a task is: a decorated function (a type), and objects of it.

Calling a type makes a `Task` and checks its parameters there and then; nothing runs or is stored by
that alone. A type meets its queues late: `Tasks` connects it when its app is up.
"""

import asyncio
import datetime
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from actionhero.clock import Duration, parse_duration
from actionhero.codec import Inputs, compile_inputs, decode_json, place_of
from actionhero.errors import DefinitionError, NotConnectedError
from actionhero.store.keys import check_queue_name
from actionhero.tasks.control import control_of
from actionhero.tasks.ids import check_id, new_id
from actionhero.tasks.importable import import_place_of
from actionhero.tasks.middleware import NO_LAYERS, Around, Layers, check_layer, through
from actionhero.tasks.options import DEFAULT_QUEUE, TaskService, Where
from actionhero.tasks.record import BANDS, NO_TROUBLES, Priority, Scope, Troubles, record_head
from actionhero.tasks.results import Decode, Progress, compile_result
from actionhero.tasks.retry import Errors, RetryPolicy
from actionhero.tasks.schedule import CatchUp, Overlap, schedule_of
from actionhero.tasks.unique import UniqueMode

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,99}")
MOST_NOTE = 500
"""Characters of a note of progress that are kept."""


class TaskDefinition:
    """One type of task. Calling it makes a `Task`. Durations are in seconds."""

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        queue: str = DEFAULT_QUEUE,
        retries: int = 0,
        backoff: Duration = 1.0,
        max_backoff: Duration = 3600.0,
        every: Duration | None = None,
        cron: str | None = None,
        tz: str | None = None,
        catch_up: CatchUp | None = None,
        overlap: Overlap | None = None,
        scope: Scope = "any",
        timeout: Duration | None = None,
        priority: Priority = "normal",
        retry_for: Errors = (),
        fail_for: Errors = (),
        keep_result: Duration | None = None,
        executor: Where = "thread",
        concurrency: int | None = None,
        rate: str | None = None,
        unique: UniqueMode | None = None,
        unique_by: Sequence[str] = (),
        around_enqueue: Sequence[Around] = (),
        around_run: Sequence[Around] = (),
    ) -> None:
        self.function = function
        self.place = place_of(function)
        self.name = str(name or getattr(function, "__name__", ""))
        self.description = inspect.getdoc(function) or ""
        self.queue = check_queue_name(queue)
        self.retry = RetryPolicy(
            retries,
            self._seconds("backoff", backoff),
            self._seconds("max_backoff", max_backoff),
            retry_for,
            fail_for,
        )
        self.schedule = self._checked(lambda: schedule_of(every, cron, tz, catch_up, overlap))
        self.scope: Scope = scope
        self.timeout = None if timeout is None else self._seconds("timeout", timeout)
        self.priority: Priority = priority
        self.keep_result = (
            None if keep_result is None else self._seconds("keep_result", keep_result)
        )
        self.is_async = inspect.iscoroutinefunction(function)
        self.executor: Where = executor
        self._own_layers = Layers(
            tuple(map(check_layer, around_enqueue)), tuple(map(check_layer, around_run))
        )
        self.enqueue_layers, self.run_layers = self._own_layers.enqueue, self._own_layers.run
        self.service: TaskService | None = None
        self._check()
        self._inputs: Inputs | None = None
        self._check_inputs()
        self.control = self._checked(
            lambda: control_of(
                self.name,
                self.inputs.fields,
                concurrency=concurrency,
                rate=rate,
                unique=unique,
                unique_by=unique_by,
                is_periodic=self.schedule is not None,
                is_on_all=self.scope == "all",
            )
        )
        self.head = record_head(
            self.name,
            priority,
            scope,
            is_periodic=False,  # an occurrence is; one that is enqueued by hand is not
            flags=self.control.flags,
            keep=round(1000 * (self.keep_result or 0)),
        )
        self.read_result: Decode | None = None
        """Reads a result that is kept; None if none is."""
        if self.keep_result is not None:
            self.read_result = decode_json if scope == "all" else compile_result(function)

    @property
    def retries(self) -> int:
        """How many attempts follow the first one if it raises."""
        return self.retry.retries

    @property
    def inputs(self) -> Inputs:
        """The parameters. Raises `DefinitionError`."""
        if self._inputs is None:
            self._inputs = compile_inputs(self.function, self._is_injected)
            self._check_injected(self._inputs)
        return self._inputs

    def __call__(self, *args: Any, **kwargs: Any) -> "Task":
        """A task with these parameters. Raises `InvalidInputError` with all that do not fit."""
        return Task(self, self.inputs.bind(args, kwargs))

    def connect(self, service: TaskService | None) -> None:
        """Meet the queues (or leave them). What is injected may be another set of types now."""
        self.service = service
        self._inputs = None
        around, own = service.layers if service else NO_LAYERS, self._own_layers
        self.enqueue_layers = (*around.enqueue, *own.enqueue)
        self.run_layers = (*around.run, *own.run)

    @property
    def connected_service(self) -> TaskService:
        """The queues. Raises `NotConnectedError`."""
        if self.service is None:
            raise NotConnectedError(
                f"task {self.name!r} needs its queue, but its app is neither running nor "
                "connected; use `async with app.connected():`"
            )
        return self.service

    def __repr__(self) -> str:
        return f"<TaskDefinition {self.name}>"

    def _is_injected(self, kind: Any) -> bool:
        if kind is Task:
            return True
        told = self.service.provides(kind) if self.service else None
        return _is_unreadable(kind) if told is None else told

    def _checked(self, make: Callable[[], T]) -> T:
        """What options mean, or a `DefinitionError` that says where they are."""
        try:
            return make()
        except ValueError as exc:
            raise DefinitionError(f"{self.place}: {exc}") from exc

    def _seconds(self, option: str, value: Duration) -> float:
        try:
            return parse_duration(value)
        except ValueError as exc:
            raise DefinitionError(f"{self.place}: {option}: {exc}") from exc

    def _check(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise DefinitionError(
                f"{self.place}: {self.name!r} is no task name; use letters, digits and _ . : -"
            )
        if self.scope not in ("any", "all"):
            raise DefinitionError(f"{self.place}: scope must be 'any' or 'all', not {self.scope!r}")
        if self.priority not in BANDS:
            raise DefinitionError(
                f"{self.place}: priority must be one of {', '.join(BANDS)}, not {self.priority!r}"
            )
        for option, seconds in (
            ("timeout", self.timeout),
            ("keep_result", self.keep_result),
        ):
            if seconds is not None and seconds < 0.001:
                raise DefinitionError(f"{self.place}: {option} must be at least 1ms")
        if problem := self.retry.problem():
            raise DefinitionError(f"{self.place}: {problem}")
        if inspect.isasyncgenfunction(self.function) or inspect.isgeneratorfunction(self.function):
            raise DefinitionError(f"{self.place}: a task cannot be a generator")
        if self.executor not in ("thread", "process"):
            raise DefinitionError(
                f"{self.place}: executor must be 'thread' or 'process', not {self.executor!r}"
            )
        if self.executor == "process":
            self._check_process()

    def _check_process(self) -> None:
        if self.is_async:
            raise DefinitionError(
                f"{self.place}: executor='process' is for plain functions, and this one is async"
            )
        import_place_of(self.function)

    def _check_injected(self, inputs: Inputs) -> None:
        for name, kind in inputs.injected.items():
            if self.executor == "process" and kind is not Task:
                raise DefinitionError(
                    f"{self.place}: {kind!r} for {name!r} cannot be handed into a child process; "
                    "only inputs and the Task can"
                )

    def _check_inputs(self) -> None:
        required = [name for name, field in self.inputs.fields.items() if field.required]
        if self.schedule is not None and required:
            raise DefinitionError(
                f"{self.place}: a periodic task runs without parameters; "
                f"give {', '.join(required)} a default"
            )


class Task:
    """One task: a type with its parameters and an id of its own.

    In a task function, a parameter of this type is handed the running task: then `attempts` is
    how often it raised before, and `lapses` how often its server died under it.
    """

    __slots__ = ("_id", "_tell", "_values", "definition", "parent", "troubles")

    def __init__(
        self,
        definition: TaskDefinition,
        values: Struct,
        id: str | None = None,
        troubles: Troubles = NO_TROUBLES,
        parent: str | None = None,
        tell: Callable[[float, str], None] | None = None,
    ) -> None:
        self.definition = definition
        self.troubles = troubles
        self.parent = parent
        self._values = values
        self._id = id
        self._tell = tell

    @property
    def id(self) -> str:
        """Its id, made up when it is first asked for."""
        if self._id is None:
            self._id = new_id()
        return self._id

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def queue(self) -> str:
        return self.definition.queue

    @property
    def params(self) -> dict[str, Any]:
        """Its parameters, by name."""
        return msgspec.structs.asdict(self._values)

    @property
    def attempts(self) -> int:
        return self.troubles.attempts

    @property
    def lapses(self) -> int:
        return self.troubles.lapses

    @property
    def is_copy(self) -> bool:
        """Whether it is one server's copy of a task with `scope="all"`; `parent` is that task."""
        return self.parent is not None

    def encoded_params(self) -> bytes:
        """Its parameters as JSON. Raises `TypeError` for a value that has no JSON."""
        return self.definition.inputs.encode(self._values)

    async def enqueue(
        self,
        *,
        delay: Duration | None = None,
        at: datetime.datetime | None = None,
        id: str | None = None,
    ) -> "Task":
        """Put it into its queue: now, after `delay`, or at a time (which needs a zone).

        With an `id` of your own, enqueueing the same again while it is queued, running or failed
        changes nothing; nor does it once it has completed, while its type keeps its result: that
        stands for it. Raises `StoreError`; with `maybe_done` it may have been stored, and
        enqueueing this same object again is safe. Raises `QueueFullError`, `NotConnectedError`, and
        `ValueError` for a delay or time that is none.
        """
        if id is not None:
            self._id = check_id(id)
        return await self.definition.connected_service.enqueue(self, delay=delay, at=at)

    def become(self, id: str) -> None:
        """Mean the task that stands for what makes this one unique, from now on."""
        self._id = id

    def duplicate(self) -> "Task":
        """A task of the same type with the same parameters, and another id."""
        return Task(self.definition, self._values)

    async def run(self) -> Any:
        """Run it here and now, past any queue, and return what its function returns or raises.

        What stands around runs stands around this one. A plain function runs in a thread, also
        one with `executor="process"`: the child processes are a worker's.
        """
        if self.definition.run_layers:
            return await through(self.definition.run_layers, self, self._run)
        return await self._run()

    async def _run(self) -> Any:
        arguments = self.definition.inputs.arguments(self._values)
        for name, kind in self.definition.inputs.injected.items():
            arguments[name] = (
                self if kind is Task else self.definition.connected_service.provide(kind)
            )
        if self.definition.is_async:
            return await self.definition.function(**arguments)
        return await asyncio.to_thread(self.definition.function, **arguments)

    async def state(self) -> str:
        """`delayed`, `pending`, `local`, `processing`, `retrying`, `failed`; `completed` or
        `cancelled` while its type keeps its result; else `unknown`: a task that ended leaves
        nothing behind."""
        return await self.definition.connected_service.state(self)

    async def result(self, *, timeout: Duration | None = None) -> Any:
        """Wait until it has ended, and return what its function returned, as the return annotation
        says. Of a task on all servers it is how many copies were `expected`, `done`, `failed` and
        `absent`. The type must have `keep_result`.

        Raises `TaskFailedError`, `TaskCancelledError`, `ResultTimeoutError` (a `TimeoutError`),
        `NoResultError`; `UnknownTaskError` if it was not enqueued or ended too long ago;
        `StoreError` if the store is away at the beginning. One that goes away later is waited for.
        """
        return await self.definition.connected_service.result(self, timeout)

    async def cancel(self) -> bool:
        """Take it out of its queue; if it runs, have its server cancel it, within about a second.

        A coroutine gets `CancelledError`. A thread cannot be stopped: the task ends as cancelled,
        while its thread goes on and what comes of it counts for nothing. False if it has ended.
        """
        return await self.definition.connected_service.cancel(self)

    async def set_progress(self, fraction: float, note: str = "") -> None:
        """In the task's function: say how far it has come, 0 to 1, and in words if you like.

        Cheap enough for a tight loop: the newest word is sent at most four times a second, and
        dropped when the store is away. Does nothing in a task that runs inline.
        """
        self.set_progress_nowait(fraction, note)
        await asyncio.sleep(0)

    def set_progress_nowait(self, fraction: float, note: str = "") -> None:
        """As `set_progress`, for functions that run in a thread."""
        if not 0 <= fraction <= 1:
            raise ValueError(f"progress is from 0 to 1, not {fraction}")
        if self._tell is not None:
            self._tell(fraction, note[:MOST_NOTE])

    async def progress(self) -> Progress | None:
        """What it said last of its progress, while it runs; None if it said nothing."""
        return await self.definition.connected_service.progress(self)

    def __repr__(self) -> str:
        return f"<Task {self.name} {self._id or '(no id yet)'}>"


def _is_unreadable(kind: Any) -> bool:
    """Whether no input can be of this type, so that it must be one that is handed in."""
    try:
        return isinstance(msgspec.inspect.type_info(kind), msgspec.inspect.CustomType)
    except TypeError:
        return False
