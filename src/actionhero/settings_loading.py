"""From where settings come: defaults <- `actionhero.toml` <- environment <- command line.

Each source is first turned into the same thing, a list of `Given` values that know where they
were written, so that one function checks them all and every error names its place. An unknown
name is an error, never ignored: a typing mistake in a limit must not pass for that limit.

    [web]                         ACTIONHERO_WEB__PORT=9000        --port 9000
    port = 9000
    [env.production.web]          only with `--env production` or ACTIONHERO_ENV=production
    host = "0.0.0.0"

Durations are seconds or texts such as "30s"; lists are comma-separated in the environment.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from actionhero.clock import parse_duration
from actionhero.errors import SettingsError
from actionhero.settings import Seconds, Settings, TcpSettings, WebSettings

FILE = "actionhero.toml"
PREFIX = "ACTIONHERO_"
ENV_VARIABLE = "ACTIONHERO_ENV"
_USUAL_ENVS = ("development", "test", "production")
_SERVICE_LINK = re.compile(r"(tcp|udp|sctp)://")


class Given(Struct, frozen=True):
    """One value of one setting, and where it was written, for messages.

    A value that is `text` (an environment variable, a flag) is converted to the setting's type;
    one out of TOML has a type and must have the right one.
    """

    section: str
    key: str
    value: Any
    source: str
    text: bool = True


def load_settings(
    directory: Path | None = None,
    env_vars: Mapping[str, str] | None = None,
    overrides: Sequence[Given] = (),
    env: str | None = None,
) -> Settings:
    """The settings that hold in `directory` (default: the current one), whose `actionhero.toml`
    is read if there is one; relative paths in them mean that directory.

    `env_vars` is by default the process's environment. `overrides` are the flags, `env` the
    environment's name (default: `ACTIONHERO_ENV`, else "development"). Raises `SettingsError`.
    """
    folder = Path.cwd() if directory is None else directory
    variables = os.environ if env_vars is None else env_vars
    chosen = env or variables.get(ENV_VARIABLE)
    file = _SettingsFile(folder / FILE)
    _check_env(chosen, file)
    givens = [*file.givens(chosen), *_from_variables(variables), *overrides]
    values: dict[str, dict[str, Any]] = {}
    for given in givens:
        values.setdefault(given.section, {})[given.key] = convert(given)
    return _build(values, chosen, folder)


def convert(given: Given) -> Any:
    """The value in its setting's type. Raises `SettingsError` for an unknown setting or a value
    that does not fit it."""
    kind = _kind_of(given)
    try:
        if kind == Seconds and given.value is not True and given.value is not False:
            return msgspec.convert(parse_duration(given.value), kind)
        value = given.value
        if _is_list(kind) and given.text and isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        return msgspec.convert(value, kind, strict=not given.text)
    except (ValueError, msgspec.ValidationError) as exc:
        raise SettingsError(
            f"{given.source}: {given.section}.{given.key} is {_value_of(given)}; "
            f"it must be {expectation(kind)}"
        ) from exc


def expectation(kind: Any) -> str:
    """What a setting of this type must be, in words."""
    if kind == Seconds:
        return "a duration above zero, in seconds or as a text like '500ms', '30s', '10m'"
    if _is_list(kind):
        return 'a list of texts, as ["a", "b"] (in the environment: a,b)'
    base, limits = (get_args(kind)[0], get_args(kind)[1]) if _is_limited(kind) else (kind, Meta())
    if base is bool:
        return "true or false"
    if base is int:
        return _whole_number(limits)
    if limits.pattern:
        return limits.description or "one of " + limits.pattern.strip("^()$").replace("|", ", ")
    return "a text"


def _whole_number(limits: Meta) -> str:
    if limits.ge is not None and limits.le is not None:
        return f"a whole number from {limits.ge} to {limits.le}"
    return "a whole number" if limits.ge is None else f"a whole number, {limits.ge} or more"


def sections() -> dict[str, dict[str, Any]]:
    """Every setting there is: section → key → type."""
    return {
        name: get_type_hints(kind, include_extras=True)
        for name, kind in get_type_hints(Settings).items()
        if isinstance(kind, type) and issubclass(kind, Struct)
    }


class _SettingsFile:
    """`actionhero.toml`, read; empty where there is none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text = _read(path)
        self._tables = _parse(self._text)
        overlays = self._tables.pop("env", {})
        if not isinstance(overlays, dict):
            raise SettingsError(
                f"{self._place((), 'env')}: env is chosen by --env or {ENV_VARIABLE}; "
                "in the file, [env.NAME.web] holds what differs in it"
            )
        self._overlays = overlays
        self.envs = list(overlays)

    def givens(self, env: str | None) -> list[Given]:
        """What the file sets, the overlay of `env` last. The other overlays are checked too:
        better a mistake shows now than in the night when that one is first used."""
        for name in self.envs:
            for given in self._overlay(name):
                convert(given)
        base = self._values(self._tables, ())
        return [*base, *self._overlay(env)] if env in self.envs else list(base)

    def _overlay(self, name: str | None) -> Iterator[Given]:
        tables = self._overlays[name]
        if not isinstance(tables, dict):
            raise self._no_section(("env",), str(name), tables)
        return self._values(tables, ("env", str(name)))

    def _values(self, tables: Mapping[str, Any], above: tuple[str, ...]) -> Iterator[Given]:
        for section, table in tables.items():
            if not isinstance(table, dict):
                raise self._no_section(above, section, table)
            if not table:
                _section(section, self._place((*above, section)))
            for key, value in table.items():
                yield Given(section, key, value, self._place((*above, section), key), text=False)

    def _no_section(self, above: tuple[str, ...], name: str, value: Any) -> SettingsError:
        known = [s for s, keys in sections().items() if name in keys]
        table = ".".join((*above, known[0] if known else name))
        return SettingsError(
            f"{self._place(above, name)}: {name} = {_shown(value)} stands in no section; "
            f"settings are written under theirs, as [{table}]"
        )

    def _place(self, table: tuple[str, ...], key: str = "") -> str:
        line = find_line(self._text, table, key)
        return f"{FILE}:{line}" if line else FILE


