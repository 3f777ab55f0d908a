"""Options that several commands have, and what they mean as settings."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from actionhero.settings_loading import Given

F = TypeVar("F", bound=Callable[..., Any])

_MEANING = {
    "host": (("web", "host"), ("tcp", "host")),
    "port": (("web", "port"),),
    "certificate": (("web", "certificate"),),
    "key": (("web", "key"),),
    "tcp_port": (("tcp", "port"),),
    "store": (("store", "url"),),
    "queues": (("tasks", "queues"),),
    "concurrency": (("tasks", "concurrency"),),
    "web": (("web", "enabled"),),
    "tcp": (("tcp", "enabled"),),
    "tasks": (("tasks", "enabled"),),
}

STORE_HELP = "Store: embedded:DIR, valkey://host:6379/0, unix:///path, …"
ENV_HELP = "Environment: takes up [env.NAME.…] of actionhero.toml."
TARGET_HELP = "App: module:app or a file (default: from pyproject.toml)."


def target_argument(command: F) -> F:
    """The app as an argument: module:app, a file, or nothing for the project's."""
    return click.argument("target", required=False)(command)


def app_options(command: F) -> F:
    """The options of commands that use an app's services without serving."""
    for option in (
        click.option("--env", metavar="NAME", help=ENV_HELP),
        click.option("--store", metavar="URL", help=STORE_HELP),
        click.option("--app", "target", metavar="TARGET", help=TARGET_HELP),
    ):
        command = option(command)
    return command


def json_option(command: F) -> F:
    """`--json`: for programs."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(
        command
    )


def given_flags(flags: dict[str, Any]) -> list[Given]:
    """The flags that were given (not None), as settings."""
    return [
        Given(section, key, value, source=_flag_name(name, value))
        for name, value in flags.items()
        if value is not None
        for section, key in _meaning(name, value)
    ]


def _meaning(name: str, value: Any) -> tuple[tuple[str, str], ...]:
    """The settings that a flag sets. A unix socket can only be one transport's."""
    meaning = _MEANING[name]
    return meaning[:1] if name == "host" and str(value).startswith("unix:") else meaning


def _flag_name(name: str, value: Any) -> str:
    prefix = "--no-" if value is False else "--"
    return prefix + name.replace("_", "-")
