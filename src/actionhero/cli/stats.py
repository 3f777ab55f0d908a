"""`actionhero stats`: the counters of the cluster, and those of each server."""

from typing import TYPE_CHECKING, Any

import click

from actionhero.cli.loading import load_quietly, with_services
from actionhero.cli.options import app_options, json_option
from actionhero.cli.output import print_json, print_table

if TYPE_CHECKING:
    from actionhero.services import Services


@click.command()
@app_options
@json_option
@click.option("--global", "is_global", is_flag=True, help="Of all servers together (as without).")
@click.option("--local", "is_local", is_flag=True, help="Of each server that runs.")
def stats(
    is_global: bool,
    is_local: bool,
    as_json: bool,
    target: str | None,
    store: str | None,
    env: str | None,
) -> int:
    """Show the counters of all servers together, or those of each server, or both."""
    loaded = load_quietly(target, env, store=store)
    tables = with_services(loaded, lambda services: _tables(services, is_global, is_local))
    if as_json:
        print_json(tables if len(tables) > 1 else next(iter(tables.values())))
        return 0
    if "global" in tables:
        rows = list(tables["global"].items())
        print_table(("STAT", "GLOBAL"), rows, empty="Nothing has been counted yet.")
    if "local" in tables:
        local = [
            (server, *row) for server, table in tables["local"].items() for row in table.items()
        ]
        print_table(("SERVER", "STAT", "LOCAL"), local, empty="No server has counted anything.")
    return 0


async def _tables(
    services: "Services", is_global: bool, is_local: bool
) -> dict[str, dict[str, Any]]:
    tables: dict[str, dict[str, Any]] = {}
    if is_global or not is_local:
        tables["global"] = (await services.stats.get_all())["global"]
    if is_local:
        tables["local"] = await services.stats.get_servers()
    return tables
