"""An application: the decorators that define it, and the services it uses.

Defining does no I/O. `app.connected()` uses the services without serving; a `Server` serves.
"""

import contextlib
import importlib
import pkgutil
import types
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any, TypedDict, Unpack, overload

from actionhero.actions.action import Action, Middleware
from actionhero.cache import Cache
from actionhero.clock import Duration
from actionhero.definitions import Definitions
from actionhero.errors import DefinitionError, NotConnectedError
from actionhero.initializers import Initializer
from actionhero.messages import Transport
from actionhero.peers import PeerFunction, Peers
from actionhero.rooms import RoomDefinition, Rooms
from actionhero.rooms.rules import RoomOptions
from actionhero.services import Services
from actionhero.settings import Settings
from actionhero.stats import Stats
from actionhero.tasks.middleware import Around, TaskLayer, check_layer
from actionhero.tasks.options import TaskOptions
from actionhero.tasks.queue import Tasks
from actionhero.tasks.queues import QueueDefinition
from actionhero.tasks.task import TaskDefinition

Function = Callable[..., Any]


class ActionOptions(TypedDict, total=False):
    """`name` (default: the function's) · `version` · `transports` that serve it (default: all) ·
    `timeout` before it is cancelled · `middleware` around it alone · `rate_limit` of each client
    address, as "10/s" · `csrf=False`: with a session, pages of any site may call it."""

    name: str
    version: int | str
    transports: Iterable[Transport]
    timeout: Duration
    middleware: Sequence[Middleware]
    rate_limit: str
    csrf: bool


class GlobalMiddleware:
    """A middleware made by the decorator `middleware`: `include` puts it around every action."""

    def __init__(self, function: Middleware) -> None:
        self.function = function

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)


@overload
def action(route: Function, /) -> Action: ...
@overload
def action(
    route: str | Sequence[str] | None = None, /, **options: Unpack[ActionOptions]
) -> Callable[[Function], Action]: ...
def action(route: Any = None, /, **options: Unpack[ActionOptions]) -> Any:
    """Make an action of an async function, for an app to `include`; see `App.action`."""
    if callable(route):
        return Action(route)
    return lambda function: Action(function, route, **options)


@overload
def task(function: Function, /) -> TaskDefinition: ...
@overload
def task(**options: Unpack[TaskOptions]) -> Callable[[Function], TaskDefinition]: ...
def task(function: Any = None, /, **options: Unpack[TaskOptions]) -> Any:
    """Make a task type of a function, for an app to `include`; see `App.task`."""
    if callable(function):
        return TaskDefinition(function)
    return lambda function: TaskDefinition(function, **options)


def initializer(function: Function) -> Initializer:
    """Make an initializer of an async generator, for an app to `include`."""
    return Initializer(function)


def middleware(function: Middleware) -> GlobalMiddleware:
    """Make a middleware around every action of the app that will `include` it."""
    return GlobalMiddleware(function)


def around_enqueue(function: Around) -> TaskLayer:
    """Make a layer around the enqueueing of every task of the app that will `include` it."""
    return TaskLayer("enqueue", check_layer(function))


def around_run(function: Around) -> TaskLayer:
    """Make a layer around every run of a task of the app that will `include` it."""
    return TaskLayer("run", check_layer(function))


