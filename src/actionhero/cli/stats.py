"""`actionhero stats`: the cluster's counters."""

import click

from actionhero.cli.loading import load_quietly, with_services
from actionhero.cli.options import app_options, json_option
from actionhero.cli.output import print_json, print_table


@click.command()
@app_options
@json_option
def stats(target: str | None, store: str | None, env: str | None, as_json: bool) -> int:
    """Show the counters of all servers together."""
    loaded = load_quietly(target, env, store=store)
    table = with_services(loaded, lambda services: services.stats.get_all())["global"]
    if as_json:
        print_json(table)
    else:
        print_table(("STAT", "GLOBAL"), list(table.items()), empty="Nothing has been counted yet.")
    return 0
