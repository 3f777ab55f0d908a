"""The periodic types as people see them, and stopping one.

Stopping lasts until a server starts that defines the type: like a first start, that plans it. To
end one for good, take it out of the code.
"""

from msgspec import Struct

from actionhero.store.keys import queue_of
from actionhero.store.task_scripts import Planned, QueueScripts
from actionhero.tasks.inspection import Inspection
from actionhero.tasks.schedule import STOPPED, Schedule, read_spec


class PeriodicView(Struct, frozen=True, kw_only=True):
    """A periodic type. `schedule` is None if it was stopped, or if another version planned it in a
    way that this one does not know. `next_at` is ms since the epoch by the store's clock, None
    while that is to be planned: an interval counts from the end of the occurrence that waits or
    runs, whose id is `current`."""

    name: str
    queue: str
    scope: str
    schedule: Schedule | None
    next_at: int | None
    current: str | None
    is_stopped: bool


class PeriodicTypes(Inspection):
    """What one may ask of the periodic types. Raises `StoreError` when the store is away."""

    async def periodic(self) -> list[PeriodicView]:
        """All periodic types that servers planned, by name."""
        found = [
            _view(queue_of(shard), one)
            for shard in await self.shards()
            for one in await self.scripts(shard).periodic()
        ]
        return sorted(found, key=lambda one: (one.name, one.queue))

    async def stop_recurrent(self, name: str) -> bool:
        """Stop a periodic type: nothing of it is planned until a server starts that defines it.

        An occurrence that waits is cancelled, one that runs comes to its end. Returns whether it
        was going on.
        """
        stopped = [await self._stop(self.scripts(one), name) for one in await self.shards()]
        return any(stopped)

    async def _stop(self, scripts: QueueScripts, name: str) -> bool:
        was_on, current = await scripts.stop(name)
        if current:
            await scripts.cancel(current, only_waiting=True)
        return was_on


def _view(queue: str, planned: Planned) -> PeriodicView:
    is_planned = planned.next is not None and planned.next > 0
    return PeriodicView(
        name=planned.name,
        queue=queue,
        scope="all" if planned.record[2:3] == b"b" else "any",
        schedule=read_spec(planned.spec),
        next_at=planned.next if is_planned else None,
        current=planned.current,
        is_stopped=planned.spec == STOPPED,
    )
