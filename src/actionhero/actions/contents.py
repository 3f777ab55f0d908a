"""The parameters of an action that are filled from an HTTP request's body: files and raw bodies."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from actionhero.errors import InputProblem, InvalidInputError
from actionhero.messages import Call
from actionhero.uploads import RawBody, UploadedFile

_KINDS = (UploadedFile, list[UploadedFile], RawBody)


def is_content(kind: Any) -> bool:
    """Whether a parameter of this type is filled from the body."""
    return any(kind == one for one in _KINDS)


class Contents:
    """Those of one action. `files` are the names of its files; `is_raw`: it takes the body itself,
    which is then not decoded."""

    __slots__ = ("_kinds", "_required", "files", "is_raw")

    def __init__(self, function: Callable[..., Any], injected: Mapping[str, Any]) -> None:
        self._kinds = {name: kind for name, kind in injected.items() if is_content(kind)}
        parameters = inspect.signature(function).parameters
        self._required = {
            n for n in self._kinds if parameters[n].default is inspect.Parameter.empty
        }
        self.files = frozenset(n for n, kind in self._kinds.items() if kind is not RawBody)
        self.is_raw = RawBody in self._kinds.values()

    def __bool__(self) -> bool:
        return bool(self._kinds)

    def read(self, call: Call) -> dict[str, Any]:
        """The arguments that a call brings. Raises `InvalidInputError` with every problem."""
        found: dict[str, Any] = {}
        problems: list[InputProblem] = []
        for name, kind in self._kinds.items():
            given = _raw(call) if kind is RawBody else _files(call, name, kind)
            if isinstance(given, InputProblem):
                problems.append(given)
            elif given is not None:
                found[name] = given
            elif name in self._required:
                problems.append(InputProblem(name, "missing", _SENT_BY[kind is RawBody]))
        if problems:
            raise InvalidInputError(tuple(problems))
        return found


_SENT_BY = {
    True: "is required; it is the body of an HTTP request",
    False: "is required; send it as a file in a multipart/form-data body over HTTP",
}


def _raw(call: Call) -> RawBody | None:
    if isinstance(call.content, RawBody):
        return call.content
    return None if call.headers is None else RawBody(b"")  # a request without a body


def _files(
    call: Call, name: str, kind: Any
) -> list[UploadedFile] | UploadedFile | InputProblem | None:
    content = call.content
    files = content.get(name) if isinstance(content, Mapping) else None
    if not files or kind is not UploadedFile:
        return files or None
    if len(files) > 1:
        return InputProblem(name, "too_long", f"one file is expected, got {len(files)}")
    only: UploadedFile = files[0]
    return only
