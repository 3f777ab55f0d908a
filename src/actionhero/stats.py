"""Counters, for the whole cluster (global) and for each server (local).

Increments are gathered in the process and flushed once a second, and at a graceful stop, in one
script call. A flush carries a number that only grows; a flush whose reply was lost is sent again
with the same number and the same counts, and the script adds it only once. Reading flushes first,
so a reader sees what it wrote.
"""

import asyncio
import contextlib
import logging
from bisect import bisect_left
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from actionhero.background import end_task
from actionhero.errors import StoreError
from actionhero.store.scripts import Script

if TYPE_CHECKING:
    from actionhero.store.client import StoreClient
    from actionhero.store.keys import Keys

Number = int | float
Table = Literal["global", "local"]

FLUSH_INTERVAL = 1.0
"""Seconds between flushes."""
BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 600)
"""The buckets of every histogram, in seconds."""
LOCAL_TTL = 60.0
"""Seconds that a dead server's local table stays in the store."""

_log = logging.getLogger("actionhero.stats")
_flush = Script("stats_flush")


class Meter:
    """A count of one key that is kept as a plain number: `meter.count += 1`, for what happens with
    every message."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class Histogram:
    """How long something took, by buckets: for what happens with every task.

    Kept as plain numbers and told as counts: of the histogram `K`, `K` is how many there were,
    `K:sum` microseconds in all, and `K:0.005` how many took at most 5 ms but more than the bound
    before (`K:inf`: more than the last). So all that it adds to the tables is bounded.
    """

    __slots__ = ("_counts", "again", "last", "quick", "seconds")

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self.quick = 0
        """How many took less than the first bound; whoever adds one adds to `seconds` too."""
        self.seconds = 0.0
        self.last = 0.0
        self.again = 0
        """How many took as long as `last`."""

    def observe(self, seconds: float) -> None:
        """Something took so long. `again += 1` says that of one more."""
        self._settle()
        self.last = seconds
        self.again = 1

    def tallies(self, key: str) -> dict[str, int]:
        """What there is to count, by key."""
        self._settle()
        count = sum(self._counts)
        if not count:
            return {}
        told = {key: count, f"{key}:sum": int(self.seconds * 1e6)}
        for bound, n in zip((*BOUNDS, "inf"), self._counts, strict=True):
            if n:
                told[f"{key}:{bound}"] = n
        return told

    def clear(self) -> None:
        """Forget what was told."""
        self._settle()
        self._counts = [0] * len(self._counts)
        self.seconds -= int(self.seconds * 1e6) / 1e6

    def _settle(self) -> None:
        if self.again:
            self._counts[bisect_left(BOUNDS, self.last)] += self.again
            self.seconds += self.last * self.again
            self.again = 0
        self._counts[0] += self.quick
        self.quick = 0


class _Batch(NamedTuple):
    number: int
    counts: dict[str, int]
    local: dict[str, Number]


class Stats:
    """The counters of one server. `server` is its id, unique to this run of it."""

    def __init__(self, store: "StoreClient", keys: "Keys", server: str) -> None:
        self._store = store
        self._keys = keys
        self._server = server
        self._counts: dict[str, int] = {}
        self._meters: dict[str, Meter] = {}
        self._histograms: dict[str, Histogram] = {}
        self._unflushed: dict[str, int] = {}
        self._local: dict[str, Number] = {}
        self._changed: set[str] = set()
        self._unsent: _Batch | None = None
        self._number = 0
        self._flushing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._last_flush = 0.0

    def increment(self, key: str, n: int = 1) -> None:
        """Count `n` more of `key`, globally and locally."""
        counts = self._counts
        counts[key] = counts.get(key, 0) + n

    def meter(self, key: str) -> Meter:
        """The meter of `key`, whose count goes where `increment` counts."""
        return self._meters.setdefault(key, Meter())

    def histogram(self, key: str) -> Histogram:
        """The histogram of `key`."""
        return self._histograms.setdefault(key, Histogram())

    def set(self, key: str, value: Number) -> None:
        """Set this server's own `key`, such as a gauge; the global table is not touched."""
        self._settle_local()
        self._local[key] = value
        self._changed.add(key)

    async def get(self, key: str, table: Table = "global") -> Number:
        """One value; 0 if it was never counted. Raises `StoreError` (global only)."""
        if table == "local":
            return self._local_table().get(key, 0)
        await self.flush()
        return _number(await self._store.execute("HGET", self._keys.stats_global, key) or b"0")

    async def get_all(self) -> dict[str, dict[str, Number]]:
        """`{"global": {...}, "local": {...}}`, each in the order of its keys."""
        await self.flush()
        pairs = await self._store.execute("HGETALL", self._keys.stats_global)
        return {"global": _sorted(_table(pairs)), "local": _sorted(self._local_table())}

    async def get_servers(self) -> dict[str, dict[str, Number]]:
        """The local tables of all servers that count, by server."""
        await self.flush()
        found = await self._store.execute("ZRANGE", self._keys.stats_servers, 0, -1)
        names = sorted(name.decode() for name in found)
        tables = await self._store.execute_many(
            [("HGETALL", self._keys.stats(name)[1]) for name in names]
        )
        pairs = zip(names, tables, strict=True)
        return {name: _sorted(_table(table)) for name, table in pairs if table}

    async def flush(self) -> None:
        """Send what was gathered. On an error it is kept and goes with a later flush."""
        async with self._flushing:
            await self._send_unsent()  # of an earlier flush that failed
            self._unsent = self._gather()
            await self._send_unsent()

    async def start(self) -> None:
        """Flush once a second from now on."""
        self._task = asyncio.create_task(self._flush_forever(), name="stats flush")

    async def aclose(self) -> None:
        """Stop, with a last flush; its failure is logged, since nobody is left to retry it."""
        if self._task is not None:
            await end_task(self._task)
        try:
            await self.flush()
        except StoreError as exc:
            _log.warning("the last counts could not be stored: %s", exc)

    async def _flush_forever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_INTERVAL)
            self._keep_alive()
            with contextlib.suppress(StoreError):  # kept for the next one; the client logs the loss
                await self.flush()

    def _keep_alive(self) -> None:
        """Send the local table again before it expires, if nothing else would."""
        now = asyncio.get_running_loop().time()
        if self._local and now - self._last_flush > LOCAL_TTL / 3:
            self._changed.update(self._local)

    def _gather(self) -> _Batch | None:
        self._settle_local()
        if not self._unflushed and not self._changed:
            return None
        self._number += 1
        counts, self._unflushed = self._unflushed, {}
        local = {key: self._local[key] for key in self._changed}
        self._changed.clear()
        return _Batch(self._number, counts, local)

    def _settle_local(self) -> None:
        """Move what was just counted into the local table and the next flush."""
        counts, self._counts = self._gathered(), {}
        for meter in self._meters.values():
            meter.count = 0
        for histogram in self._histograms.values():
            histogram.clear()
        for key, n in counts.items():
            self._local[key] = self._local.get(key, 0) + n
            self._unflushed[key] = self._unflushed.get(key, 0) + n
            self._changed.add(key)

    def _local_table(self) -> dict[str, Number]:
        table = dict(self._local)
        for key, n in self._gathered().items():
            table[key] = table.get(key, 0) + n
        return table

    def _gathered(self) -> dict[str, int]:
        """What was counted since the last time it was settled."""
        counts = self._counts.copy()
        for key, meter in self._meters.items():
            if meter.count:
                counts[key] = counts.get(key, 0) + meter.count
        for key, histogram in self._histograms.items():
            for told, n in histogram.tallies(key).items():
                counts[told] = counts.get(told, 0) + n
        return counts

    async def _send_unsent(self) -> None:
        if self._unsent is not None:
            await self._send(self._unsent)
            self._unsent = None

    async def _send(self, batch: _Batch) -> None:
        args: list[str | int | float] = [batch.number, self._server, round(LOCAL_TTL * 1000)]
        args.append(len(batch.counts))
        for key, n in (*batch.counts.items(), *batch.local.items()):
            args += (key, n)
        await _flush(self._store, self._keys.stats(self._server), args)
        self._last_flush = asyncio.get_running_loop().time()


def _table(pairs: Any) -> Mapping[str, Number]:
    items = pairs.items() if isinstance(pairs, Mapping) else zip(*[iter(pairs)] * 2, strict=True)
    return {key.decode(): _number(value) for key, value in items}


def _number(text: bytes) -> Number:
    return int(text) if text.lstrip(b"-").isdigit() else float(text)


def _sorted(table: Mapping[str, Number]) -> dict[str, Number]:
    return dict(sorted(table.items()))
