"""Where another process finds the function of a task: a module, and a name in it.

A child imports the module anew and takes the function by its name. So it must be one that the
module has at its top, or in a class there; a function that was defined in a function, or in the
program's own file (`__main__`), cannot be found, and that is said when it is defined.
"""

import importlib
import sys
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from actionhero.codec import place_of
from actionhero.errors import DefinitionError


class ImportPlace(Struct, frozen=True):
    """`name` may have dots, for a function in a class."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"

    def look_up(self) -> Any:
        """What is there in this process; None if there is nothing."""
        return _attribute(sys.modules.get(self.module), self.name)

    def find(self) -> Any:
        """What is there, imported. Raises what the import raises."""
        return _attribute(importlib.import_module(self.module), self.name)


def import_place_of(function: Callable[..., Any]) -> ImportPlace:
    """Raises `DefinitionError` for a function that no other process can import."""
    if function.__module__ == "__main__":
        raise DefinitionError(
            f"{place_of(function)}: a child process cannot import what is defined in the program's "
            "own file; put the task into a module, and start it with `actionhero start MODULE`"
        )
    if "<" in function.__qualname__:
        raise DefinitionError(
            f"{place_of(function)}: a child process cannot import {function.__qualname__}; define "
            "it at the top of its module"
        )
    return ImportPlace(function.__module__, function.__qualname__)


def _attribute(found: Any, path: str) -> Any:
    for part in path.split("."):
        found = getattr(found, part, None)
    return found
