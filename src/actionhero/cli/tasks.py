"""`actionhero tasks`: what is queued, and putting tasks in by hand.

Its other commands have files of their own.
"""

import functools
from typing import TYPE_CHECKING

import click

from actionhero.cli.describe import describe_inputs, describe_task, moment
from actionhero.cli.frame import UNUSABLE, Suggesting, suggestion
from actionhero.cli.inputs import FREE_OPTIONS, parse_inputs, print_usage, refuse_unknown
from actionhero.cli.loading import with_services
from actionhero.cli.options import app_options, json_option
from actionhero.cli.output import print_json, print_table
from actionhero.cli.tasks_control import cancel, pause, queues, resume
from actionhero.cli.tasks_failed import failed, purge, retry
from actionhero.cli.tasks_paging import first, limit_option, load_tasks, tell_limit
from actionhero.cli.tasks_periodic import periodic
from actionhero.cli.watch import watch
from actionhero.clock import parse_duration
from actionhero.errors import UnknownTaskError
from actionhero.messages import Words

if TYPE_CHECKING:
    from actionhero.app import App
    from actionhero.services import Services
    from actionhero.tasks.task import Task, TaskDefinition
    from actionhero.tasks.views import TaskView

STATES = ("pending", "local", "delayed", "processing", "failed")


@click.group(cls=Suggesting)
def tasks() -> None:
    """List, show, enqueue, cancel and retry tasks; watch them run."""


for _command in (failed, retry, purge, cancel, queues, pause, resume, periodic, watch):
    tasks.add_command(_command)


@tasks.command("list")
@app_options
@json_option
@click.option("--queue", metavar="NAME", help="Of this queue only.")
@click.option("--state", type=click.Choice(STATES), help="In this state only.")
@limit_option
def list_(
    queue: str | None, state: str | None, limit: int, as_json: bool, **options: str | None
) -> int:
    """List the tasks that are queued, running or failed."""
    states = STATES if state is None else (state,)

    async def collect(services: "Services") -> "list[TaskView]":
        found: list[TaskView] = []
        for name in await services.tasks.queues() if queue is None else [queue]:
            for one in states:
                fetch = functools.partial(services.tasks.list, name, one)
                found += await first(limit - len(found), fetch)
        return found

    found = with_services(load_tasks(options), collect)
    if as_json:
        print_json(found)
        return 0
    rows = [
        (one.id, one.name, one.queue, one.state, moment(one.run_at or one.enqueued_at))
        for one in found
    ]
    print_table(("ID", "TASK", "QUEUE", "STATE", "DUE"), rows, empty="There are no tasks.")
    tell_limit(len(found), limit)
    return 0


@tasks.command()
@app_options
@json_option
@click.argument("id")
def show(id: str, as_json: bool, **options: str | None) -> int:
    """Show one task: its parameters, its state, its last error."""
    one = with_services(load_tasks(options), lambda services: services.tasks.show(id))
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
    loaded = load_tasks(options)
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


async def _enqueue(
    definition: "TaskDefinition", words: Words, delay: float | None, id: str | None
) -> "Task":
    from actionhero.tasks.task import Task

    return await Task(definition, definition.inputs.read(words, None)).enqueue(delay=delay, id=id)


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
