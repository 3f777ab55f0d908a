"""The view inside the queues: which there are, how many tasks they have, and each task.

It works from any process that has the app and reaches the store. All that is asked goes through the
scripts, in pages: nothing here reads a whole queue.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from actionhero.errors import NotFoundError, UnknownTaskError
from actionhero.store.task_scripts import Counts, QueueScripts
from actionhero.tasks.task import Task, TaskDefinition
from actionhero.tasks.views import STATES, Page, TaskView, view

if TYPE_CHECKING:
    from actionhero.store.client import StoreClient
    from actionhero.store.keys import Keys


class Inspection:
    """What one may ask of the queues. Every method raises `StoreError` when the store is away."""

    def __init__(
        self, client: "StoreClient", keys: "Keys", definitions: Mapping[str, TaskDefinition]
    ) -> None:
        self._client = client
        self._keys = keys
        self.definitions = definitions
        self._scripts: dict[str, QueueScripts] = {}

    def scripts(self, queue: str) -> QueueScripts:
        """The scripts of one queue."""
        scripts = self._scripts.get(queue)
        if scripts is None:
            scripts = QueueScripts(self._client, self._keys.queue(queue))
            self._scripts[queue] = scripts
        return scripts

    async def queues(self) -> list[str]:
        """The names of all queues that ever had a task or a worker, and those defined here."""
        known = {
            name.decode() for name in await self._client.execute("SMEMBERS", self._keys.queues)
        }
        return sorted(known | {one.queue for one in self.definitions.values()})

    async def counts(self) -> dict[str, Counts]:
        """How many tasks each queue has, by state."""
        names = await self.queues()
        return dict(
            zip(
                names,
                await asyncio.gather(*(self.scripts(name).counts() for name in names)),
                strict=True,
            )
        )

    async def details(self) -> dict[str, dict[str, int]]:
        """`counts` as plain values, for `status` and the CLI."""
        return {name: counts._asdict() for name, counts in (await self.counts()).items()}

    async def show(self, id: str) -> TaskView:
        """One task, whatever its queue. Raises `UnknownTaskError`: there is none (any more)."""
        found = await self._find(id)
        if found is None:
            raise UnknownTaskError(no_such(id))
        return found

    async def list(
        self, queue: str, state: str, cursor: str | None = None, count: int = 100
    ) -> Page:
        """Up to `count` tasks of one queue in one state (`STATES`), from a cursor on.

        Of tasks that move between two pages, some may be missed or shown twice. Raises
        `NotFoundError` for a state that there is not.
        """
        if state not in STATES:
            raise NotFoundError(f"there is no state {state!r}; there are {', '.join(STATES)}")
        following, shown = await self.scripts(queue).page(state, int(cursor or 0), count)
        return Page([view(queue, one) for one in shown], str(following) if following else None)

    async def state(self, task: Task) -> str:
        """The state of a task; see `Task.state`."""
        shown = await self.scripts(task.queue).show(task.id)
        return "unknown" if shown is None else view(task.queue, shown).state

    async def _find(self, id: str) -> TaskView | None:
        for queue in await self.queues():
            shown = await self.scripts(queue).show(id)
            if shown is not None:
                return view(queue, shown)
        return None


def no_such(id: str) -> str:
    """What is said of a task that is not there."""
    return f"there is no task {id!r}: it completed, was cancelled, or never was"
