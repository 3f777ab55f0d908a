"""`actionhero tasks`: what is queued, what failed, and putting tasks in by hand."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import click

from actionhero.cli.describe import describe_inputs, describe_task, error_of, moment
from actionhero.cli.frame import FAILED, UNUSABLE, Suggesting, report, suggestion
from actionhero.cli.inputs import FREE_OPTIONS, parse_inputs, print_usage, refuse_unknown
from actionhero.cli.loading import Loaded, load_quietly, with_services
from actionhero.cli.options import app_options, json_option
from actionhero.cli.output import print_json, print_table
from actionhero.cli.tasks_periodic import periodic
from actionhero.clock import parse_duration
from actionhero.errors import UnknownTaskError
from actionhero.messages import Words

if TYPE_CHECKING:
    from actionhero.app import App
    from actionhero.services import Services
    from actionhero.tasks.queue import Tasks
    from actionhero.tasks.task import Task, TaskDefinition
    from actionhero.tasks.views import Page, TaskView

STATES = ("pending", "local", "delayed", "processing", "failed")
_LIMIT = click.option(
    "--limit", type=click.IntRange(1, 10_000), default=100, help="Show at most so many (100)."
)


@click.group(cls=Suggesting)
def tasks() -> None:
    """List, show, enqueue and retry tasks."""


tasks.add_command(periodic)


@tasks.command("list")
@app_options
@json_option
@click.option("--queue", metavar="NAME", help="Of this queue only.")
@click.option("--state", type=click.Choice(STATES), help="In this state only.")
@_LIMIT
def list_(
    queue: str | None, state: str | None, limit: int, as_json: bool, **options: str | None
) -> int:
    """List the tasks that are queued, running or failed."""
    states = STATES if state is None else (state,)

    async def collect(services: "Services") -> "list[TaskView]":
        found: list[TaskView] = []
        for name in await services.tasks.queues() if queue is None else [queue]:
            for one in states:
                found += await _first(limit - len(found), _in_state(services.tasks, name, one))
        return found

    found = with_services(_load(options), collect)
    if as_json:
        print_json(found)
        return 0
    rows = [
        (one.id, one.name, one.queue, one.state, moment(one.due_at or one.enqueued_at))
        for one in found
    ]
    print_table(("ID", "TASK", "QUEUE", "STATE", "DUE"), rows, empty="There are no tasks.")
    _tell_limit(len(found), limit)
    return 0


@tasks.command()
@app_options
@json_option
@click.argument("id")
def show(id: str, as_json: bool, **options: str | None) -> int:
    """Show one task: its parameters, its state, its last error."""
    one = with_services(_load(options), lambda services: services.tasks.show(id))
    if as_json:
        print_json(one)
        return 0
    for name, value in describe_task(one):
        click.echo(f"{name:9} {value}")
    if one.error and one.error.get("traceback"):
        click.echo("\n" + one.error["traceback"].rstrip())
    return 0


@tasks.command(context_settings=FREE_OPTIONS)
@app_options
@json_option
@click.option("--delay", metavar="DURATION", help="Run it after this: 30s, 10m, 1h30m.")
@click.option("--id", metavar="ID", help="An id of your own: the same twice is enqueued once.")
@click.option("--help", "wants_help", is_flag=True, help="Show this, or a task's parameters.")
@click.argument("name", required=False)
@click.argument("inputs", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def enqueue(
    ctx: click.Context,
    /,
    name: str | None,
    inputs: tuple[str, ...],
    delay: str | None,
    id: str | None,
    as_json: bool,
    wants_help: bool,
    **options: str | None,
) -> int:
    """Enqueue the task NAME and print its id.

    Parameters are options: --key value, --key=value, --flag (true), a repeated --key for a list.
    `actionhero tasks enqueue NAME --help` shows which a task has. After a bare `--` every option
    is a parameter.
    """
    if name is None:
        click.echo(ctx.get_help())
        return 0 if wants_help else UNUSABLE
    words, seconds = parse_inputs(inputs), _seconds(delay)
    loaded = _load(options)
    definition = _definition(loaded.app, name)
    if wants_help:
        inputs_ = describe_inputs(definition.inputs)
        print_usage(f"actionhero tasks enqueue {name}", definition.description, inputs_)
        return 0
    refuse_unknown(name, words, definition.inputs.fields)
    put = with_services(loaded, lambda _: _enqueue(definition, words, seconds, id))
    if as_json:
        print_json({"id": put.id, "queue": put.queue})
    else:
        click.echo(put.id)
    return 0


@tasks.command()
@app_options
@json_option
@click.option("--queue", metavar="NAME", help="Of this queue only.")
@_LIMIT
def failed(queue: str | None, limit: int, as_json: bool, **options: str | None) -> int:
    """List the tasks that failed for good, the newest first."""

    found = with_services(
        _load(options), lambda services: _first(limit, _failed(services.tasks, queue))
    )
    if as_json:
        print_json(found)
        return 0
    rows = [
        (one.id, one.name, one.queue, moment(one.failed_at), one.attempts, error_of(one))
        for one in found
    ]
    headers = ("ID", "TASK", "QUEUE", "FAILED", "ATTEMPTS", "ERROR")
    print_table(headers, rows, empty="No task has failed.")
    _tell_limit(len(found), limit)
    return 0


@tasks.command()
@app_options
@click.option("--all", "is_all", is_flag=True, help="Retry every failed task.")
@click.argument("ids", nargs=-1, metavar="ID...")
def retry(ids: tuple[str, ...], is_all: bool, **options: str | None) -> int:
    """Give failed tasks another chance, with all their attempts."""
    if bool(ids) == is_all:
        raise click.UsageError("give the ids of failed tasks, or --all")

    async def again(services: "Services") -> int:
        wanted = list(ids) if ids else await _all_failed(services.tasks)
        if not wanted:
            click.echo("No task has failed.")
        return max([await _retry(services.tasks, one) for one in wanted], default=0)

    return with_services(_load(options), again)


async def _retry(queues: "Tasks", id: str) -> int:
    try:
        await queues.retry(id)
    except UnknownTaskError as exc:
        report(exc.message)
        return FAILED
    click.echo(f"{id} is queued again")
    return 0


async def _enqueue(
    definition: "TaskDefinition", words: Words, delay: float | None, id: str | None
) -> "Task":
    from actionhero.tasks.task import Task

    return await Task(definition, definition.inputs.read(words, None)).enqueue(delay=delay, id=id)


def _load(options: dict[str, str | None]) -> Loaded:
    return load_quietly(options["target"], options["env"], store=options["store"])


def _definition(app: "App", name: str) -> "TaskDefinition":
    definition = app.definitions.tasks.get(name)
    if definition is None:
        hint = suggestion(name, sorted(app.definitions.tasks))
        raise UnknownTaskError(f"{name!r} is not a known task; {hint}")
    return definition


def _seconds(delay: str | None) -> float | None:
    try:
        return None if delay is None else parse_duration(delay)
    except ValueError as exc:
        raise click.BadParameter(str(exc), param_hint="--delay") from exc


async def _paged(
    fetch: "Callable[[str | None], Awaitable[Page]]",
) -> "AsyncIterator[TaskView]":
    """The tasks of all pages."""
    cursor: str | None = None
    while True:
        page = await fetch(cursor)
        for one in page.tasks:
            yield one
        if page.next is None:
            return
        cursor = page.next


async def _first(count: int, found: "AsyncIterator[TaskView]") -> "list[TaskView]":
    """At most `count` of what there is."""
    taken: list[TaskView] = []
    async for one in found:
        if len(taken) >= count:
            break
        taken.append(one)
    return taken


def _in_state(queues: "Tasks", queue: str, state: str) -> "AsyncIterator[TaskView]":
    return _paged(lambda cursor: queues.list(queue, state, cursor))


def _failed(queues: "Tasks", queue: str | None) -> "AsyncIterator[TaskView]":
    return _paged(lambda cursor: queues.failed(queue, cursor))


async def _all_failed(queues: "Tasks") -> list[str]:
    return [one.id async for one in _failed(queues, None)]


def _tell_limit(shown: int, limit: int) -> None:
    if shown == limit:
        click.echo(f"(There may be more; --limit shows more than {limit}.)")
