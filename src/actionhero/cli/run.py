"""`actionhero run`: one action, here, through the same funnel as every transport."""

import click

from actionhero.cli.describe import describe_inputs, find_action, inputs_of, versions_of
from actionhero.cli.frame import FAILED, UNUSABLE, report_error, suggestion
from actionhero.cli.inputs import FREE_OPTIONS, parse_inputs, print_usage, refuse_unknown
from actionhero.cli.loading import Loaded, load_quietly, with_services
from actionhero.cli.options import app_options, json_option
from actionhero.cli.output import print_json, print_value
from actionhero.errors import ActionHeroError, UnknownActionError, wire_error
from actionhero.messages import Reply, Words


@click.command(context_settings=FREE_OPTIONS)
@app_options
@json_option
@click.option("--help", "wants_help", is_flag=True, help="Show this, or an action's inputs.")
@click.argument("name", required=False)
@click.argument("inputs", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def run(
    ctx: click.Context,
    /,
    name: str | None,
    inputs: tuple[str, ...],
    target: str | None,
    store: str | None,
    env: str | None,
    as_json: bool,
    wants_help: bool,
) -> int:
    """Run the action NAME here and print what it answers; what it streams, a line of JSON for
    each value.

    Inputs are options: --key value, --key=value, --flag (true), a repeated --key for a list.
    `actionhero run NAME --help` shows which an action has. After a bare `--` every option is an
    input, for those named like an option of this command.
    """
    if name is None:
        click.echo(ctx.get_help())
        return 0 if wants_help else UNUSABLE
    words = parse_inputs(inputs)
    loaded = load_quietly(target, env, store=store)
    if wants_help:
        return _print_help(loaded, name)
    _check_names(loaded, name, words)
    return _print_reply(_run(loaded, name, words), loaded, name, as_json)


def _check_names(loaded: Loaded, name: str, words: Words) -> None:
    versions = versions_of(loaded.app).get(name)
    if versions is not None:
        actions = versions.by_version.values()
        inputs = {one for action in actions for one in inputs_of(loaded.app, action).fields}
        refuse_unknown(name, words, sorted(inputs | {"apiVersion"}))


def _run(loaded: Loaded, name: str, words: Words) -> Reply | None:
    from actionhero.transports.terminal import run_action

    return with_services(
        loaded, lambda services: run_action(services.dispatcher, name, words, print_json)
    )


def _print_reply(reply: Reply | None, loaded: Loaded, name: str, as_json: bool) -> int:
    if reply is None:
        return 0
    error = reply.error
    if error is None:
        if as_json:
            print_json(reply.value)
        else:
            print_value(reply.value)
        return 0
    if as_json:
        print_json({"error": wire_error(error)}, err=True)
    else:
        report_error(error, hint=_hint(error, loaded, name))
    return FAILED


def _print_help(loaded: Loaded, name: str) -> int:
    action = find_action(loaded.app, name)
    inputs = describe_inputs(inputs_of(loaded.app, action))
    print_usage(f"actionhero run {name}", action.description, inputs)
    return 0


def _hint(error: ActionHeroError, loaded: Loaded, name: str) -> str:
    if error.problems:
        return f"see actionhero run {name} --help"
    return _nearest(loaded, name) if isinstance(error, UnknownActionError) else ""


def _nearest(loaded: Loaded, name: str) -> str:
    """A hint for a mistyped name; none for an action that only is not served here."""
    known = versions_of(loaded.app)
    return "" if name in known else suggestion(name, known)
