"""What commands print: for a person on a terminal, and plainly or as JSON for programs.

rich comes in only on a terminal; a pipe gets aligned columns without colour or cutting.
"""

import sys
from collections.abc import Sequence
from typing import Any

import click
import msgspec


def is_terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout.isatty()


def print_json(value: Any, *, err: bool = False) -> None:
    """One line of JSON."""
    click.echo(msgspec.json.encode(value).decode(), err=err)


def print_value(value: Any) -> None:
    """A value for reading: a text as it is, a flat object as `key  value` lines, anything else as
    indented JSON, nothing for None."""
    value = msgspec.to_builtins(value)
    if isinstance(value, str):
        click.echo(value)
    elif isinstance(value, dict) and value and all(_is_short(one) for one in value.values()):
        _print_plain([(str(key), _short_text(one)) for key, one in value.items()])
    elif value is not None:
        _print_nested(value)


def _print_nested(value: Any) -> None:
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    if is_terminal():
        from rich.console import Console

        Console().print_json(text)
    else:
        click.echo(text)


def _is_short(value: Any) -> bool:
    if isinstance(value, str):
        return "\n" not in value
    return value is None or isinstance(value, (bool, int, float))


def _short_text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """Rows under headers; `empty` says what it means that there are none."""
    if not rows:
        click.echo(empty)
    elif is_terminal():
        _print_rich(headers, rows)
    else:
        _print_plain([headers, *[[str(cell) for cell in row] for row in rows]])


def _print_rich(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*[_markup_free(cell) for cell in row])
    Console().print(table)


def _markup_free(cell: object) -> str:
    """Texts of clients are shown, not read as rich's markup."""
    from rich.markup import escape

    return escape(str(cell))


def _print_plain(lines: Sequence[Sequence[str]]) -> None:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        click.echo("  ".join(cells).rstrip())
