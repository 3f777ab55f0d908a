"""`actionhero tasks queues|pause|resume|cancel`: how the queues stand, and how to act on that."""

from typing import TYPE_CHECKING, Any

import click

from actionhero.cli.frame import FAILED, report, suggestion
from actionhero.cli.loading import with_services
from actionhero.cli.options import app_options, json_option
from actionhero.cli.output import print_json, print_table
from actionhero.cli.tasks_paging import load_tasks
from actionhero.errors import NotFoundError, UnknownTaskError

if TYPE_CHECKING:
    from actionhero.services import Services
    from actionhero.tasks.queue import Tasks


@click.command()
@app_options
@json_option
def queues(as_json: bool, **options: str | None) -> int:
    """Show how many tasks each queue has in each state."""
    found = with_services(load_tasks(options), lambda one: one.tasks.overview()).queues
    if as_json:
        print_json(found)
        return 0
    headers = ("QUEUE", "PENDING", "LOCAL", "DELAYED", "PROCESSING", "FAILED", "SERVERS", "SHARDS")
    rows = [
        (
            f"{one.name} (paused)" if one.is_paused else one.name,
            one.pending,
            one.local,
            one.delayed,
            one.processing,
            one.failed,
            one.servers,
            one.shards,
        )
        for one in found
    ]
    print_table(headers, rows, empty="There are no queues.")
    return 0


@click.command()
@app_options
@json_option
@click.argument("queue")
def pause(queue: str, as_json: bool, **options: str | None) -> int:
    """Pause a queue: what runs goes on, nothing more is started, until it is resumed."""
    return _turn(queue, True, as_json, options)


@click.command()
@app_options
@json_option
@click.argument("queue")
def resume(queue: str, as_json: bool, **options: str | None) -> int:
    """Resume a queue that was paused."""
    return _turn(queue, False, as_json, options)


def _turn(queue: str, is_paused: bool, as_json: bool, options: dict[str, Any]) -> int:
    async def turn(services: "Services") -> bool:
        known = await services.tasks.queues()
        if queue not in known:
            raise NotFoundError(f"there is no queue {queue!r}; {suggestion(queue, known)}")
        return await (services.tasks.pause(queue) if is_paused else services.tasks.resume(queue))

    is_changed = with_services(load_tasks(options), turn)
    if as_json:
        print_json({"queue": queue, "is_paused": is_paused, "is_changed": is_changed})
    elif is_changed:
        click.echo(f"{queue} is {'paused' if is_paused else 'resumed'}")
    else:
        click.echo(f"{queue} was {'paused already' if is_paused else 'not paused'}")
    return 0


@click.command()
@app_options
@json_option
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
def cancel(ids: tuple[str, ...], as_json: bool, **options: str | None) -> int:
    """Cancel tasks: one that waits at once, one that runs where it runs."""

    async def cancel_all(services: "Services") -> dict[str, str]:
        return {id: await _cancel(services.tasks, id) for id in ids}

    told = with_services(load_tasks(options), cancel_all)
    if as_json:
        print_json(told)
    for id, what in told.items():
        if what not in _SAID:
            report(f"task {id!r} {_REFUSED.get(what, f'cannot be cancelled: it is {what}')}")
        elif not as_json:
            click.echo(f"{id} {_SAID[what]}")
    return 0 if all(what in _SAID for what in told.values()) else FAILED


_SAID = {"cancelled": "is cancelled", "cancelling": "runs; its server is told to cancel it"}
_REFUSED = {
    "unknown": "is not there: it completed, was cancelled, or never was",
    "failed": "has failed already; actionhero tasks purge forgets it",
}


async def _cancel(queues: "Tasks", id: str) -> str:
    """What became of it: `cancelled`, `cancelling`, or the state that prevents it."""
    try:
        state = (await queues.show(id)).state
    except UnknownTaskError:
        return "unknown"
    if not await queues.cancel(id):
        return state
    return "cancelling" if state == "processing" else "cancelled"