class App:
    """One application. `name` begins its keys in the store and must be the same on all servers."""

    def __init__(self, name: str) -> None:
        if not name or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
            raise DefinitionError(f"{name!r} is no app name; use letters, digits and - _ .")
        self.name = name
        self.definitions = Definitions()
        self._services: Services | None = None
        self._users = 0

    @overload
    def action(self, route: Function, /) -> Action: ...
    @overload
    def action(
        self, route: str | Sequence[str] | None = None, /, **options: Unpack[ActionOptions]
    ) -> Callable[[Function], Action]: ...
    def action(self, route: Any = None, /, **options: Unpack[ActionOptions]) -> Any:
        """Define an action: `@app.action`, `@app.action("GET /users/{id}", timeout="5s")`.

        `route` is a method and a path under `/api`, or several; the action is also at
        `/api/<name>`. Raises `DefinitionError`.
        """
        if callable(route):
            return self._take(Action(route))
        return lambda function: self._take(Action(function, route, **options))

    @overload
    def task(self, function: Function, /) -> TaskDefinition: ...
    @overload
    def task(self, /, **options: Unpack[TaskOptions]) -> Callable[[Function], TaskDefinition]: ...
    def task(self, function: Any = None, /, **options: Unpack[TaskOptions]) -> Any:
        """Define a task type: `@app.task`, `@app.task(queue="mail", retries=5)`,
        `@app.task(every="30s", scope="all")`. Raises `DefinitionError`."""
        if callable(function):
            return self._take(TaskDefinition(function))
        return lambda function: self._take(TaskDefinition(function, **options))

    def queue(
        self, name: str, *, shards: int = 1, max_length: int | None = None
    ) -> QueueDefinition:
        """Say more of a queue than its name, on all servers and wherever tasks are enqueued:
        `app.queue("mail", shards=4, max_length=100_000)`.

        `shards` divides it, for more than one core of a store or one node of a Cluster can do: a
        task comes to one of them by its id (all of a limited type to one, and all that are unique
        by one key), and the order holds within a shard. `max_length` counts the tasks that have
        not ended, and is shared out evenly among the shards; what does not fit is refused with a
        `QueueFullError`. Raises `DefinitionError`.
        """
        queue = QueueDefinition(name, shards=shards, max_length=max_length)
        self.definitions.add_queue(queue)
        return queue

    def room(self, name: str, **options: Unpack[RoomOptions]) -> RoomDefinition:
        """Say what holds in a room, on all servers: `app.room("lobby", announce=True)`; or in all
        whose names begin so: `app.room("staff-*", join=only_staff)`. A room that is named in full
        is there from the start. `RoomOptions` says what there is to say. Raises `DefinitionError`.
        """
        room = RoomDefinition(name, **options)
        self.definitions.add_room(room)
        return room

    def initializer(self, function: Function) -> Initializer:
        """Define an initializer: an async generator whose value is injected by its type."""
        one = Initializer(function)
        self.definitions.add_initializer(one)
        return one

    @overload
    def peer_function(self, function: Function, /) -> PeerFunction: ...
    @overload
    def peer_function(self, /, *, name: str) -> Callable[[Function], PeerFunction]: ...
    def peer_function(self, function: Any = None, /, *, name: str | None = None) -> Any:
        """Let other servers call a typed async function: `await peers.call("name", {...})`."""
        if function is not None:
            return self._take(PeerFunction(function))
        return lambda given: self._take(PeerFunction(given, name))

    def middleware(self, function: Middleware) -> Middleware:
        """Put `async def (invocation, proceed)` around every action."""
        self.definitions.add_middleware(function)
        return function

    def around_enqueue(self, function: Around) -> Around:
        """Put `async def (task, proceed)` around the enqueueing of every task; `tasks.middleware`
        says what it may do. Raises `DefinitionError`."""
        self._take(around_enqueue(function))
        return function

    def around_run(self, function: Around) -> Around:
        """Put `async def (task, proceed)` around every run of a task, in a worker or inline."""
        self._take(around_run(function))
        return function

    def include(self, *modules: str | types.ModuleType) -> None:
        """Take up what modules define with the decorators that need no app; of a package, all of
        its modules. Raises `DefinitionError` for a module that defines nothing."""
        for module in modules:
            taken = [self._take(found) for one in _walk(module) for found in _defined(one)]
            if not taken:
                raise DefinitionError(
                    f"{module!r} defines no action, task, initializer or middleware"
                )

    @contextlib.asynccontextmanager
    async def connected(self, settings: Settings | None = None) -> AsyncIterator[Services]:
        """Use tasks, stats and cache without serving. Inside a running server, or nested, the
        services there are are used.

        `settings` are by default those of the current directory and the environment, as a server
        started here would have them. Raises `StoreError`, `SetupError`.
        """
        if self._services is None:
            services = await Services.open(self.name, self.definitions, settings, {App: self})
            self._services = services
        services = self._services
        self._users += 1
        try:
            yield services
        finally:
            self._users -= 1
            if self._users == 0:
                self._services = None
                await services.aclose()

    @property
    def services(self) -> Services:
        """The running services. Raises `NotConnectedError`."""
        if self._services is None:
            raise NotConnectedError(
                f"the app {self.name!r} is neither running nor connected; "
                "use `async with app.connected():`"
            )
        return self._services

    @property
    def tasks(self) -> Tasks:
        """The task queues. Raises `NotConnectedError`."""
        return self.services.tasks

    @property
    def stats(self) -> Stats:
        """The counters. Raises `NotConnectedError`."""
        return self.services.stats

    @property
    def peers(self) -> Peers:
        """The other servers. Raises `NotConnectedError`."""
        return self.services.peers

    @property
    def rooms(self) -> Rooms:
        """The rooms. Raises `NotConnectedError`."""
        return self.services.rooms

    @property
    def cache(self) -> Cache:
        """The cache. Raises `NotConnectedError`."""
        return self.services.cache

    def _take(self, found: Any) -> Any:
        match found:
            case Action():
                self.definitions.add_action(found)
            case TaskDefinition():
                self.definitions.add_task(found)
            case PeerFunction():
                self.definitions.add_peer_function(found)
            case RoomDefinition():
                self.definitions.add_room(found)
            case Initializer():
                self.definitions.add_initializer(found)
            case TaskLayer():
                self.definitions.add_task_layer(found)
            case GlobalMiddleware():
                self.definitions.add_middleware(found.function)
        return found


def _walk(module: str | types.ModuleType) -> Iterator[types.ModuleType]:
    if isinstance(module, str):
        module = importlib.import_module(module)
    yield module
    for info in pkgutil.walk_packages(getattr(module, "__path__", ()), module.__name__ + "."):
        yield importlib.import_module(info.name)


def _defined(module: types.ModuleType) -> list[Any]:
    kinds = (
        Action,
        TaskDefinition,
        Initializer,
        GlobalMiddleware,
        TaskLayer,
        PeerFunction,
        RoomDefinition,
    )
    return [value for value in vars(module).values() if isinstance(value, kinds)]
