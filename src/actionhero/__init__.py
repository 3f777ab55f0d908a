"""One typed async function serves every transport; background tasks that are never lost.

    from actionhero import App

    app = App("hello")

    @app.action("GET /hello/{name}")
    async def hello(name: str) -> dict[str, str]:
        return {"greeting": f"Hello, {name}."}
"""

from actionhero.actions.middleware import Invocation, Proceed
from actionhero.app import App, action, initializer, middleware, task
from actionhero.cache import Cache
from actionhero.connections import Connection
from actionhero.errors import ActionError, ActionHeroError
from actionhero.settings import Settings
from actionhero.stats import Stats
from actionhero.tasks.queue import Tasks
from actionhero.tasks.task import Task

__all__ = [
    "ActionError",
    "ActionHeroError",
    "App",
    "Cache",
    "Connection",
    "Invocation",
    "Proceed",
    "Settings",
    "Stats",
    "Task",
    "Tasks",
    "action",
    "initializer",
    "middleware",
    "task",
]
