"""`actionhero actions`: what an app can do."""

from typing import TYPE_CHECKING, Any

import click

from actionhero.cli.describe import describe_inputs, first_line, inputs_of, versions_of
from actionhero.cli.loading import load_quietly
from actionhero.cli.options import ENV_HELP, TARGET_HELP, json_option
from actionhero.cli.output import print_json, print_table

if TYPE_CHECKING:
    from actionhero.actions.action import Action
    from actionhero.app import App


@click.command()
@click.argument("target", required=False)
@click.option("--app", "app_target", metavar="TARGET", help=TARGET_HELP)
@click.option("--env", metavar="NAME", help=ENV_HELP)
@json_option
def actions(target: str | None, app_target: str | None, env: str | None, as_json: bool) -> int:
    """List the actions of an app, with their routes and inputs."""
    app = load_quietly(target or app_target, env).app
    found = [one for versions in versions_of(app).values() for one in versions.by_version.values()]
    if as_json:
        print_json([_full(app, action) for action in found])
    else:
        rows = [_row(app, action) for action in found]
        headers = ("ACTION", "VERSION", "ROUTE", "INPUTS", "")
        print_table(headers, rows, empty=f"{app.name} defines no actions.")
    return 0


def _row(app: "App", action: "Action") -> tuple[str, ...]:
    inputs = ", ".join(
        one.name if one.is_required else f"[{one.name}]"
        for one in describe_inputs(inputs_of(app, action))
    )
    routes = ", ".join(action.routes)
    return action.name, action.version, routes, inputs, first_line(action.description)


def _full(app: "App", action: "Action") -> dict[str, Any]:
    return {
        "name": action.name,
        "version": action.version,
        "description": action.description,
        "routes": action.routes,
        "transports": sorted(action.transports),
        "streams": action.is_stream,
        "place": action.place,
        "inputs": inputs_of(app, action).schema(),
    }
