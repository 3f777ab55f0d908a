"""What almost every command begins with: the settings, then the app, then its services."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec import Struct

from actionhero.cli.options import given_flags
from actionhero.cli.target import find_app, find_project
from actionhero.settings import Settings
from actionhero.settings_loading import load_settings
from actionhero.telemetry import configure_logging

if TYPE_CHECKING:
    from actionhero.app import App
    from actionhero.services import Services

T = TypeVar("T")


class Loaded(Struct, frozen=True):
    """An app and the settings that hold for it."""

    app: "App"
    settings: Settings


def load(target: str | None, env: str | None, **flags: Any) -> Loaded:
    """Read the settings, set up the logs, import the app. Raises `SetupError`."""
    settings = load_project_settings(env, flags)
    return Loaded(find_app(target, find_project()), settings)


def load_project_settings(env: str | None, flags: dict[str, Any]) -> Settings:
    """Read the settings and set up the logs, without the app. Raises `SetupError`."""
    settings = load_settings(find_project().folder, overrides=given_flags(flags), env=env)
    configure_logging(settings.log, settings.general.filtered_params)
    return settings


def load_quietly(target: str | None, env: str | None, **flags: Any) -> Loaded:
    """`load` for a command that prints its own result: the logs hold only what is wrong."""
    loaded = load(target, env, **flags)
    if loaded.settings.log.level == "info":
        quiet = msgspec.structs.replace(loaded.settings.log, level="warning")
        configure_logging(quiet, loaded.settings.general.filtered_params)
    return loaded


def with_services(loaded: Loaded, use: "Callable[[Services], Awaitable[T]]") -> T:
    """`use` the services of an app that is connected, not served, and return its result."""

    import asyncio

    async def connected() -> T:
        async with loaded.app.connected(loaded.settings) as services:
            return await use(services)

    return asyncio.run(connected())
