"""The task scripts as typed functions: one object for each queue (or shard).

Rules
- A script's text is `tasks.lua` (the keys and the time), the parts it uses, each as a function that
  is called only where it is needed, and its own file.
- Times and durations are integer milliseconds of the store's clock.
- What the scripts return is bytes; it becomes text here, except records and troubles.
"""

import asyncio
from collections.abc import Mapping, Sequence
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple

from actionhero.store.client import StoreClient
from actionhero.store.inspection_scripts import InspectionScripts
from actionhero.store.keys import QUEUE_KEYS, QueueKeys
from actionhero.store.link import Arg, Command, Reply, Waiter, pack_beginning, pack_ending
from actionhero.store.scripts import Script

_PARTS = {
    "marks": "tasks_marks",
    "moves": "tasks_moves",
    "duties": "tasks_duties",
    "places": "tasks_places",
    "outcomes": "tick_outcomes",
    "replay": "tick_replay",
    "arrivals": "enqueue_others",
    "tally": "tasks_tally",
}
_USES = {
    "tick": ("marks", "moves", "duties", "outcomes", "replay"),
    "enqueue": ("arrivals",),
    "enqueue_one": (),
    "register": ("marks", "moves"),
    "fire": ("marks", "moves", "duties"),
    "stop": ("marks", "moves"),
    "periodic": ("marks", "moves"),
    "renew": (),
    "leave": ("marks", "moves"),
    "reconcile": ("marks", "moves"),
    "cancel": ("marks", "moves", "places"),
    "retry": ("marks", "moves", "places"),
    "purge": ("marks", "moves", "places"),
    "look": (),
    "show": ("marks", "moves", "places"),
    "outcome": (),
    "progress": (),
    "page": (),
    "pause": (),
    "counts": ("tally",),
    "glance": ("tally",),
}
_WITHIN = {"arrivals": ("marks",)}
"""Parts of a part. They are made with it, and so not by a call that does not need it."""


NO_FLAG = ord("-")
_PLAIN_KEYS = QUEUE_KEYS.index("wake") + 1
"""What enqueue needs where nothing but `WAKE` and what stands before it is touched."""
_BAND_KEYS = {"h": "high", "n": "normal", "l": "low"}


class Occurring(NamedTuple):
    """A periodic type as a server registers it: its schedule (see `lua/register.lua`), and the
    record it fires."""

    name: str
    spec: str
    record: bytes


class Planned(NamedTuple):
    """A periodic type as the store has it. `next` is ms, below zero if that is yet to be worked
    out; `current` is the id of the occurrence that waits or runs."""

    name: str
    spec: str
    record: bytes
    next: int | None
    current: str | None


class Later(NamedTuple):
    """A task that is due in (or at) `milliseconds`."""

    id: str
    record: bytes
    how: str
    milliseconds: int


class Unique(NamedTuple):
    """A task of which one stands for each key. `how` is `now`, `in` or `at`; `mode` is `drop`,
    `replace` or `debounce`."""

    id: str
    record: bytes
    how: str
    milliseconds: int
    key: str
    mode: str


class Entered(NamedTuple):
    """What became of arrivals: the ids that existed already (those tasks are left as they are),
    those that found no room, and of each unique one the id that stands (empty if no room)."""

    existing: Sequence[bytes]
    refused: Sequence[bytes]
    standing: Sequence[bytes]


UNIQUE_COST = 10
"""How many plain tasks one unique one counts for in a call: the servers are asked for it."""


