"""The task scripts on a real store, with a clock that the test sets and servers that it plays."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from actionhero.store.client import StoreClient
from actionhero.store.keys import QUEUE_KEYS, Keys, QueueKeys
from actionhero.store.scripts import Script
from actionhero.store.task_scripts import (
    Arrivals,
    Later,
    Occurring,
    QueueScripts,
    TickReply,
    Unique,
    load_scripts,
    read_lua,
)
from actionhero.tasks.record import (
    LIMITED,
    UNIQUE,
    Priority,
    Scope,
    new_record,
    record_head,
    with_members,
)
from actionhero.tasks.unique import UniqueMode

Limits = Sequence[tuple[str, str]]
START = 1_800_000_000_000
LEASE = 10_000
GRACE = 30_000
_CLOCK = "test:now"
_NOTICE = """
for _, server in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])) do
  local lease = redis.call('ZSCORE', KEYS[1], server)
  redis.call('ZADD', KEYS[1], math.floor(lease) - 0.5, server)
end
"""
_READS = {
    "string": ("GET",),
    "hash": ("HGETALL",),
    "list": ("LRANGE", "0", "-1"),
    "set": ("SMEMBERS",),
    "zset": ("ZRANGE", "0", "-1", "WITHSCORES"),
}
_TIME = re.compile(r"local time = call\('TIME'\)\nlocal now = .*")


def timed_scripts() -> Mapping[str, Script]:
    """The scripts, telling the time by a key of the store."""
    prelude, replaced = _TIME.subn(
        f"local now = tonumber(call('GET', '{_CLOCK}'))", read_lua("tasks")
    )
    assert replaced == 1
    return load_scripts(prelude)


def record(
    name: str = "work",
    *,
    scope: Scope = "any",
    priority: Priority = "normal",
    is_limited: bool = False,
    key: str | None = None,
    params: bytes = b"{}",
) -> bytes:
    """The record of a task; `key` makes it unique."""
    flags = (LIMITED if is_limited else 0) | (UNIQUE if key else 0)
    head = record_head(name, priority, scope, is_periodic=False, flags=flags)
    return new_record(with_members(head, unique=key), params)


def periodic(name: str, spec: int | str, *, scope: Scope = "any") -> Occurring:
    """A periodic type, by its interval in ms or its schedule as `lua/register.lua` has it."""
    head = record_head(name, "normal", scope, is_periodic=True)
    return Occurring(name, str(spec), new_record(head, b"{}"))


class Other(NamedTuple):
    """An outcome that is more than done; see `lua/tick.lua`."""

    what: str
    id: str
    token: int
    amount: int = 0
    text: str = ""


class Lab:
    """One queue."""

    def __init__(self, client: StoreClient, queue: QueueKeys) -> None:
        self.client = client
        self.keys = queue
        self.scripts = QueueScripts(client, queue, timed_scripts())
        self.now = START

    @classmethod
    async def open(cls, client: StoreClient, keys: Keys, queue: str = "q") -> "Lab":
        lab = cls(client, keys.queue(queue))
        await lab.advance(0)
        return lab

    async def advance(self, milliseconds: int, *, is_noticed: bool = True) -> None:
        """Let time pass. A lease that runs out in it was noticed by somebody, if you do not say
        otherwise, so that its server has had its time to come back."""
        self.now += milliseconds
        await self.client.execute("SET", _CLOCK, self.now)
        if is_noticed:
            servers = self.keys.for_scripts[QUEUE_KEYS.index("servers")]
            await self.client.execute("EVAL", _NOTICE, 1, servers, self.now)

    async def outlive(self, *alive: "Server", by: int = LEASE) -> None:
        """Let `by` pass, in which only these servers renew their leases."""
        for _ in range(2):
            await self.advance(by // 2)
            for server in alive:
                assert await server.renew()

    async def put(
        self,
        *ids: str,
        scope: Scope = "any",
        priority: Priority = "normal",
        delay: int | None = None,
        name: str = "work",
        is_limited: bool = False,
    ) -> set[bytes]:
        """Enqueue tasks; a plain one by the way of its own. Returns the ids that existed."""
        if len(ids) == 1 and delay is None and scope == "any" and not is_limited:
            one = record(name, priority=priority)
            is_new = await self.scripts.enqueue_one(priority[0], ids[0], one)
            return set() if is_new else {ids[0].encode()}
        arrivals = Arrivals()
        for id in ids:
            one = record(name, scope=scope, priority=priority, is_limited=is_limited)
            if delay is None and scope == "any":
                arrivals.add_ready(priority[0], id, one)
            else:
                arrivals.add_later(Later(id, one, "in", delay or 0))
        return set((await self.scripts.enqueue(arrivals)).existing)

    async def put_unique(
        self,
        id: str,
        key: str,
        mode: UniqueMode,
        *,
        delay: int | None = None,
        params: bytes = b"{}",
        name: str = "work",
        most: int = 0,
    ) -> str:
        """Enqueue a unique task. Returns the id that stands for the key, "" if there is no room."""
        arrivals = Arrivals(most)
        how, time = ("now", 0) if delay is None else ("in", delay)
        one = record(name, key=key, params=params)
        arrivals.add_unique(Unique(id, one, how, time, key, mode))
        return (await self.scripts.enqueue(arrivals)).standing[0].decode()

    async def server(self, id: str, *types: Occurring, limits: Limits = ()) -> "Server":
        """A server that has registered. `limits` are as `lua/tasks_marks.lua` has them."""
        await self.scripts.register(id, LEASE, types, limits=limits)
        return Server(self, id)

    async def state(self, id: str) -> str:
        shown = await self.scripts.show(id)
        return "unknown" if shown is None else shown.state

    async def pending(self) -> list[str]:
        _, shown = await self.scripts.page("pending", 0, 1000)
        return [one.id for one in shown]

    async def ids(self) -> list[str]:
        """All that exist."""
        return [id.decode() for id in await self.client.execute("HKEYS", self.keys.for_scripts[0])]

    async def dump(self) -> dict[str, object]:
        """All that the store has, for comparison."""
        keys = sorted(await self.client.execute("KEYS", "*"))
        kinds = await self.client.execute_many([("TYPE", key) for key in keys])
        reads = [_READS[kind.decode()] for kind in kinds]
        values = await self.client.execute_many(
            [(read[0], key, *read[1:]) for read, key in zip(reads, keys, strict=True)]
        )
        return {key.decode(): value for key, value in zip(keys, values, strict=True)}


class Server:
    """One that ticks when the test says so."""

    def __init__(self, lab: Lab, id: str) -> None:
        self.lab = lab
        self.id = id
        self.number = 0
        self.last: list[str | bytes | int] = []

    async def tick(
        self,
        want: int = 10,
        *,
        done: Iterable[tuple[str, int]] = (),
        others: Sequence[Other] = (),
        duties: bool = True,
        max_lapses: int = 3,
    ) -> TickReply:
        """One turn; `done` are ids and tokens."""
        self.number += 1
        groups: dict[int, list[str]] = {}
        for id, token in done:
            groups.setdefault(token, []).append(id)
        args: list[str | bytes | int] = [
            self.id, self.number, want, int(duties), max_lapses, len(groups),
        ]  # fmt: skip
        for token, ids in groups.items():
            args += (token, len(ids), *ids)
        args.append(len(others))
        for one in others:
            args += one
        self.last = args
        return await self.lab.scripts.tick(args)

    async def again(self) -> TickReply:
        """The last turn once more, as after a lost reply."""
        return await self.lab.scripts.tick(self.last)

    async def claim(self, want: int = 10) -> list[str]:
        """The ids that it gets."""
        return [id.decode() for id in (await self.tick(want)).ids]

    async def finish(self, *ids: str, token: int | None = None) -> TickReply:
        """Settle as done what this server claimed with its last tick, or with another one."""
        used = self.number if token is None else token
        return await self.tick(0, done=[(id, used) for id in ids])

    async def reconcile(self, tokens: Mapping[bytes, str]) -> list[bytes]:
        """The ids of `tokens` that it does not hold."""
        return await self.lab.scripts.reconcile(self.id, self.number, tokens)

    async def renew(self) -> bool:
        return await self.lab.scripts.renew(self.id, LEASE)


def ids_of(reply: TickReply) -> list[str]:
    return [id.decode() for id in reply.ids]


def notes_of(reply: TickReply) -> list[str]:
    return [note.decode() for note in reply.notes]
