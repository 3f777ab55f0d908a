"""The view inside the queues: which there are, how many tasks they have, and each task.

It works from any process that has the app and reaches the store. All that is asked goes through the
scripts, in pages: nothing here reads a whole queue.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from actionhero.errors import NotFoundError, UnknownTaskError
from actionhero.store.inspection_scripts import Chosen, Counts, Shown
from actionhero.store.keys import queue_of
from actionhero.store.task_scripts import QueueScripts
from actionhero.tasks.overview import overview_of
from actionhero.tasks.pages import ALL, ByTime, page_by_offset, page_by_time
from actionhero.tasks.queues import NO_QUEUES, Queues, shards_of
from actionhero.tasks.task import Task, TaskDefinition
from actionhero.tasks.views import STATES, Overview, Page, TaskView, view

if TYPE_CHECKING:
    from actionhero.store.client import StoreClient
    from actionhero.store.keys import Keys

_NAMED = 50
"""Tasks of each server that are named in an overview, at most."""


class Inspection:
    """What one may ask of the queues. Every method raises `StoreError` when the store is away."""

    def __init__(
        self,
        client: "StoreClient",
        keys: "Keys",
        definitions: Mapping[str, TaskDefinition],
        queues: Queues = NO_QUEUES,
    ) -> None:
        self._client = client
        self._keys = keys
        self.definitions = definitions
        self.defined_queues = queues
        self._scripts: dict[str, QueueScripts] = {}

    def scripts(self, queue: str) -> QueueScripts:
        """The scripts of one queue."""
        scripts = self._scripts.get(queue)
        if scripts is None:
            scripts = QueueScripts(self._client, self._keys.queue(queue))
            self._scripts[queue] = scripts
        return scripts

    # which there are

    async def queues(self) -> list[str]:
        """The names of all queues that ever had a task or a worker, and those defined here."""
        return sorted({queue_of(shard) for shard in await self.shards()})

    async def shards(self, queue: str | None = None) -> list[str]:
        """The shards of all queues, or of one. A queue that is not divided is its only shard."""
        known = {
            name.decode() for name in await self._client.execute("SMEMBERS", self._keys.queues)
        }
        for one in {one.queue for one in self.definitions.values()}:
            known.update(shards_of(self.defined_queues, one))
        return sorted(one for one in known if queue in {None, one, queue_of(one)})

    # how much there is

    async def counts(self) -> dict[str, Counts]:
        """How many tasks each queue has, by state."""
        counts: dict[str, Counts] = {}
        shards = await self.shards()
        found = await asyncio.gather(*(self.scripts(shard).counts() for shard in shards))
        for shard, one in zip(shards, found, strict=True):
            queue = queue_of(shard)
            counts[queue] = counts[queue].plus(one) if queue in counts else one
        return counts

    async def details(self) -> dict[str, dict[str, int]]:
        """`counts` as plain values, for `status` and the CLI."""
        return {name: counts._asdict() for name, counts in (await self.counts()).items()}

    async def overview(self, failures: int = 5) -> Overview:
        """The queues, the servers that work them, and the newest dead letters. It costs the store
        one call for each shard, however many tasks there are."""
        shards = await self.shards()
        glances = await asyncio.gather(
            *(self.scripts(shard).glance(_NAMED, failures) for shard in shards)
        )
        return overview_of(dict(zip(shards, glances, strict=True)), failures)

    # tasks

    async def show(self, id: str) -> TaskView:
        """One task, whatever its queue. Raises `UnknownTaskError`: there is none (any more)."""
        shards = await self.shards()
        for shard, shown in zip(shards, await self._shown(id, shards), strict=True):
            if shown is not None:
                return view(queue_of(shard), shown)
        raise UnknownTaskError(no_such(id))

    async def state(self, task: Task) -> str:
        """The state of a task; see `Task.state`."""
        shown = await self._shown(task.id, await self.shards(task.queue))
        return next((view(task.queue, one).state for one in shown if one is not None), "unknown")

    async def list(
        self, queue: str, state: str, cursor: str | None = None, count: int = 100
    ) -> Page:
        """Up to `count` tasks (1,000 at most) of one queue in one state (`STATES`), from a cursor
        on: dead letters the newest first, delayed ones the next due first.

        Their cursors stay right while tasks come and go. Of pending, local and processing tasks
        that move between two pages, some may be missed or shown twice. Raises `NotFoundError` for
        a state or cursor that there is not.
        """
        if state not in STATES:
            raise NotFoundError(f"there is no state {state!r}; there are {', '.join(STATES)}")
        if state == "failed":
            return await self._by_time("failed", queue, ALL, cursor, count)
        if state == "delayed":
            return await self._by_time("delayed", queue, ALL, cursor, count)
        scripts = {shard: self.scripts(shard) for shard in await self.shards(queue)}
        return await page_by_offset(state, scripts, cursor, count)

    async def _shown(self, id: str, shards: Sequence[str]) -> Sequence[Shown | None]:
        return await asyncio.gather(*(self.scripts(shard).show(id) for shard in shards))

    async def _by_time(
        self, state: ByTime, queue: str | None, chosen: Chosen, cursor: str | None, count: int
    ) -> Page:
        shards = await self.shards(queue)
        scripts = {shard: self.scripts(shard) for shard in shards}
        return await page_by_time(state, scripts, chosen, cursor, count)


def no_such(id: str) -> str:
    """What is said of a task that is not there."""
    return f"there is no task {id!r}: it completed, was cancelled, or never was"