def find_line(text: str, table: tuple[str, ...], key: str = "") -> int:
    """The line of `key` in `table` of a TOML text, or of the nearest table above; 0 if not found.

    tomllib keeps no positions; headers and keys in their usual forms are found without them.
    """
    wanted = ".".join((*table, key) if key else table)
    current, found, best = "", 0, 0
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"\s*\[+\s*([^\]]+?)\s*\]+", line)
        if header:
            current = path = re.sub(r"[\s\"']", "", header[1])
        elif match := re.match(r"\s*([\w.\"' -]+?)\s*=", line):
            name = re.sub(r"[\s\"']", "", match[1])
            path = f"{current}.{name}" if current else name
        else:
            continue
        if (wanted == path or wanted.startswith(f"{path}.")) and len(path) > best:
            found, best = number, len(path)
    return found


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError as exc:
        raise SettingsError(f"{path}: is not UTF-8 (byte {exc.start})") from exc
    except OSError as exc:
        raise SettingsError(f"{path}: cannot be read: {exc.strerror}") from exc


def _parse(text: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        where = re.search(r" \(at line (\d+), column (\d+)\)", str(exc))
        place = f"{FILE}:{where[1]}:{where[2]}" if where else FILE
        reason = str(exc)[: where.start()] if where else str(exc)
        raise SettingsError(f"{place}: this is not TOML: {reason}") from exc


def _check_env(chosen: str | None, file: _SettingsFile) -> None:
    """A name that no overlay has is a mistake, once there are overlays at all."""
    if chosen and file.envs and chosen not in (*file.envs, *_USUAL_ENVS):
        raise SettingsError(
            f"{FILE} has no section for the environment {chosen!r}"
            + _nearest(chosen, file.envs, "it has " + ", ".join(file.envs))
        )


def _from_variables(variables: Mapping[str, str]) -> Iterator[Given]:
    for name, value in variables.items():
        if not name.startswith(PREFIX) or name == ENV_VARIABLE:
            continue
        section, double, key = name[len(PREFIX) :].partition("__")
        if double:
            yield Given(section.lower(), key.lower(), value, name)
        else:
            _refuse_near_miss(name, value)


def _refuse_near_miss(name: str, value: str) -> None:
    """`ACTIONHERO_WEB_PORT` is a typing mistake, unless Kubernetes made it: for a service called
    actionhero-web it sets exactly that variable, to an address."""
    for section, keys in sections().items():
        for key in keys:
            if name == f"{PREFIX}{section}_{key}".upper() and not _SERVICE_LINK.match(value):
                raise SettingsError(
                    f"{name}: section and key are joined by two underscores; "
                    f"write {PREFIX}{section.upper()}__{key.upper()}"
                )


def _kind_of(given: Given) -> Any:
    keys = _section(given.section, given.source)
    if given.key not in keys:
        near = [f"{given.section}.{key}" for key in keys]
        raise SettingsError(
            f"{given.source}: there is no setting {given.section}.{given.key}"
            + _nearest(f"{given.section}.{given.key}", near, f"there are {', '.join(near)}")
        )
    return keys[given.key]


def _section(name: str, source: str) -> dict[str, Any]:
    known = sections()
    if name not in known:
        raise SettingsError(
            f"{source}: there is no section {name}"
            + _nearest(name, list(known), f"there are {', '.join(known)}")
        )
    return known[name]


def _nearest(name: str, known: list[str], otherwise: str) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; {otherwise}"


def _build(values: dict[str, dict[str, Any]], env: str | None, folder: Path) -> Settings:
    kinds = get_type_hints(Settings)
    parts = {section: kinds[section](**given) for section, given in values.items()}
    settings = Settings(env=env, **parts) if env else Settings(**parts)
    return settings if folder == Path.cwd() else _placed(settings, folder)


def _placed(settings: Settings, folder: Path) -> Settings:
    """The settings with their relative paths turned into absolute ones under `folder`."""
    scheme, _, path = settings.store.url.partition(":")
    if scheme == "embedded" and path and not path.startswith(("/", ":")):  # not ":memory:"
        url = f"embedded:{folder / path}"
        settings = msgspec.structs.replace(
            settings, store=msgspec.structs.replace(settings.store, url=url)
        )
    replace = msgspec.structs.replace
    web, tcp = settings.web, settings.tcp
    public, roots = str(folder / web.public), tuple(str(folder / root) for root in web.file_roots)
    web = replace(web, public=public, file_roots=roots, **_placed_listening(web, folder))
    return replace(settings, web=web, tcp=replace(tcp, **_placed_listening(tcp, folder)))


def _placed_listening(part: WebSettings | TcpSettings, folder: Path) -> dict[str, str]:
    kind, sign, path = part.host.partition(":")
    is_unix = kind == "unix" and bool(sign)
    return {
        "host": f"unix:{folder / path}" if is_unix else part.host,
        "certificate": str(folder / part.certificate) if part.certificate else "",
        "key": str(folder / part.key) if part.key else "",
    }


def _is_list(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _is_limited(kind: Any) -> bool:
    return any(isinstance(part, Meta) for part in get_args(kind))


def _value_of(given: Given) -> str:
    return "not one" if "secret" in given.key else _shown(given.value)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