class Arrivals:
    """Tasks on their way into one queue: by band those that are ready, those for later, and those
    that are unique. There is room for `most` in the queue, or any number (0)."""

    __slots__ = ("_ready", "cost", "count", "is_plain", "later", "most", "unique")

    def __init__(self, most: int = 0) -> None:
        self._ready: dict[str, tuple[list[str], list[bytes]]] = {
            band: ([], []) for band in ("h", "n", "l")
        }
        self.later: list[Later] = []
        self.unique: list[Unique] = []
        self.most = most
        self.count = 0
        self.cost = 0
        """What they cost the store, in plain tasks."""
        self.is_plain = True
        """Whether none of them is unique, limited, for later, or leaves a result."""

    def add_ready(self, band: str, id: str, record: bytes) -> None:
        """A task that may start at once."""
        ids, records = self._ready[band]
        ids.append(id)
        records.append(record)
        self.count += 1
        self.cost += 1
        if record[3] != NO_FLAG:
            self.is_plain = False

    def add_later(self, later: Later) -> None:
        """A task that comes due; in 0 ms is at the next tick."""
        self.later.append(later)
        self.count += 1
        self.cost += 1
        self.is_plain = False

    def add_unique(self, unique: Unique) -> None:
        """A task that may not be the only one of its key."""
        self.unique.append(unique)
        self.count += 1
        self.cost += UNIQUE_COST
        self.is_plain = False

    def args(self) -> list[Arg]:
        """The arguments of the script."""
        args: list[Arg] = [len(ids) for ids, _ in self._ready.values()]
        args += (len(self.later), len(self.unique), self.most)
        for ids, records in self._ready.values():
            args += ids
            args += records
        if self.later:
            args += [one.id for one in self.later]
            args += [one.record for one in self.later]
            for one in self.later:
                args += (one.how, one.milliseconds)
        for each in self.unique:
            args += each
        return args


class TickReply(NamedTuple):
    """What a tick answers. `wait` is ms until something comes due, -1 if nothing will by itself."""

    status: str
    wait: int = -1
    held: int = 0
    ids: Sequence[bytes] = ()
    records: Sequence[bytes] = ()
    troubles: Sequence[bytes | None] = ()
    refused: Sequence[bytes] = ()
    notes: Sequence[bytes] = ()


def load_scripts(prelude: str | None = None) -> Mapping[str, Script]:
    """All task scripts. `prelude` stands in for `tasks.lua`: tests give one with another clock."""
    first = read_lua("tasks") if prelude is None else prelude
    return MappingProxyType({name: Script(f"task {name}", _compose(first, name)) for name in _USES})


def _compose(prelude: str, name: str) -> str:
    return "".join((prelude, *map(_part, _USES[name]), read_lua(name)))


def _part(name: str) -> str:
    inner = "".join(map(_part, _WITHIN.get(name, ())))
    return f"local function {name}()\n{inner}{read_lua(_PARTS[name])}end\n"


def read_lua(name: str) -> str:
    """The text of `lua/<name>.lua`."""
    return files("actionhero.store").joinpath("lua", f"{name}.lua").read_text("utf-8")


SCRIPTS = load_scripts()


