"""What many ask for at once is computed once: by one caller in the process, by one in the cluster.

The computation is a task of its own, so that a caller who leaves does not take it from the others;
when the last one has left, it is cancelled.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Compute = Callable[[], Awaitable[Any]]


class Flights:
    """The computations under way in this process."""

    def __init__(self) -> None:
        self._flights: dict[str, tuple[asyncio.Task[Any], set[object]]] = {}

    async def join(self, key: str, compute: Compute) -> Any:
        """The value of the computation under way for `key`; if there is none, of `compute()`.
        Raises what it raises."""
        if key not in self._flights:
            task = asyncio.ensure_future(_run(compute))
            self._flights[key] = (task, set())
            task.add_done_callback(lambda _: self._flights.pop(key, None))
        task, passengers = self._flights[key]
        me = object()
        passengers.add(me)
        try:
            return await asyncio.shield(task)
        finally:
            passengers.discard(me)
            if not passengers and not task.done():
                self._flights.pop(key, None)
                task.cancel()

    async def aclose(self) -> None:
        """Cancel what is under way."""
        tasks = [task for task, _ in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run(compute: Compute) -> Any:
    return await compute()
