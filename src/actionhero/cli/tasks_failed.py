"""`actionhero tasks failed|retry|purge`: the dead letters, chosen by name, queue, age and error."""

import contextlib
import sys
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click
from msgspec import Struct

from actionhero.cli.describe import error_of, moment
from actionhero.cli.frame import FAILED, report
from actionhero.cli.loading import with_services
from actionhero.cli.options import app_options, json_option
from actionhero.cli.output import print_json, print_table
from actionhero.cli.tasks_paging import first, limit_option, load_tasks, tell_limit
from actionhero.clock import parse_duration
from actionhero.errors import UnknownTaskError

if TYPE_CHECKING:
    from actionhero.services import Services
    from actionhero.tasks.dead_letters import Sweep, Told
    from actionhero.tasks.queue import Tasks

F = TypeVar("F", bound=Callable[..., Any])
Action = Literal["retry", "purge"]
_DONE = {"retry": "queued again", "purge": "purged"}
_LONG = 5_000
"""From so many dead letters on, progress is shown."""


class Which(Struct, frozen=True, omit_defaults=True):
    """Which dead letters; all that is given must fit."""

    name: str | None = None
    queue: str | None = None
    older_than: str | None = None
    newer_than: str | None = None
    error: str | None = None

    def as_options(self) -> dict[str, str]:
        """What is given, by name."""
        return {name: value for name in self.__struct_fields__ if (value := getattr(self, name))}

    def __str__(self) -> str:
        return " ".join(
            f"--{name.replace('_', '-')} {value!r}" for name, value in self.as_options().items()
        )


def _check_age(_: click.Context, param: click.Parameter, value: str | None) -> str | None:
    try:
        if value is not None:
            parse_duration(value)
    except ValueError as exc:
        raise click.BadParameter(str(exc), param=param) from exc
    return value


def _which_options(command: F) -> F:
    for option in (
        click.option("--error", metavar="TEXT", help='With this text in its "Type: message".'),
        click.option(
            "--newer-than", metavar="AGE", callback=_check_age, help="Failed in the last: 1h, 2d."
        ),
        click.option(
            "--older-than", metavar="AGE", callback=_check_age, help="Failed longer ago than: 7d."
        ),
        click.option("--queue", metavar="NAME", help="Of this queue only."),
        click.option("--name", metavar="TASK", help="Of this type only."),
    ):
        command = option(command)
    return command


def _which(options: dict[str, Any]) -> Which:
    """Takes what chooses out of a command's options."""
    return Which(**{name: options.pop(name) for name in Which.__struct_fields__})


@click.command()
@app_options
@json_option
@_which_options
@limit_option
def failed(limit: int, as_json: bool, **options: Any) -> int:
    """List the tasks that failed for good, the newest first.

    `tasks show ID` tells all about one; `tasks retry` and `tasks purge` take the same options.
    """
    which = _which(options)
    chosen = which.as_options()
    found = with_services(
        load_tasks(options),
        lambda services: first(
            limit,
            lambda cursor, count: services.tasks.failed(cursor=cursor, count=count, **chosen),
        ),
    )
    if as_json:
        print_json(found)
        return 0
    rows = [
        (one.id, one.name, one.queue, moment(one.finished_at), one.attempts, error_of(one))
        for one in found
    ]
    headers = ("ID", "TASK", "QUEUE", "FAILED", "ATTEMPTS", "ERROR")
    print_table(headers, rows, empty=_none(which))
    tell_limit(len(found), limit)
    return 0


@click.command()
@app_options
@json_option
@_which_options
@click.option("--all", "is_all", is_flag=True, help="Every failed task (that fits).")
@click.argument("ids", nargs=-1, metavar="[ID]...")
def retry(ids: tuple[str, ...], is_all: bool, as_json: bool, **options: Any) -> int:
    """Give failed tasks another chance, with all their attempts: by ID, or all that fit."""
    which = _which(options)
    _check_choice(ids, is_all, which)
    return _act("retry", ids, which, as_json, options)


