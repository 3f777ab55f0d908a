"""Inputs on the command line: `--key value` after the name of an action or task."""

from collections.abc import Iterable

import click

from actionhero.cli.describe import InputDescription
from actionhero.cli.frame import suggestion
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


def refuse_unknown(name: str, words: Words, known: Iterable[str]) -> None:
    """A mistyped option is an error here, where a person has just typed it; over the network an
    unknown input is passed over. Raises `click.UsageError`."""
    inputs = list(known)
    for word in words:
        if word not in inputs:
            raise click.UsageError(f"{name} has no input {word!r}; {suggestion(word, inputs)}")


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
