"""`actionhero start` and `actionhero work`: a server in the foreground, or several."""

import os
from typing import Any

import click

from actionhero.cli.loading import load
from actionhero.cli.options import ENV_HELP, STORE_HELP, target_argument
from actionhero.cli.serving import announce, burst, handed_over, serve, serve_many


def _workers(_: click.Context, __: click.Parameter, value: str) -> int:
    if value == "auto":
        return os.cpu_count() or 1
    if not value.isdecimal() or not 1 <= int(value) <= 1000:
        raise click.BadParameter("must be a number from 1 to 1000, or auto")
    return int(value)


@click.command()
@target_argument
@click.option(
    "--host",
    metavar="ADDRESS",
    help="Address to listen on (default: 127.0.0.1); unix:PATH, for HTTP: a socket.",
)
@click.option("--port", metavar="N", help="Port of HTTP and WebSocket (8080).")
@click.option("--certificate", metavar="FILE", help="Certificate (PEM) for HTTPS.")
@click.option("--key", metavar="FILE", help="Its key, if that is not in the same file.")
@click.option("--tcp-port", metavar="N", help="Port of TCP (5000).")
@click.option("--store", metavar="URL", help=STORE_HELP)
@click.option(
    "--workers",
    default="1",
    metavar="N|auto",
    callback=_workers,
    help="Server processes that share the ports; auto: one a core.",
)
@click.option("--no-tasks", "tasks", is_flag=True, flag_value=False, default=None, help="Run none.")
@click.option("--no-web", "web", is_flag=True, flag_value=False, default=None, help="No HTTP.")
@click.option("--no-tcp", "tcp", is_flag=True, flag_value=False, default=None, help="No TCP.")
@click.option("--env", metavar="NAME", help=ENV_HELP)
def start(target: str | None, env: str | None, workers: int, **flags: Any) -> int:
    """Serve the app TARGET: module:app, a file, or nothing inside a project.

    Ctrl-C or SIGTERM stops it when what runs has finished; a second one at once.
    """
    if workers > 1:
        return serve_many(workers, target, env, flags)
    loaded = load(target, env, **flags)
    return serve(loaded, announce, sockets=handed_over(loaded.settings))


@click.command()
@target_argument
@click.option("--queues", metavar="A,B", help="Queues to work on (default: all of the app's).")
@click.option("--concurrency", metavar="N", help="Tasks that run at once (default: 100).")
@click.option("--burst", "is_burst", is_flag=True, help="End when the queues are empty.")
@click.option("--store", metavar="URL", help=STORE_HELP)
@click.option("--env", metavar="NAME", help=ENV_HELP)
def work(target: str | None, env: str | None, is_burst: bool, **flags: Any) -> int:
    """Run the tasks of the app TARGET, and serve nothing."""
    loaded = load(target, env, web=False, tcp=False, tasks=True, **flags)
    return burst(loaded) if is_burst else serve(loaded, announce)