class QueueScripts(InspectionScripts):
    """The scripts of one queue. All raise what `StoreClient.execute` raises."""

    __slots__ = ("_one", "_one_keys", "_plain_keys", "keys")

    def __init__(
        self, client: StoreClient, keys: QueueKeys, scripts: Mapping[str, Script] = SCRIPTS
    ) -> None:
        super().__init__(client, keys.for_scripts, scripts)
        self.keys = keys
        self._plain_keys = keys.for_scripts[:_PLAIN_KEYS]
        named = dict(zip(QUEUE_KEYS, keys.for_scripts, strict=True))
        self._one_keys = {
            band: (named["data"], named[key], named["wake"]) for band, key in _BAND_KEYS.items()
        }
        one = scripts["enqueue_one"]
        self._one = {
            band: pack_beginning(one.command(keys), 2) for band, keys in self._one_keys.items()
        }

    async def enqueue(self, arrivals: Arrivals) -> Entered:
        """Add tasks."""
        script, keys = self._scripts["enqueue"], self._keys_for(arrivals)
        return Entered(*await script(self._client, keys, arrivals.args()))

    def enqueue_nowait(self, arrivals: Arrivals) -> "asyncio.Future[Reply]":
        """Begin to add tasks, at once and with no coroutine between. A NOSCRIPT error is the
        caller's, who turns to `enqueue`."""
        script, keys = self._scripts["enqueue"], self._keys_for(arrivals)
        sent = self._client.execute(*script.command(keys, arrivals.args()))
        self._client.flush()
        return sent

    def enqueue_one_nowait(self, band: str, id: str, record: bytes, waiter: Waiter) -> None:
        """Begin to add one plain, ready task to a queue without a longest length. A NOSCRIPT
        error is the waiter's, who turns to `enqueue_one`."""
        packed = pack_ending(self._one[band], id.encode(), record)
        self._client.execute_packed(packed, waiter)

    async def enqueue_one(self, band: str, id: str, record: bytes) -> bool:
        """The same; the store need not know the script. False if the task existed already."""
        script, keys = self._scripts["enqueue_one"], self._one_keys[band]
        return bool(await script(self._client, keys, (id, record)))

    def _keys_for(self, arrivals: Arrivals) -> Sequence[str]:
        """Each key costs the store and us as much as an argument: 5 µs in a call for one task."""
        return self._plain_keys if arrivals.is_plain else self._keys

    async def tick(self, args: Sequence[Arg]) -> TickReply:
        """One turn of a worker; see `lua/tick.lua` for the arguments."""
        reply = await self._scripts["tick"](self._client, self._keys, args)
        return TickReply(reply[0].decode(), *reply[1:])

    async def register(
        self,
        server: str,
        lease: int,
        types: Sequence[Occurring],
        *,
        is_start: bool = True,
        limits: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Begin to work the queue under a lease; plan the periodic types, and say what limits
        types have ("" for none; see `lua/tasks_marks.lua`). `is_start` is false when a lease was
        lost: then what others plan and limit is left alone."""
        args: list[Arg] = [server, lease, int(is_start), len(limits)]
        for limit in limits:
            args += limit
        for one in types:
            args += one
        await self._scripts["register"](self._client, self._keys, args)

    async def pause(self, *, is_paused: bool) -> bool:
        """Pause the queue, or resume it. False if it was so already."""
        return bool(await self._scripts["pause"](self._client, self._keys, (int(is_paused),)))

    async def fire(
        self, name: str, expected: int, spec: str, following: int | None, times: Sequence[int]
    ) -> int:
        """Fire these times of a type that was planned for `expected`, and plan its next one.
        Returns how many were fired; -1 if another server did it, or one under way is waited for."""
        next_time = "" if following is None else following
        args: list[Arg] = [name, expected, spec, next_time, *times]
        return int(await self._scripts["fire"](self._client, self._keys, args))

    async def stop(self, name: str) -> tuple[bool, str]:
        """Stop a periodic type. Returns whether it was going on, and the id under way or ""."""
        was_on, current = await self._scripts["stop"](self._client, self._keys, (name,))
        return bool(was_on), current.decode()

    async def periodic(self) -> list[Planned]:
        """The periodic types."""
        found = await self._scripts["periodic"](self._client, self._keys)
        return [
            Planned(
                name.decode(),
                spec.decode(),
                record,
                int(float(following)) if following else None,
                current.decode() or None,
            )
            for name, spec, record, following, current in found
        ]

    async def renew(self, server: str, lease: int) -> bool:
        """Keep the lease; False if it was lost."""
        return bool(await self._scripts["renew"](self._client, self._keys, (server, lease)))

    def renew_command(self, server: str, lease: int) -> tuple[Command, Command]:
        """`renew` as two commands for another connection: by hash, and with the whole text."""
        script, args = self._scripts["renew"], (server, lease)
        whole: Command = ("EVAL", script.source, len(self._keys), *self._keys, *args)
        return script.command(self._keys, args), whole

    async def leave(self, server: str) -> int:
        """Stop working the queue. Returns how many tasks the server still holds; if any, they wait
        for the end of its lease."""
        return int(await self._scripts["leave"](self._client, self._keys, (server,)))

    async def reconcile(self, server: str, number: int, tokens: Mapping[bytes, str]) -> list[bytes]:
        """Give back what the store says the server holds and `tokens` (by id) does not have.
        `number` is that of its last tick; after a later one, nothing is done.
        Returns the ids of `tokens` that the server does not hold (any more)."""
        args: list[Arg] = [server, number]
        for pair in tokens.items():
            args += pair
        return list(await self._scripts["reconcile"](self._client, self._keys, args))

    async def outcome(self, id: str) -> tuple[str, bytes]:
        """`kept` and its JSON, `failed` and its error, `waiting`, or `unknown`."""
        what, text = await self._scripts["outcome"](self._client, self._keys, (id,))
        return what.decode(), text

    async def progress(self, server: str, told: Mapping[bytes, tuple[str, bytes]]) -> int:
        """Note progress: by id, the claim's token and a JSON object. Returns how many stood."""
        args: list[Arg] = [server]
        for id, (token, text) in told.items():
            args += (id, token, text)
        return int(await self._scripts["progress"](self._client, self._keys, args))