@click.command()
@app_options
@json_option
@_which_options
@click.option("--all", "is_all", is_flag=True, help="Every failed task (that fits).")
@click.option("--yes", "is_sure", is_flag=True, help="Do not ask.")
@click.argument("ids", nargs=-1, metavar="[ID]...")
def purge(ids: tuple[str, ...], is_all: bool, is_sure: bool, as_json: bool, **options: Any) -> int:
    """Forget failed tasks for good: by ID, or all that fit."""
    which = _which(options)
    _check_choice(ids, is_all, which)
    if not ids and not is_sure:
        _ask(which)
    return _act("purge", ids, which, as_json, options)


def _check_choice(ids: tuple[str, ...], is_all: bool, which: Which) -> None:
    if bool(ids) == bool(is_all or which.as_options()):
        raise click.UsageError(
            "give the ids of failed tasks, or --all, or which with --name, --queue, --older-than, "
            "--newer-than or --error"
        )


def _ask(which: Which) -> None:
    """Raises `click.Abort` if the person does not mean it."""
    if not sys.stdin.isatty():
        raise click.UsageError("to purge many, add --yes")
    click.confirm(f"Forget all failed tasks {which}".rstrip() + " for good?", abort=True, err=True)


def _act(
    action: Action, ids: tuple[str, ...], which: Which, as_json: bool, options: dict[str, Any]
) -> int:
    async def act(services: "Services") -> "Sweep":
        if ids:
            return await _each(services.tasks, action, ids, is_told=not as_json)
        with _progress(action) as told:
            return await _all(services.tasks, action)(told=told, **which.as_options())

    sweep = with_services(load_tasks(options), act)
    if as_json:
        print_json({"found": sweep.found, "done": sweep.done})
    elif not ids:
        _tell(action, sweep, which)
    return 0 if sweep.done == sweep.found else FAILED


def _all(queues: "Tasks", action: Action) -> "Callable[..., Awaitable[Sweep]]":
    return queues.retry_failed if action == "retry" else queues.purge_failed


async def _each(queues: "Tasks", action: Action, ids: tuple[str, ...], *, is_told: bool) -> "Sweep":
    from actionhero.tasks.dead_letters import Sweep

    done = 0
    for id in ids:
        try:
            await (queues.retry(id) if action == "retry" else queues.purge(id))
        except UnknownTaskError as exc:
            report(exc.message)
        else:
            done += 1
            if is_told:
                click.echo(f"{id} is {_DONE[action]}")
    return Sweep(total=len(ids), looked=len(ids), found=len(ids), done=done)


def _tell(action: Action, sweep: "Sweep", which: Which) -> None:
    if not sweep.found:
        click.echo(_none(which))
        return
    count = "1 task is" if sweep.done == 1 else f"{sweep.done:,} tasks are"
    click.echo(f"{count} {_DONE[action]}")
    if left := sweep.found - sweep.done:
        report(
            f"{left:,} could not be: copies of servers that are gone, unique ones in whose place "
            "another one stands, or somebody was faster",
            hint="see actionhero tasks failed",
        )


def _none(which: Which) -> str:
    return f"No {'such ' if which.as_options() else ''}task has failed."


@contextlib.contextmanager
def _progress(action: Action) -> "Iterator[Told]":
    """Shows on a terminal how far long work has come."""
    is_shown = False

    def told(sweep: "Sweep") -> None:
        nonlocal is_shown
        if sweep.total >= _LONG and sys.stderr.isatty():
            is_shown = True
            share = f"{sweep.looked:,} of {sweep.total:,} looked at"
            click.echo(f"\r{share}, {sweep.done:,} {_DONE[action]} ", nl=False, err=True)

    try:
        yield told
    finally:
        if is_shown:
            click.echo(err=True)
