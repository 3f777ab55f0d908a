"""`actionhero tasks periodic`: what runs by itself, how, and when next."""

from typing import TYPE_CHECKING

import click

from actionhero.cli.describe import moment
from actionhero.cli.frame import FAILED, report
from actionhero.cli.loading import load_quietly, with_services
from actionhero.cli.options import app_options, json_option
from actionhero.cli.output import print_json, print_table

if TYPE_CHECKING:
    from actionhero.cli.loading import Loaded
    from actionhero.tasks.periodic import PeriodicView


@click.command()
@app_options
@json_option
@click.option("--stop", metavar="NAME", help="Stop this one until a server starts.")
def periodic(stop: str | None, as_json: bool, **options: str | None) -> int:
    """List the periodic tasks with their next time, or stop one."""
    loaded = load_quietly(options["target"], options["env"], store=options["store"])
    if stop is not None:
        return _stop(loaded, stop)
    found = with_services(loaded, lambda services: services.tasks.periodic())
    if as_json:
        print_json(found)
        return 0
    headers = ("TASK", "QUEUE", "SERVERS", "SCHEDULE", "NEXT")
    print_table(headers, [_row(one) for one in found], empty="No server planned a periodic task.")
    return 0


def _row(one: "PeriodicView") -> tuple[str, ...]:
    servers = "all" if one.scope == "all" else "one"
    return one.name, one.queue, servers, str(one.schedule or "?"), _next(one)


def _next(one: "PeriodicView") -> str:
    if one.is_stopped:
        return "stopped"
    running = "runs now" if one.current else ""
    return ", ".join(filter(None, (running, moment(one.next_at)))) or "not planned yet"


def _stop(loaded: "Loaded", name: str) -> int:
    if with_services(loaded, lambda services: services.tasks.stop_recurrent(name)):
        click.echo(f"{name} is stopped until a server starts that defines it")
        return 0
    report(f"no periodic task {name!r} is going on", hint="see actionhero tasks periodic")
    return FAILED
