"""The actions. The names of fields are those of v4.1.0; times are milliseconds, as there."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from msgspec import Meta, Struct

from actionhero import App, Cache, Connection, Stats, action, initializer
from actionhero.demo.tasks import greet

_FACTORS = {"PUT": 10, "POST": 100, "DELETE": 1000}
_Milliseconds = Annotated[float, Meta(ge=0, le=20_000)]


class Boot(Struct, frozen=True):
    """When this server came up, by the monotonic clock."""

    at: float


@initializer
async def boot() -> AsyncIterator[Boot]:
    """Remember when the server came up, for `status`."""
    yield Boot(time.monotonic())


@action("GET /hello/{name}")
async def hello(name: str, excited: bool = False) -> dict[str, str]:
    """Say hello."""
    return {"greeting": f"Hello, {name}{'!' if excited else '.'}"}


@action("POST /greetings", name="greetLater")
async def greet_later(
    name: str, delay: Annotated[float, Meta(ge=0, le=3600)] = 0.0
) -> dict[str, str]:
    """Enqueue the task `greet`, to run on any server, `delay` seconds from now."""
    task = greet(name=name)
    await task.enqueue(delay=delay)
    return {"task": task.id}


@action(name="actionsView")
async def actions_view(app: App) -> dict[str, Any]:
    """All actions, with the inputs that they require and take."""
    dispatcher = app.services.dispatcher
    shown = []
    for one in sorted(app.definitions.actions, key=lambda one: one.name):
        fields = dispatcher.inputs_of(one).fields.values()
        inputs = {
            "required": [field.name for field in fields if field.required],
            "optional": [field.name for field in fields if not field.required],
        }
        shown.append({"name": one.name, "description": one.description, "inputs": inputs})
    return {"actions": shown}


@action(name="cacheTest")
async def cache_test(key: str, value: str, cache: Cache) -> dict[str, Any]:
    """Save a value for five seconds, load it, destroy it, and tell how each went."""
    name = f"cacheTest_{key}"
    await cache.save(name, value, expire="5s")
    size = await cache.size()
    loaded = await cache.load(name)
    shown = {
        "key": name,
        "value": loaded and loaded.value,
        "expireTimestamp": loaded and loaded.expires_at,
        "createdAt": loaded and loaded.created_at,
        "readAt": loaded and loaded.read_at,
    }
    deleted = await cache.destroy(name)
    return {
        "cacheTestResults": {
            "saveResp": True,
            "sizeResp": size,
            "loadResp": shown,
            "deleteResp": deleted,
        }
    }


@action(name="randomNumber")
async def random_number(connection: Connection) -> dict[str, float]:
    """A random number below 1; ten times that by PUT, a hundred by POST, a thousand by DELETE."""
    return {"randomNumber": random.random() * _FACTORS.get(connection.method, 1)}  # noqa: S311


@action(name="sleepTest")
async def sleep_test(sleepDuration: _Milliseconds = 1000.0) -> dict[str, float]:  # noqa: N803
    """Sleep for `sleepDuration` milliseconds, 20,000 at most, and return."""
    started = time.time() * 1000
    await asyncio.sleep(sleepDuration / 1000)
    ended = time.time() * 1000
    return {
        "sleepStarted": round(started),
        "sleepEnded": round(ended),
        "sleepDuration": sleepDuration,
        "sleepDelta": round(ended - started),
    }


@action("GET /countdown/{start}")
async def countdown(start: Annotated[int, Meta(ge=0, le=60)] = 3) -> AsyncIterator[int]:
    """Count down, a number a second: a stream."""
    for number in range(start, -1, -1):
        yield number
        await asyncio.sleep(1 if number else 0)


@action
async def status(app: App, boot: Boot, stats: Stats) -> dict[str, Any]:
    """This server: its id, its uptime in milliseconds, the stats and the tasks."""
    return {
        "id": app.services.server,
        "uptime": round((time.monotonic() - boot.at) * 1000),
        "stats": await stats.get_all(),
        "tasks": await app.tasks.details(),
    }
