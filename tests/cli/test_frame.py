"""Which commands there are, and how each kind of end is told."""

from collections.abc import Callable

import click
import pytest

from actionhero.cli.frame import COMMANDS, commands, guarded, main, suggestion
from actionhero.errors import (
    ActionError,
    SettingsError,
    StoreReplyError,
    StoreUnavailableError,
    UnknownActionError,
)


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_can_be_imported(name: str) -> None:
    command = commands.get_command(click.Context(commands), name)
    assert command is not None
    assert command.name == name
    assert command.help


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("actionhero ")


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["statr"], "there is no command 'statr'; did you mean"),
        (["xyz"], "there is no command 'xyz'; there are start, work,"),
        (["start", "--prot", "1"], "No such option '--prot'"),
        (["start", "--workers", "none"], "must be a number from 1 to 1000, or auto"),
        (["new"], "Missing argument 'NAME'"),
    ],
)
def test_wrong_usage(args: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(args) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: ")
    assert said in shown
    assert "  see actionhero" in shown


def raises(error: BaseException) -> Callable[[], object]:
    def command() -> object:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (SettingsError("the reason"), 2),
        (StoreReplyError("the reason"), 2),
        (UnknownActionError("the reason"), 1),
        (ActionError("the reason"), 1),
    ],
)
def test_our_errors_end_without_a_trace(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(raises(error)) == code
    assert capsys.readouterr().err == "error: the reason\n"


def test_a_store_that_is_away_is_asked_after(capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(raises(StoreUnavailableError("no connection"))) == 2
    assert capsys.readouterr().err.startswith("error: no connection\n  is it running?")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_ctrl_c_is_quiet(error: BaseException, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(raises(error)) == 130
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("result", "code"), [(None, 0), (0, 0), (1, 1), ("text", 0)])
def test_a_command_returns_its_code(result: object, code: int) -> None:
    assert guarded(lambda: result) == code


@pytest.mark.parametrize(
    ("name", "known", "said"),
    [
        ("helo", ["hello", "status"], "did you mean hello?"),
        ("xyz", ["hello", "status"], "there are hello, status"),
        ("xyz", [], "there are none"),
    ],
)
def test_suggestions(name: str, known: list[str], said: str) -> None:
    assert suggestion(name, known) == said
