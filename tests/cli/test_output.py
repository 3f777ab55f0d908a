"""What a pipe gets. (A terminal's colours are in `test_terminal_output`.)"""

from typing import Any

import pytest

from actionhero.cli import output
from actionhero.cli.output import print_json, print_table, print_value


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (None, ""),
        ("two\nlines", "two\nlines\n"),
        (5, "5\n"),
        (True, "true\n"),
        (
            {"greeting": "Hello", "n": 1, "x": None},
            "greeting  Hello\nn         1\nx         null\n",
        ),
        ({}, "{}\n"),
        ({"a": {"b": 1}}, '{\n  "a": {\n    "b": 1\n  }\n}\n'),
        ({"a": "two\nlines"}, '{\n  "a": "two\\nlines"\n}\n'),
        ([1, 2], "[\n  1,\n  2\n]\n"),
    ],
)
def test_values(value: Any, printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_value(value)
    assert capsys.readouterr().out == printed


def test_json_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": ["ä\n", 1]})
    assert capsys.readouterr().out == '{"a":["ä\\n",1]}\n'


def test_a_table_is_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A", "NAME"), [("long one", 1), ("b", "")], empty="none")
    assert capsys.readouterr().out == "A         NAME\nlong one  1\nb\n"


def test_an_empty_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("A",), [], empty="There are none.")
    assert capsys.readouterr().out == "There are none.\n"


def test_on_a_terminal_markup_of_others_is_shown_as_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    print_table(("A",), [("[red]x[/red]",)], empty="none")
    print_value([{"a": "[red]x"}])
    shown = capsys.readouterr().out
    assert "[red]x[/red]" in shown
    assert '"[red]x"' in shown
