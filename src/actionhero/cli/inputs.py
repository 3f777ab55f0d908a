"""Inputs on the command line: `--key value` after the name of an action or task."""

from collections.abc import Iterable

import click

from actionhero.cli.describe import InputDescription
from actionhero.cli.output import print_table
from actionhero.errors import MalformedError
from actionhero.messages import Words

FREE_OPTIONS = {"ignore_unknown_options": True, "help_option_names": []}
"""For commands whose unknown options are inputs, and whose `--help` may be about an action."""


def parse_inputs(args: tuple[str, ...]) -> Words:
    """The inputs. Raises `click.UsageError` for a value without a name."""
    from actionhero.transports.terminal import parse_words

    try:
        return parse_words(args)
    except MalformedError as exc:
        raise click.UsageError(exc.message) from exc


def print_usage(command: str, description: str, inputs: Iterable[InputDescription]) -> None:
    """What one action or task is for, and its inputs."""
    click.echo(f"Usage: {command} [--input value]...\n")
    if description:
        click.echo(f"{description}\n")
    rows = [
        (f"--{one.name}", one.kind, "required" if one.is_required else f"default {one.default}")
        for one in inputs
    ]
    print_table(("INPUT", "TYPE", ""), rows, empty="It has no inputs.")
