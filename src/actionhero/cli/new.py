"""`actionhero new`: a project that runs, with a test that passes.

It is written into a folder beside its place and renamed when it is complete, so that a name which
cannot be or a full disk leaves nothing behind.
"""

import keyword
import shutil
import sys
import tempfile
from importlib import resources
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path

import click

from actionhero.errors import SetupError

_TAKEN = frozenset({"actionhero", "app", "test", "tests", "public"})
_LONGEST = 40
_PACKAGE = "PACKAGE"
"""Stands for the project's name in the templates' paths and texts."""
_SUFFIX = ".template"
"""Ends the templates' names, so that no tool takes them for this project's own files."""


@click.command()
@click.argument("name")
def new(name: str) -> int:
    """Write a new project into the folder NAME, which must not exist yet."""
    check_name(name)
    place = Path.cwd() / name
    write_project(name, place)
    for line in (
        f"{click.style(name, bold=True)} is written. What now:",
        "",
        f"  cd {name}",
        "  actionhero start",
        "",
        "  curl 'http://127.0.0.1:8080/api/hello/Ada'",
        "  python -m pytest",
        "",
    ):
        click.echo(line)
    return 0


def check_name(name: str) -> None:
    """Raises `SetupError` for a name that no package can have."""
    if not name.isidentifier() or not name.isascii():
        usable = "".join(char if char.isalnum() and char.isascii() else "_" for char in name)
        usable = usable.strip("_").lower()
        hint = f", for example {usable}" if usable.isidentifier() else ""
        raise SetupError(f"{name!r} cannot name a Python package; use letters, digits and _{hint}")
    if len(name) > _LONGEST:
        raise SetupError(f"{name!r} is too long; {_LONGEST} characters are enough for a name")
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise SetupError(f"{name!r} is a word of Python; choose another name")
    if name in _TAKEN or name in sys.stdlib_module_names or find_spec(name) is not None:
        raise SetupError(f"{name!r} is the name of another module; choose another name")


def write_project(name: str, place: Path) -> None:
    """Write all files, or none. Raises `SetupError`."""
    if place.exists() or place.is_symlink():
        raise SetupError(f"{place} exists already; choose another name or remove it")
    try:
        draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=place.parent))
    except OSError as exc:
        raise SetupError(f"cannot write into {place.parent}: {exc.strerror}") from exc
    try:
        _write(resources.files("actionhero.cli") / "templates", draft, name)
        draft.chmod(0o755)
        draft.rename(place)
    except OSError as exc:
        raise SetupError(f"cannot write {place}: {exc.strerror}") from exc
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write(source: Traversable, folder: Path, name: str) -> None:
    for item in source.iterdir():
        target = folder / item.name.removesuffix(_SUFFIX).replace(_PACKAGE, name)
        if item.is_dir():
            target.mkdir()
            _write(item, target, name)
        elif item.name.endswith(_SUFFIX):
            target.write_text(item.read_text("utf-8").replace(_PACKAGE, name), encoding="utf-8")
