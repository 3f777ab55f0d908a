"""Dead letters: the tasks that failed for good, kept until a person retries or purges them.

Rules
- They are chosen by name, queue, age and error; all that is given must fit.
- A cursor is the time, id and queue of the last one shown, not a number: what is retried, purged or
  fails between two pages makes none of the others be left out or come twice.
- Any number of them is worked through in calls that each look at a bounded number, so that a
  million do not hold up the store; only those are acted on that had failed when the work began.
- One is acted on only if it is still the failure that was looked at. So doing it again after a lost
  reply changes nothing more.
"""

import asyncio
import datetime
from collections.abc import AsyncIterator, Callable
from typing import Literal

from msgspec import Struct

from actionhero.clock import Duration, milliseconds, parse_duration
from actionhero.codec import encode_json
from actionhero.errors import UnknownTaskError
from actionhero.store.inspection_scripts import SCAN, Chosen, Position, Shown
from actionhero.tasks.inspection import Inspection, no_such
from actionhero.tasks.views import Page

Age = Duration | datetime.datetime
"""How long ago, or when."""


class Sweep(Struct, frozen=True):
    """How far work on many dead letters has come: how many were `looked` at of the `total` there
    were, how many of them fitted (`found`), and how many of these were retried or purged (`done`).

    The copy of a server that is gone cannot be retried, nor a unique task in whose place another
    one stands by now; what somebody else was faster with is not counted as done.
    """

    total: int = 0
    looked: int = 0
    found: int = 0
    done: int = 0


Told = Callable[[Sweep], None]


class DeadLetters(Inspection):
    """What one may do with dead letters. `error` is a text that occurs in "Type: message"; ages are
    durations ("7d") or times with a zone. A `ValueError` says what is no age."""

    async def failed(
        self,
        queue: str | None = None,
        cursor: str | None = None,
        count: int = 100,
        *,
        name: str | None = None,
        older_than: Age | None = None,
        newer_than: Age | None = None,
        error: str | None = None,
    ) -> Page:
        """Up to `count` dead letters, the newest first, of all queues or of one.

        Raises `NotFoundError` for a cursor that is none.
        """
        chosen = await self._chosen(name, older_than, newer_than, error)
        return await self._by_time("failed", queue, chosen, cursor, count)

    async def retry_failed(
        self,
        queue: str | None = None,
        *,
        name: str | None = None,
        older_than: Age | None = None,
        newer_than: Age | None = None,
        error: str | None = None,
        told: Told | None = None,
    ) -> Sweep:
        """Give those that fit another chance, with all their attempts, the oldest first. `told` is
        called now and then with how far it has come."""
        chosen = await self._chosen(name, older_than, newer_than, error)
        return await self._sweep("retry", queue, chosen, told)

    async def purge_failed(
        self,
        queue: str | None = None,
        *,
        name: str | None = None,
        older_than: Age | None = None,
        newer_than: Age | None = None,
        error: str | None = None,
        told: Told | None = None,
    ) -> Sweep:
        """Forget those that fit. `told` is called now and then with how far it has come."""
        chosen = await self._chosen(name, older_than, newer_than, error)
        return await self._sweep("purge", queue, chosen, told)

    async def retry(self, id: str) -> None:
        """Give one another chance, with all its attempts.

        Raises `UnknownTaskError` if there is none of this id, or it did not fail, or it is a copy
        whose server is gone, or unique and another one stands in its place.
        """
        await self._act("retry", id)

    async def purge(self, id: str) -> None:
        """Forget one. Raises `UnknownTaskError` if there is none of this id, or it did not fail."""
        await self._act("purge", id)

    async def _act(self, action: Literal["retry", "purge"], id: str) -> None:
        for shard in await self.shards():
            scripts = self.scripts(shard)
            told = await (scripts.retry(id) if action == "retry" else scripts.purge(id))
            if told in {"retried", "purged"}:
                return
            if told == "absent":
                raise UnknownTaskError(
                    f"task {id!r} is the copy of a server that is gone; nobody can run it"
                )
            if told == "succeeded":
                raise UnknownTaskError(
                    f"task {id!r} is unique, and another one stands in its place by now"
                )
            if told != "unknown":
                raise UnknownTaskError(f"task {id!r} has not failed: it is {told}")
        raise UnknownTaskError(no_such(id))

    async def _sweep(
        self,
        action: Literal["retry", "purge"],
        queue: str | None,
        chosen: Chosen,
        told: Told | None,
    ) -> Sweep:
        shards = await self.shards(queue)
        counts = await asyncio.gather(*(self.scripts(shard).counts() for shard in shards))
        sweep = Sweep(total=sum(one.failed for one in counts))
        if chosen.latest is None:
            chosen = chosen._replace(latest=await self._client.now())
        for shard in shards:
            async for looked, found in self._batches(shard, chosen):
                done = await self.scripts(shard).sweep(action, found)
                sweep = Sweep(
                    sweep.total,
                    sweep.looked + looked,
                    sweep.found + len(found),
                    sweep.done + done,
                )
                if told is not None:
                    told(sweep)
        return sweep

    async def _batches(self, shard: str, chosen: Chosen) -> AsyncIterator[tuple[int, list[Shown]]]:
        """Those of one shard that fit, the oldest first, with how many were looked at for each
        batch."""
        after: Position | None = None
        while True:
            look = await self.scripts(shard).look("failed", SCAN, after, chosen, has_records=False)
            if look.looked:
                yield look.looked, look.found
            if look.last is None:
                return
            after = look.last

    async def _chosen(
        self, name: str | None, older: Age | None, newer: Age | None, error: str | None
    ) -> Chosen:
        now = await self._client.now() if older is not None or newer is not None else 0
        return Chosen(
            name or "",
            encode_json(error)[1:-1] if error else b"",
            None if newer is None else _moment(newer, now),
            None if older is None else _moment(older, now),
        )


def _moment(age: Age, now: int) -> int:
    if isinstance(age, datetime.datetime):
        return milliseconds(age)
    return now - round(parse_duration(age) * 1000)
