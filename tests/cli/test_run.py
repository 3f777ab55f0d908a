"""`actionhero run` and `actionhero actions`."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def in_memory(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACTIONHERO_STORE__URL", "embedded::memory:")


def test_a_value_for_reading(actionhero: Run) -> None:
    assert actionhero("run", "hello", "--name", "Ada") == (0, "greeting  Hello, Ada.\n", "")


def test_a_value_for_programs(actionhero: Run) -> None:
    code, out, _ = actionhero("run", "hello", "--json", "--name=Ada", "--excited")
    assert (code, out) == (0, '{"greeting":"Hello, Ada!"}\n')


@pytest.mark.parametrize("json", [[], ["--json"]])
def test_a_stream_is_a_line_each(actionhero: Run, json: list[str]) -> None:
    expected = '{"number":0}\n{"number":1}\n"done"\n'
    assert actionhero("run", "count", "--to", "2", *json) == (0, expected, "")
    assert actionhero("run", "count", "--to", "1", "--fail", *json)[:2] == (1, '{"number":0}\n')


def test_a_stream_that_fails_says_so(actionhero: Run) -> None:
    assert actionhero("run", "count", "--to", "0", "--fail")[2] == "error: no more\n"


def test_whoever_reads_may_have_had_enough(
    actionhero: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("actionhero.cli.run.print_json", refuse)
    with open(os.dup(1), "w") as other:
        monkeypatch.setattr("sys.stdout", other)
        assert actionhero("run", "count", "--to", "2")[0] == 1


def test_lists_and_numbers(actionhero: Run) -> None:
    args = ("run", "add", "--a", "1", "--b", "-5", "--tags", "x", "--tags", "y", "--json")
    assert actionhero(*args)[1] == '[-4,["x","y"]]\n'


def test_the_app_may_be_named_anywhere(actionhero: Run, project: Path) -> None:
    (project / "pyproject.toml").unlink()
    assert actionhero("run", "--app", "hello", "hello", "--name", "Ada")[0] == 0
    assert actionhero("run", "hello", "--name", "Ada", "--app", "hello:app")[0] == 0


def test_the_newest_version_or_the_one_asked_for(actionhero: Run) -> None:
    assert actionhero("run", "old", "--apiVersion", "1") == (0, "terminal\n", "")
    assert actionhero("run", "old") == (0, "", "")
    code, _, err = actionhero("run", "old", "--apiVersion", "3")
    assert code == 1
    assert "has no version '3'; it has 1, 2" in err


def test_every_input_that_does_not_fit_is_told(actionhero: Run) -> None:
    code, out, err = actionhero("run", "add", "--a", "x")
    assert (code, out) == (1, "")
    assert err.startswith("error: the inputs do not fit:\n  a: expected `int`")
    assert err.endswith("  b: is required\n  see actionhero run add --help\n")


def test_errors_as_json_go_to_standard_error(actionhero: Run) -> None:
    code, out, err = actionhero("run", "add", "--json", "--a", "1")
    assert (code, out) == (1, "")
    assert json.loads(err)["error"]["details"][0]["path"] == "b"


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("helo",), 1, "error: 'helo' is not a known action\n  did you mean hello?\n"),
        (("xyz",), 1, "  there are add, count, crash, hello, old, only_http, refuse\n"),
        (("only_http",), 1, "not served over terminal; use http\n"),
        (("refuse",), 1, "error: not today\n"),
        (("hello", "Ada"), 2, "error: 'Ada' belongs to no input; write --name value\n"),
        (("hello", "--nme", "Ada"), 2, "hello has no input 'nme'; did you mean name?\n"),
        (("only_http", "--x", "1"), 2, "only_http has no input 'x'; there are apiVersion\n"),
        (("hello", "--app", "nosuch"), 2, "error: there is no module 'nosuch'"),
        (("helo", "--help"), 1, "error: 'helo' is not a known action; did you mean hello?\n"),
    ],
)
def test_what_cannot_be_run(actionhero: Run, args: tuple[str, ...], code: int, said: str) -> None:
    ended, out, err = actionhero("run", *args)
    assert (ended, out) == (code, "")
    assert said in err
    assert "Traceback" not in err


def test_a_crash_shows_its_trace_to_the_person_at_the_terminal(actionhero: Run) -> None:
    code, _, err = actionhero("run", "crash")
    assert code == 1
    assert "KeyError" in err
    assert err.rstrip().endswith("the error has been logged")


def test_help_of_an_action(actionhero: Run) -> None:
    code, out, _ = actionhero("run", "add", "--help")
    assert code == 0
    assert "Usage: actionhero run add" in out
    assert "Add.\n\nAnd more about it." in out
    assert "--a     integer ≥ 1   required" in out
    assert "--tags  list of text  default []" in out


def test_help_of_run(actionhero: Run) -> None:
    assert actionhero("run", "--help")[0] == 0
    code, out, _ = actionhero("run")
    assert code == 2
    assert "--key=value" in out


def test_the_list_of_actions(actionhero: Run) -> None:
    code, out, _ = actionhero("actions")
    lines = out.splitlines()
    assert code == 0
    assert [line.split()[0] for line in lines] == [
        "ACTION", "add", "count", "crash", "hello", "old", "old", "only_http", "refuse",
    ]  # fmt: skip
    assert "GET /hello/{name}  name, [excited]  Say hello." in out


def test_the_list_of_actions_as_json(actionhero: Run) -> None:
    listed = json.loads(actionhero("actions", "hello:app", "--json")[1])
    hello = next(one for one in listed if one["name"] == "hello")
    assert hello["routes"] == ["GET /hello/{name}"]
    assert hello["inputs"]["required"] == ["name"]
    assert [one["name"] for one in listed if one["streams"]] == ["count"]


def test_an_app_without_actions(actionhero: Run, project: Path) -> None:
    (project / "empty.py").write_text("from actionhero import App\napp = App('empty')\n")
    assert actionhero("actions", "empty") == (0, "empty defines no actions.\n", "")
    assert "there are none" in actionhero("run", "x", "--app", "empty")[2]


def test_a_bad_setting_is_told_before_anything_else(actionhero: Run, project: Path) -> None:
    (project / "actionhero.toml").write_text("[web]\nprot = 1\n")
    code, _, err = actionhero("run", "hello", "--app", "nosuch")
    assert code == 2
    assert err.startswith("error: actionhero.toml:2: there is no setting web.prot; did you mean")
