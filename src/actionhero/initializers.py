"""Initializers: what a server needs before the first call and gives back after the last.

An initializer is an async generator. What it yields is handed to every action, task and later
initializer that names its type; what follows the `yield` is its teardown. They run in an order in
which each finds what it asks for, and are torn down in reverse.
"""

import collections.abc
import inspect
import logging
import typing
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import Any, cast

from actionhero.codec import place_of
from actionhero.errors import DefinitionError

_log = logging.getLogger("actionhero.initializers")
_ITERATORS = (
    collections.abc.AsyncIterator,
    collections.abc.AsyncGenerator,
    collections.abc.AsyncIterable,
)


class Initializer:
    """One defined initializer. `provides` is the type it yields, None if it yields nothing."""

    def __init__(self, function: Callable[..., AsyncIterator[Any]]) -> None:
        self.function = function
        self.name = getattr(function, "__name__", "")
        self.place = place_of(function)
        if not inspect.isasyncgenfunction(function):
            raise DefinitionError(
                f"{self.place}: an initializer is an `async def` with one `yield`; "
                "what follows the yield is its teardown"
            )
        hints = typing.get_type_hints(function)
        self.provides = self._yielded(hints.get("return"))
        self.wants = {
            name: self._wanted(name, hints) for name in inspect.signature(function).parameters
        }

    def _yielded(self, annotation: Any) -> Any:
        if typing.get_origin(annotation) not in _ITERATORS:
            raise DefinitionError(
                f"{self.place}: say what the initializer yields, as in "
                "`-> AsyncIterator[Database]` (or `AsyncIterator[None]`)"
            )
        kind = typing.get_args(annotation)[0]
        return None if kind is type(None) else kind

    def _wanted(self, name: str, hints: dict[str, Any]) -> Any:
        if name not in hints:
            raise DefinitionError(f"{self.place}: parameter {name!r} has no type")
        return hints[name]


def in_order(initializers: Sequence[Initializer], given: Sequence[Any]) -> list[Initializer]:
    """The initializers so that each comes after what it wants. Raises `DefinitionError`."""
    there = set(given)
    waiting = list(initializers)
    ordered: list[Initializer] = []
    while waiting:
        ready = next((one for one in waiting if there.issuperset(one.wants.values())), None)
        if ready is None:
            raise DefinitionError(_unmet(waiting[0], there))
        waiting.remove(ready)
        ordered.append(ready)
        if ready.provides in there:
            raise DefinitionError(f"{ready.place}: {ready.provides!r} is already provided")
        if ready.provides is not None:
            there.add(ready.provides)
    return ordered


def _unmet(initializer: Initializer, there: set[Any]) -> str:
    name, kind = next((name, kind) for name, kind in initializer.wants.items() if kind not in there)
    return (
        f"{initializer.place}: nothing provides {kind!r} for parameter {name!r}; "
        "another initializer must yield it, and the two must not need each other"
    )


class Lifespan:
    """The running initializers: what they provide, and their teardowns."""

    def __init__(self) -> None:
        self._running: list[tuple[Initializer, AsyncIterator[Any]]] = []

    async def start(self, initializers: Sequence[Initializer], provided: dict[Any, Any]) -> None:
        """Run each up to its `yield` and add what it yields to `provided`."""
        for one in in_order(initializers, tuple(provided)):
            arguments = {name: provided[kind] for name, kind in one.wants.items()}
            generator = one.function(**arguments)
            try:
                value = await anext(generator)
            except StopAsyncIteration:
                raise DefinitionError(f"{one.place}: the initializer never yields") from None
            self._running.append((one, generator))
            if one.provides is not None:
                provided[one.provides] = value

    async def aclose(self) -> None:
        """Run the teardowns in reverse. One that fails is logged and does not stop the others."""
        while self._running:
            one, generator = self._running.pop()
            try:
                await self._finish(one, generator)
            except Exception:
                _log.exception("the teardown of initializer %s failed", one.name)

    async def _finish(self, one: Initializer, generator: AsyncIterator[Any]) -> None:
        try:
            await anext(generator)
        except StopAsyncIteration:
            return
        await cast(AsyncGenerator[Any, None], generator).aclose()
        _log.error("initializer %s yields twice; only the first counts", one.place)
