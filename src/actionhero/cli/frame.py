"""The frame of all commands: which there are, and how every one of them ends.

A command's module is imported when the command runs, so `--help` stays quick; its line of help
stands here for the same reason. Commands return an exit code or raise: 0 done, 1 the action or
task failed, 2 the command, its settings or the store are not as they must be, 130 Ctrl-C.
"""

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches

import click
from msgspec import Struct

from actionhero.errors import ActionHeroError, SetupError, StoreError, StoreUnavailableError

FAILED = 1
UNUSABLE = 2
INTERRUPTED = 130


class Entry(Struct, frozen=True):
    """Where a command is, and its line of help."""

    module: str
    summary: str


COMMANDS = {
    "start": Entry("start", "Serve an app over HTTP, WebSocket and TCP, and run its tasks."),
    "work": Entry("start", "Run an app's tasks, and serve nothing."),
    "run": Entry("run", "Run one action here and print what it answers."),
    "actions": Entry("actions", "List the actions of an app."),
    "tasks": Entry("tasks", "List, show, enqueue, cancel and retry tasks; watch them run."),
    "stats": Entry("stats", "Show the counters of the cluster."),
    "new": Entry("new", "Write a new project."),
    "demo": Entry("demo", "Serve the demo app and say what to try."),
}


class Suggesting(click.Group):
    """A group that helps with a mistyped command."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            ctx.fail(f"there is no command {args[0]!r}; {suggestion(args[0], known)}")
        return super().resolve_command(ctx, args)


class Commands(Suggesting):
    """The commands, each imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module = importlib.import_module(f"actionhero.cli.{entry.module}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        try:
            number = metadata.version("actionhero")
        except metadata.PackageNotFoundError:
            number = "from a checkout, not installed"
        click.echo(f"actionhero {number}")
        ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version.",
)
def commands() -> None:
    """One typed async function serves HTTP, WebSocket, TCP and the terminal; background tasks
    that are never lost; nothing to set up."""


def main(args: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    return guarded(lambda: commands.main(args, prog_name="actionhero", standalone_mode=False))


def guarded(command: Callable[[], object]) -> int:
    """The exit code of `command`; what it raises is reported."""
    try:
        code = command()
    except click.exceptions.NoArgsIsHelpError as exc:
        exc.show()
        return UNUSABLE
    except click.ClickException as exc:
        report(exc.format_message(), hint=_usage_hint(exc))
        return UNUSABLE
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except ActionHeroError as exc:
        report_error(exc, hint=_hint(exc))
        return UNUSABLE if isinstance(exc, (SetupError, StoreError)) else FAILED
    return code if isinstance(code, int) else 0


def report(message: str, *, hint: str = "") -> None:
    """Say on standard error what is wrong, and what to do about it."""
    click.echo(f"{click.style('error:', fg='red', bold=True)} {message}", err=True)
    if hint:
        click.echo(f"  {hint}", err=True)
    sys.stderr.flush()


def report_error(error: ActionHeroError, *, hint: str = "") -> None:
    """Say what an error of our tree says; several problems one below the other."""
    if not error.problems:
        report(error.message, hint=hint)
        return
    report("the inputs do not fit:")
    for problem in error.problems:
        click.echo(f"  {problem.path or 'inputs'}: {problem.message}", err=True)
    if hint:
        click.echo(f"  {hint}", err=True)


def suggestion(name: str, known: Iterable[str]) -> str:
    """What a mistyped name may have meant, else all that there is."""
    names = list(known)
    near = get_close_matches(name, names, n=2)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are {', '.join(names)}" if names else "there are none"


def _hint(error: ActionHeroError) -> str:
    if isinstance(error, StoreUnavailableError):
        return "is it running? store.url in actionhero.toml, or --store, says where it is"
    return ""


def _usage_hint(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"see {context.command_path} --help" if context else ""
