"""Method and path to an action's name and the values in the path.

Every action is at `/<name>` for every method. Declared routes come first: `GET /users/{id}`, or
with several methods `GET,HEAD /users`. A fixed segment wins over a variable at each step. `HEAD`
is served wherever `GET` is. Paths are matched undecoded and the values decoded after, so that an
encoded slash stays inside its segment.
"""

import contextlib
import itertools
import re
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from actionhero.actions.action import Action
from actionhero.errors import (
    ActionHeroError,
    DefinitionError,
    MalformedError,
    MethodNotAllowedError,
    NotFoundError,
    UnknownActionError,
)
from actionhero.messages import Words

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_DECLARABLE = frozenset(METHODS)
_RUNNING = _DECLARABLE - {"OPTIONS"}
"""An action runs on OPTIONS only where it declares that; elsewhere it asks for `Allow`."""
_ROUTE = re.compile(r"([A-Z]+(?:,[A-Z]+)*)\s+(/\S*)")
_VARIABLE = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Match(Struct, frozen=True):
    """Where a request goes."""

    action: str
    words: Words
    version: str | None = None


class _Target(Struct, frozen=True):
    """An action at a path; without a version where several versions share the route."""

    action: str
    version: str | None
    variables: tuple[str, ...]
    place: str


class _Node:
    """One step of a path: what follows it, and what is there, by method."""

    __slots__ = ("children", "targets", "variable")

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.variable: _Node | None = None
        self.targets: dict[str, _Target] = {}


class Routes:
    """All routes of an app, and the names of its actions."""

    def __init__(self, actions: list[Action]) -> None:
        self._root = _Node()
        self._names = {action.name for action in actions if "http" in action.transports}
        for action in actions:
            for route in action.routes:
                self._add(route, action)
        self.fixed = self._list_fixed(actions)
        """The matches of all paths without a variable, by method and path."""

    def match(self, method: str, path: str) -> Match:
        """Where `method path` goes; `path` begins with a slash and is still percent-encoded.

        Raises `NotFoundError`, `UnknownActionError`, `MethodNotAllowedError`, and
        `MalformedError` for a path that is not UTF-8.
        """
        return self.fixed.get((method, path)) or self._match(method, path)

    def _list_fixed(self, actions: list[Action]) -> dict[tuple[str, str], Match]:
        paths = {f"/{name}" for name in self._names}
        paths.update(route.split(maxsplit=1)[1] for action in actions for route in action.routes)
        fixed = {}
        for method, path in itertools.product(METHODS, paths):
            with contextlib.suppress(ActionHeroError):
                fixed[method, path] = self._match(method, path)
        return {key: match for key, match in fixed.items() if not match.words}

    def _match(self, method: str, path: str) -> Match:
        segments = path.strip("/").split("/")
        node_values = self._find(self._root, segments, 0)
        if node_values is not None:
            node, values = node_values
            target = node.targets.get(method) or (
                node.targets.get("GET") if method == "HEAD" else None
            )
            if target is not None:
                words: Words = dict(zip(target.variables, values, strict=True))
                return Match(target.action, words, target.version)
        if len(segments) == 1:
            return self._match_name(method, segments[0], node_values)
        if node_values is not None:
            raise _not_allowed(method, self.methods(path))
        raise NotFoundError(f"there is no route for {path}")

    def methods(self, path: str) -> tuple[str, ...]:
        """The methods that `path` answers, for `Allow`; empty where it does not exist."""
        segments = path.strip("/").split("/")
        if len(segments) == 1 and segments[0] in self._names:
            return METHODS
        found = self._find(self._root, segments, 0)
        if found is None:
            return ()
        served = {"OPTIONS", *found[0].targets}
        if "GET" in served:
            served.add("HEAD")
        return tuple(method for method in METHODS if method in served)

    def _match_name(
        self, method: str, segment: str, found: "tuple[_Node, list[str]] | None"
    ) -> Match:
        name = _decode(segment)
        if name in self._names:
            if method not in _RUNNING:
                raise _not_allowed(method, METHODS)
            return Match(name, {})
        if found is not None:
            raise _not_allowed(method, self.methods(segment))
        raise UnknownActionError(f"{name!r} is not a known action")

    def _find(
        self, node: _Node, segments: list[str], index: int
    ) -> "tuple[_Node, list[str]] | None":
        if index == len(segments):
            return (node, []) if node.targets else None
        segment = segments[index]
        child = node.children.get(segment)
        if child is not None and (found := self._find(child, segments, index + 1)):
            return found
        if node.variable is not None and segment:
            found = self._find(node.variable, segments, index + 1)
            if found is not None:
                found[1].insert(0, _decode(segment))
                return found
        return None

    def _add(self, route: str, action: Action) -> None:
        parts = _ROUTE.fullmatch(route.strip())
        if parts is None:
            raise DefinitionError(
                f"{action.place}: {route!r} is not a route; write it as 'GET /users/{{id}}'"
            )
        methods = parts[1].split(",")
        unknown = [method for method in methods if method not in _DECLARABLE]
        if unknown:
            raise DefinitionError(
                f"{action.place}: {unknown[0]} in {route!r} is not one of {', '.join(METHODS)}"
            )
        node, variables = self._plant(parts[2], action)
        for method in methods:
            other = node.targets.get(method)
            if other is not None and (other.action, other.variables) != (action.name, variables):
                raise DefinitionError(
                    f"{action.place}: {method} {parts[2]} is already the route of {other.place}"
                )
            version = action.version if other is None else None
            node.targets[method] = _Target(action.name, version, variables, action.place)

    def _plant(self, path: str, action: Action) -> "tuple[_Node, tuple[str, ...]]":
        node = self._root
        variables: list[str] = []
        for segment in path.strip("/").split("/"):
            variable = _VARIABLE.fullmatch(segment)
            if variable is not None:
                variables.append(variable[1])
                node.variable = node.variable or _Node()
                node = node.variable
            elif "{" in segment or "}" in segment:
                raise DefinitionError(
                    f"{action.place}: {segment!r} in {path!r}: a variable is a whole segment, "
                    "as in /users/{id}"
                )
            else:
                node = node.children.setdefault(segment, _Node())
        if len(set(variables)) != len(variables):
            raise DefinitionError(f"{action.place}: a variable is named twice in {path!r}")
        return node, tuple(variables)


def _decode(segment: str) -> str:
    if "%" not in segment:
        return segment
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError as exc:
        raise MalformedError(f"the path segment {segment!r} is not UTF-8") from exc


def _not_allowed(method: str, allow: tuple[str, ...]) -> MethodNotAllowedError:
    return MethodNotAllowedError(f"{method} is not allowed here; use {', '.join(allow)}", allow)
