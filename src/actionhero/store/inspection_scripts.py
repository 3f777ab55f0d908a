"""The scripts that look into a queue (or shard), and those that act on one task or on dead letters.

They are for people and programs that ask, not for the way of a task: `task_scripts` has that.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from actionhero.store.client import StoreClient
from actionhero.store.link import Arg
from actionhero.store.scripts import Script

SCAN: Final = 250
"""Tasks that one call looks at, at most, to choose some. (The script bounds the bytes.)"""


class Shown(NamedTuple):
    """One task as the store has it. `place`: when it is due or failed (ms), whose it is, or its
    account, as `state` has it. In the state `kept`, `record` is what is kept of one that ended."""

    id: str
    state: str
    place: str
    record: bytes
    troubles: bytes
    token: str = ""
    progress: bytes = b""


class Counts(NamedTuple):
    """How many there are of each."""

    pending: int
    local: int
    delayed: int
    processing: int
    failed: int
    broadcast: int
    servers: int
    periodic: int
    paused: int
    """1 while nothing of it is started."""

    def plus(self, other: "Counts") -> "Counts":
        """Those of two shards of a queue, which the same servers work."""
        sums = Counts(*(one + two for one, two in zip(self, other, strict=True)))
        return sums._replace(
            servers=max(self.servers, other.servers), paused=max(self.paused, other.paused)
        )


class Chosen(NamedTuple):
    """Which of the dead letters (or delayed tasks): of this name, with this text in the error as
    JSON has it, from and up to these times (ms)."""

    name: str = ""
    error: bytes = b""
    earliest: int | None = None
    latest: int | None = None


class Position(NamedTuple):
    """A place among them. `is_to_come`: the task that stands there is still to come."""

    time: int
    id: str
    is_to_come: bool = False


class Look(NamedTuple):
    """What one call found: where it stopped (None at the end), how many tasks it looked at."""

    last: Position | None
    looked: int
    found: list[Shown]


class Working(NamedTuple):
    """A server on one shard: the end of its lease (ms), how many tasks it holds, and the names and
    claim tokens of some of them."""

    server: str
    lease: int
    held: int
    tasks: list[tuple[str, str]]


class Glance(NamedTuple):
    """A shard at one moment (ms), with the newest dead letters."""

    at: int
    counts: Counts
    servers: list[Working]
    failed: list[Shown]


class InspectionScripts:
    """Those of one queue. All raise what `StoreClient.execute` raises."""

    __slots__ = ("_client", "_keys", "_scripts")

    def __init__(
        self, client: StoreClient, keys: Sequence[str], scripts: Mapping[str, Script]
    ) -> None:
        self._client = client
        self._keys = keys
        self._scripts = scripts

    async def show(self, id: str) -> Shown | None:
        """One task."""
        found = await self._scripts["show"](self._client, self._keys, (id,))
        if not found:
            return None
        state, place, record, troubles, token, progress = found
        return Shown(id, state.decode(), place.decode(), record, troubles, token.decode(), progress)

    async def page(self, state: str, cursor: int, count: int) -> tuple[int, list[Shown]]:
        """Up to `count` tasks that are pending, local or processing, and the cursor of the next
        page (0 at the end)."""
        reply = await self._scripts["page"](self._client, self._keys, (state, cursor, count))
        return int(reply[0]), _shown(state, reply[1:])

    async def look(
        self,
        state: Literal["failed", "delayed"],
        want: int,
        after: Position | None = None,
        chosen: Chosen = Chosen(),  # noqa: B008  a constant
        *,
        is_back: bool = False,
        has_records: bool = True,
        scan: int = SCAN,
    ) -> Look:
        """Find up to `want` dead letters or delayed tasks, by time (`is_back`: the newest first);
        look at `scan` at most, so that no call takes long."""
        time, id, is_to_come = ("", "", False) if after is None else after
        args: list[Arg] = [state, int(is_back), time, id, int(is_to_come)]
        args += ["-inf" if chosen.earliest is None else chosen.earliest]
        args += ["+inf" if chosen.latest is None else chosen.latest]
        args += [chosen.name, chosen.error, scan, want, int(has_records)]
        at_time, at_id, looked, *rows = await self._scripts["look"](self._client, self._keys, args)
        last = Position(int(at_time), at_id.decode()) if at_time else None
        if not has_records:
            rows[2:] = [b""] * len(rows[0]), [b""] * len(rows[0])
        return Look(last, looked, _shown(state, rows))

    async def counts(self) -> Counts:
        """How many tasks there are in each state."""
        return Counts(*await self._scripts["counts"](self._client, self._keys))

    async def glance(self, names: int, failures: int) -> Glance:
        """How it stands: with `names` tasks of each server, and `failures` dead letters."""
        at, counts, servers, *rows = await self._scripts["glance"](
            self._client, self._keys, (names, failures)
        )
        working = [
            Working(
                server.decode(),
                int(float(lease)),
                held,
                [
                    (name.decode(), token.decode())
                    for name, token in zip(parts[::2], parts[1::2], strict=True)
                ],
            )
            for server, lease, held, *parts in servers
        ]
        return Glance(int(at), Counts(*counts), working, _shown("failed", rows))

    async def cancel(self, id: str, *, only_waiting: bool = False) -> str:
        """`cancelled`, or `cancelling` if its server is told to, or the state that prevents it, or
        `unknown`. `only_waiting`: one that runs is left alone."""
        args = (id, int(only_waiting))
        return str((await self._scripts["cancel"](self._client, self._keys, args)).decode())

    async def retry(self, id: str) -> str:
        """`retried`, or why not: `unknown`, `absent`, or the state it is in."""
        (told,) = await self._scripts["retry"](self._client, self._keys, (id, ""))
        return str(told.decode())

    async def purge(self, id: str) -> str:
        """`purged`, or why not: `unknown`, or the state it is in."""
        (told,) = await self._scripts["purge"](self._client, self._keys, (id, ""))
        return str(told.decode())

    async def sweep(self, action: Literal["retry", "purge"], letters: Iterable[Shown]) -> int:
        """Retry or purge these dead letters, but none that has failed again since. Returns how
        many that were."""
        args = [part for one in letters for part in (one.id, one.place)]
        if not args:
            return 0
        told = await self._scripts[action](self._client, self._keys, args)
        return sum(one in {b"retried", b"purged"} for one in told)


def _shown(state: str, rows: Sequence[Sequence[bytes | None]]) -> list[Shown]:
    """The tasks of columns: ids, places, records, troubles and perhaps tokens, progress."""
    return [
        Shown(
            (id or b"").decode(),
            state,
            (place or b"").decode(),
            record,
            troubles or b"",
            b"".join(part or b"" for part in more[:1]).decode(),
            b"".join(part or b"" for part in more[1:]),
        )
        for id, place, record, troubles, *more in zip(*rows, strict=True)
        if record is not None
    ]
