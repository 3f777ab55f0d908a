"""One typed async function serves every transport; background tasks that are never lost.

    from actionhero import App

    app = App("hello")

    @app.action("GET /hello/{name}")
    async def hello(name: str) -> dict[str, str]:
        return {"greeting": f"Hello, {name}."}

The names are imported when they are first used: the command line needs none of them for most of
what it does.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actionhero.actions.action import Invocation, Proceed
    from actionhero.app import (
        App,
        action,
        around_enqueue,
        around_run,
        initializer,
        middleware,
        task,
    )
    from actionhero.cache import Cache
    from actionhero.connections import Connection
    from actionhero.errors import ActionError, ActionHeroError
    from actionhero.messages import Event
    from actionhero.peers import ALL, ANY, Peers
    from actionhero.rooms import RoomMessage, Rooms
    from actionhero.sessions import Session
    from actionhero.settings import Settings
    from actionhero.stats import Stats
    from actionhero.tasks.queue import Tasks
    from actionhero.tasks.retry import Discard, Retry
    from actionhero.tasks.task import Task
    from actionhero.uploads import RawBody, UploadedFile
else:
    _HOMES = {
        "actions.action": ("Invocation", "Proceed"),
        "app": (
            *("App", "action", "around_enqueue", "around_run"),
            *("initializer", "middleware", "task"),
        ),
        "cache": ("Cache",),
        "connections": ("Connection",),
        "errors": ("ActionError", "ActionHeroError"),
        "messages": ("Event",),
        "peers": ("ALL", "ANY", "Peers"),
        "rooms": ("RoomMessage", "Rooms"),
        "sessions": ("Session",),
        "settings": ("Settings",),
        "stats": ("Stats",),
        "tasks.queue": ("Tasks",),
        "tasks.retry": ("Discard", "Retry"),
        "tasks.task": ("Task",),
        "uploads": ("RawBody", "UploadedFile"),
    }

    def __getattr__(name):
        for module, names in _HOMES.items():
            if name in names:
                from importlib import import_module

                value = getattr(import_module(f"actionhero.{module}"), name)
                globals()[name] = value
                return value
        raise AttributeError(f"module 'actionhero' has no attribute {name!r}")


__all__ = [
    "ALL",
    "ANY",
    "ActionError",
    "ActionHeroError",
    "App",
    "Cache",
    "Connection",
    "Discard",
    "Event",
    "Invocation",
    "Peers",
    "Proceed",
    "RawBody",
    "Retry",
    "RoomMessage",
    "Rooms",
    "Session",
    "Settings",
    "Stats",
    "Task",
    "Tasks",
    "UploadedFile",
    "action",
    "around_enqueue",
    "around_run",
    "initializer",
    "middleware",
    "task",
]
