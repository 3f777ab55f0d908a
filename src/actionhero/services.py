"""What an app uses while it runs: the store and all that lives in it, and the way to its actions.

Opened in order, closed in reverse, by a `Server` and by `app.connected()`.
"""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import Mapping
from typing import Any

from actionhero.actions.action import Action
from actionhero.actions.dispatch import Dispatcher
from actionhero.actions.enqueued import action_task
from actionhero.cache import Cache
from actionhero.clock import Duration
from actionhero.codec import decode_json
from actionhero.connections import Connection
from actionhero.deadlines import Deadlines
from actionhero.definitions import Definitions
from actionhero.initializers import Lifespan
from actionhero.limits import Limits
from actionhero.messages import Call
from actionhero.peers import Peers
from actionhero.peers.functions import Functions
from actionhero.rooms import Rooms, RuleBook
from actionhero.sessions import Sessions
from actionhero.settings import Settings
from actionhero.settings_loading import load_settings
from actionhero.stats import Stats
from actionhero.store.client import StoreClient
from actionhero.store.embedded import open_store
from actionhero.store.keys import Keys
from actionhero.tasks.queue import Tasks
from actionhero.tasks.task import Task

PROVIDED = frozenset((Stats, Cache, Peers, Rooms, Tasks, Settings, Sessions, Dispatcher))
"""The types of what every app hands in, beside itself and what its initializers provide."""


class Services:
    """The services of one process. `server` is its id: unique to this run, readable by people."""

    def __init__(self, definitions: Definitions, settings: Settings, server: str) -> None:
        self.definitions = definitions
        self.settings = settings
        self.server = server
        self.deadlines = Deadlines(asyncio.get_running_loop())
        self.store: StoreClient
        self.keys: Keys
        self.stats: Stats
        self.cache: Cache
        self.tasks: Tasks
        self.peers: Peers
        self.rooms: Rooms
        self.peer_functions: Functions
        self.dispatcher: Dispatcher
        self._provided: dict[Any, Any] = {}
        self._exits = contextlib.AsyncExitStack()

    @classmethod
    async def open(
        cls,
        name: str,
        definitions: Definitions,
        settings: Settings | None,
        provided: Mapping[Any, Any],
    ) -> "Services":
        """Connect to the store and bring everything up. Raises `StoreError`, `SetupError`."""
        settings = settings or load_settings()
        services = cls(definitions, settings, _server_id(settings))
        async with services._exits as exits:  # closed again if a later step fails
            await services._open_store(name)
            services._provided.update(provided)
            await services._open_tables()
            await services._start_initializers()
            services._open_dispatcher()
            services._check_tasks()
            services.peer_functions = Functions(definitions.peer_functions, services)
            services._exits = exits.pop_all()
        return services

    async def aclose(self) -> None:
        """Close everything in reverse."""
        await self._exits.aclose()

    def provides(self, kind: Any) -> bool:
        """Whether a parameter of this type is handed in."""
        return kind in self._provided

    def provide(self, kind: Any) -> Any:
        """The object that is handed in for this type."""
        return self._provided[kind]

    async def run_action(
        self, action: Action, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Run an action from Python, through the funnel; its error is raised."""
        call = Call(action.name, body=self._body(action, args, kwargs), version=action.version)
        reply = await self.dispatcher.dispatch(call, Connection("python"))
        if reply.error is not None:
            raise reply.error
        return reply.value

    def task_of(
        self,
        action: Action,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        keep_result: Duration | None = None,
    ) -> Task:
        """The task that runs an action. Raises `InvalidInputError`."""
        params = decode_json(self._body(action, args, kwargs))
        definition = self.definitions.action_task
        if keep_result is not None:
            definition = action_task(keep_result)
            definition.connect(self.tasks)
        return definition(action.name, params, action.version)

    def _body(self, action: Action, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        inputs = self.dispatcher.inputs_of(action)
        return inputs.encode(inputs.bind(args, kwargs))

    async def _open_store(self, name: str) -> None:
        store = self.settings.store
        self.store = await open_store(store.url, command_timeout=store.command_timeout)
        self._exits.push_async_callback(self.store.aclose)
        self.keys = Keys(store.prefix or name)

    async def _open_tables(self) -> None:
        self.stats = Stats(self.store, self.keys, self.server)
        await self.stats.start()
        self._exits.push_async_callback(self.stats.aclose)
        self.cache = Cache(self.store, self.keys, self.settings.cache.near_entries)
        self._exits.push_async_callback(self.cache.aclose)
        self.peers = Peers(self.store, self.keys, self.server)
        self._exits.push_async_callback(self.peers.aclose)
        book = RuleBook(self.definitions.rooms.values(), self.settings.rooms)
        self.rooms = Rooms(self.store, self.keys, book, self.settings.rooms, self.server)
        self._exits.push_async_callback(self.rooms.aclose)
        self.tasks = Tasks(
            self.store,
            self.keys,
            self.definitions.tasks,
            stats=self.stats,
            provider=self,
            layers=self.definitions.layers(),
            queues=self.definitions.divided,
        )
        self._exits.callback(self.tasks.close)
        web = self.settings.web
        origins = {
            "http": _origins(web.cors_origins if web.cors_credentials else ()),
            "websocket": _origins(self.settings.websocket.origins),
        }
        sessions = Sessions(self.store, self.keys, self.settings.session, origins)
        self._provided |= {
            Stats: self.stats,
            Cache: self.cache,
            Peers: self.peers,
            Rooms: self.rooms,
            Tasks: self.tasks,
            Settings: self.settings,
            Sessions: sessions,
        }

    async def _start_initializers(self) -> None:
        lifespan = Lifespan()
        self._exits.push_async_callback(lifespan.aclose)
        await lifespan.start(self.definitions.initializers, self._provided)

    def _open_dispatcher(self) -> None:
        self.dispatcher = Dispatcher(
            self.definitions.versions(),
            provider=self,
            middleware=self.definitions.middleware,
            deadlines=self.deadlines,
            limits=Limits(self.store, self.keys),
            stats=self.stats,
            default_timeout=self.settings.general.action_timeout,
        )
        self._provided[Dispatcher] = self.dispatcher
        for action in self.definitions.actions:
            action.service = self
        self._exits.callback(self._release_actions)

    def _check_tasks(self) -> None:
        """Compile all parameters: only now it is known what is handed in, and at boot is the time
        to say what is wrong."""
        for task in self.definitions.tasks.values():
            task.connect(self.tasks)
            task.inputs  # noqa: B018

    def _release_actions(self) -> None:
        for action in self.definitions.actions:
            action.service = None


def _origins(names: tuple[str, ...]) -> frozenset[str]:
    """Origins that may use sessions: those that are named."""
    return frozenset(name.lower().rstrip("/") for name in names) - {"*"}


def _server_id(settings: Settings) -> str:
    name = settings.general.name or f"{socket.gethostname()}-{os.getpid()}"
    return f"{name}:{secrets.token_hex(4)}"
