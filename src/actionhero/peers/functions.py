"""Functions that other servers may call: those that are registered, and nothing else."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from actionhero.codec import Inputs, compile_inputs, place_of
from actionhero.errors import DefinitionError


class Provider(Protocol):
    """What hands in the parameters that are no inputs."""

    def provides(self, kind: Any) -> bool: ...
    def provide(self, kind: Any) -> Any: ...


class PeerFunction:
    """A typed async function that other servers may call by its name."""

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        self.function = function
        self.name = name or function.__name__
        self.place = place_of(function)
        if not inspect.iscoroutinefunction(function):
            raise DefinitionError(f"{self.place}: what peers call must be an async function")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it here."""
        return self.function(*args, **kwargs)


class Functions:
    """The functions of one server, ready to be called. Raises `DefinitionError`."""

    def __init__(self, functions: Mapping[str, PeerFunction], provider: Provider) -> None:
        self._functions = functions
        self._provider = provider
        self._inputs: dict[str, Inputs] = {
            name: compile_inputs(one.function, provider.provides) for name, one in functions.items()
        }

    @property
    def names(self) -> tuple[str, ...]:
        """What may be called."""
        return tuple(sorted(self._functions))

    async def call(self, name: str, args: bytes) -> Any:
        """Call one with inputs in JSON. Raises `KeyError` for one that is not registered,
        `InvalidInputError`, and what the function raises."""
        inputs = self._inputs[name]
        arguments = inputs.arguments(inputs.decode(args))
        for parameter, kind in inputs.injected.items():
            arguments[parameter] = self._provider.provide(kind)
        return await self._functions[name].function(**arguments)
