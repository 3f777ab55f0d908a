"""Which app a command means, and its import.

    hello:app          the `app` of module `hello`
    hello              the one App that module `hello` has
    hello.py           the same, by file; `hello.py:app` too
    (nothing)          `[tool.actionhero] app = "hello:app"` of the project's pyproject.toml

The project is the nearest folder, here or above, that has an `actionhero.toml` or a pyproject.toml
with `[tool.actionhero]`; without one it is the current folder. It is where settings are read,
where relative paths point, and, with its `src`, from where modules are imported.
"""

import importlib
import linecache
import sys
import traceback
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from actionhero.errors import ActionHeroError, TargetError

if TYPE_CHECKING:
    from actionhero.app import App

_WAYS = "write module:app or a file, as in `hello:app` or `hello.py`"
_PACKAGE = str(Path(__file__).parent.parent)


class Project(Struct, frozen=True):
    """A folder and the app it names, if it does."""

    folder: Path
    target: str | None = None


def find_project(start: Path | None = None) -> Project:
    """The project that `start` (default: the current folder) is in. Raises `TargetError` for a
    pyproject.toml that cannot be read."""
    here = Path.cwd() if start is None else start
    for folder in (here, *here.parents):
        section = _project_section(folder / "pyproject.toml")
        if section is not None or (folder / "actionhero.toml").is_file():
            return Project(folder, _named_target(folder, section or {}))
    return Project(here)


def find_app(target: str | None, project: Project) -> "App":
    """Import the app that `target` means. Raises `TargetError`, and `DefinitionError` for an app
    that is defined in a way that cannot work."""
    from actionhero.app import App

    wanted = target or project.target
    if wanted is None:
        raise TargetError(
            f"which app? {_WAYS}, or put it into pyproject.toml:\n"
            '  [tool.actionhero]\n  app = "hello:app"'
        )
    name, _, attribute = wanted.partition(":")
    module = _import(name, project)
    if not attribute:
        return _only_app(module, App)
    found = _attribute(module, attribute)
    if not isinstance(found, App):
        raise TargetError(f"{wanted} is a {type(found).__name__}, not an App")
    return found


def _project_section(path: Path) -> dict[str, Any] | None:
    import tomllib

    try:
        tools = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise TargetError(f"{path} cannot be read: {exc}") from exc
    section = tools.get("actionhero")
    return section if isinstance(section, dict) else None


def _named_target(folder: Path, section: dict[str, Any]) -> str | None:
    target = section.get("app")
    if target is not None and not isinstance(target, str):
        raise TargetError(
            f"{folder / 'pyproject.toml'}: [tool.actionhero] app must be a text "
            f'such as "hello:app", not {target!r}'
        )
    return target


def _import(name: str, project: Project) -> ModuleType:
    if name.endswith(".py") or "/" in name:
        name = _module_of_file(Path(name))
    for folder in (project.folder / "src", project.folder, Path.cwd()):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    if not all(part.isidentifier() for part in name.split(".")):
        raise TargetError(f"{name!r} is no module; {_WAYS}")
    try:
        return importlib.import_module(name)
    except ActionHeroError:
        raise
    except ModuleNotFoundError as exc:
        if exc.name and (name == exc.name or name.startswith(f"{exc.name}.")):
            raise TargetError(f"there is no module {exc.name!r} in {Path.cwd()}; {_WAYS}") from exc
        raise _broken(name, exc) from exc
    except Exception as exc:
        raise _broken(name, exc) from exc


def _module_of_file(path: Path) -> str:
    """The dotted name of a file, its package's parent made importable."""
    file = (path / "__init__.py" if path.is_dir() else path).resolve()
    if not file.is_file():
        raise TargetError(f"there is no file {path}; {_WAYS}")
    parts = [] if file.name == "__init__.py" else [file.stem]
    folder = file.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    return ".".join(parts)


def _broken(name: str, error: Exception) -> TargetError:
    """An error of the user's own module, at the place that they can mend."""
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        place, line = f"{error.filename}:{error.lineno}", (error.text or "").strip()
        what = f"{type(error).__name__}: {error.msg}"
    else:
        frame = _mendable_frame(error)
        place, line = f"{frame.filename}:{frame.lineno}", (frame.line or "").strip()
    shown = f"\n    {line}" if line else ""
    return TargetError(
        f"{name} cannot be imported: {what}\n  {_short(place)}{shown}\n"
        f"  (`python -c 'import {name}'` shows the whole trace)"
    )


def _mendable_frame(error: Exception) -> traceback.FrameSummary:
    """The innermost frame that is neither a library's, Python's nor ours."""
    frames = traceback.extract_tb(error.__traceback__)
    linecache.checkcache()
    foreign = (_PACKAGE, sys.base_prefix + "/lib", sys.prefix + "/lib", "<")
    own = [frame for frame in frames if not frame.filename.startswith(foreign)]
    return (own or list(frames))[-1]


def _short(place: str) -> str:
    here = f"{Path.cwd()}/"
    return place.removeprefix(here)


def _attribute(module: ModuleType, path: str) -> Any:
    found: Any = module
    for part in path.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            near = get_close_matches(part, [n for n in vars(module) if n[0] != "_"], n=1)
            hint = f"; did you mean {module.__name__}:{near[0]}?" if near else ""
            raise TargetError(f"{module.__name__} has no {part!r}{hint}") from None
    return found


def _only_app(module: ModuleType, kind: "type[App]") -> "App":
    apps = {name: value for name, value in vars(module).items() if isinstance(value, kind)}
    one = next(iter(apps.values()), None)
    if one is None:
        raise TargetError(
            f"{module.__name__} has no App; define one, as in `app = App({module.__name__!r})`"
        )
    if any(app is not one for app in apps.values()):
        ways = " or ".join(f"{module.__name__}:{name}" for name in apps)
        raise TargetError(f"{module.__name__} has several apps; say which: {ways}")
    return one
