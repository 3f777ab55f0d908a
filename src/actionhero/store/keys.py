"""Every key in the store, built here and nowhere else.

Rules
- Every key begins with the app's prefix, so that apps can share a store.
- All keys of one queue carry its name as their hash tag, so they are in one slot of a Cluster and
  one script may touch them all. A queue in several shards (`mail.0`, `mail.1`, …) has one tag for
  each shard. The same goes for the stats, for each room, and for what is said of all rooms.
- A task script is given the whole of `QueueKeys.for_scripts`, in that order; `lua/tasks.lua` gives
  the same names to the same places. Where a key ends in a colon, the script adds a server's id.
"""

import re
from collections.abc import Sequence

from actionhero.errors import DefinitionError

_QUEUE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
_LOOKS_LIKE_SHARD = re.compile(r".*\.\d+")
_ROOM_NAME = re.compile(r"[\w:.@/#+-]{1,100}", re.ASCII)


def check_queue_name(name: str) -> str:
    """`name`, if a queue may be called so. Raises `DefinitionError`."""
    if not _QUEUE_NAME.fullmatch(name) or _LOOKS_LIKE_SHARD.fullmatch(name):
        raise DefinitionError(
            f"{name!r} is no queue name; use up to 64 letters, digits and - _ . "
            "(and no number after a dot: such names are the shards of a queue)"
        )
    return name


def is_room_name(name: str) -> bool:
    """Whether a room may be called so: up to 100 letters, digits and `- _ : . @ / # +`."""
    return _ROOM_NAME.fullmatch(name) is not None


def queue_of(shard: str) -> str:
    """The queue that a shard is of; one that is no shard is a queue itself."""
    queue, dot, number = shard.rpartition(".")
    return queue if dot and number.isdigit() else shard


class QueueKeys:
    """The keys of one queue, or of one shard of it.

    | key | type | holds |
    |---|---|---|
    | `data` | hash | id → record; a task exists while it is here |
    | `high` `normal` `low` | lists | ids that any server may take |
    | `delayed` | zset | ids by the time they are due (ms) |
    | `failed` | zset | dead letters by the time they failed (ms) |
    | `attempts` | hash | id → attempts, lapses, last error; only of ids that had any |
    | `servers` | zset | server incarnations by the end of their lease (ms) |
    | `absent` | zset | gone servers with copies left, by the end of their grace (ms) |
    | `schedule` | zset | periodic types by their next occurrence (ms) |
    | `periodic` | hash | periodic type → interval and record to fire |
    | `occurrence` | hash | periodic type → id of the occurrence that is under way or failed last |
    | `broadcast` | hash | id of a fan-out → expected, done, failed, absent |
    | `progress` | hash | id → what a running task said of its progress |
    | `wake` | list | at most one element: somebody should look |
    | `local:` | list a server | ids that only this server may take |
    | `processing:` | hash a server | id → claim token; its field "" is the last tick |
    | `wakes:` | list a server | as `wake`, for this server alone |
    | `types:` | set a server | the periodic types it defines |
    | `orders:` | hash a server | id → claim token of a task that it shall cancel |
    | `result:` | string an id | what came of a task, for as long as its type keeps that |
    | `ended` | channel | the ids of the tasks whose result is kept |
    | `limits` | hash | limited type → most at once, ms that each start costs, starts in a row |
    | `rates` | hash | type with a rate → when it lets the next one start (ms) |
    | `openings` | zset | types of which the first that waits may start, by when (ms) |
    | `busy:` | zset a type | ids that may run: at 1 on a server, below 0 next in their queue |
    | `waiting:` | list a type | ids whose turn came, but not that of their type |
    | `unique` | hash | type and what makes a task unique → id of the one that stands |
    | `paused` | string | there while nothing is to be claimed |
    """

    __slots__ = ("ended", "for_scripts", "name", "progress", "wake", "wakes")

    def __init__(self, prefix: str, name: str) -> None:
        self.name = name
        tag = f"{prefix}:{{{name}}}:"
        self.for_scripts: Sequence[str] = tuple(tag + key for key in QUEUE_KEYS)
        self.wake = f"{tag}wake"
        self.wakes = f"{tag}wakes:"
        self.progress = f"{tag}progress"
        self.ended = f"{tag}ended"

    def __repr__(self) -> str:
        return f"<QueueKeys {self.name}>"


QUEUE_KEYS = (
    "data",
    "high",
    "normal",
    "low",
    "delayed",
    "failed",
    "attempts",
    "servers",
    "absent",
    "schedule",
    "periodic",
    "occurrence",
    "broadcast",
    "wake",
    "local:",
    "processing:",
    "wakes:",
    "types:",
    "orders:",
    "result:",
    "progress",
    "ended",
    "limits",
    "rates",
    "openings",
    "busy:",
    "waiting:",
    "unique",
    "paused",
)


class Keys:
    """The keys of one app. `prefix` begins every one of them."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._queues: dict[str, QueueKeys] = {}
        self.queues = f"{prefix}:queues"
        """Set of the queues that ever were."""
        self.stats_global = f"{prefix}:{{stats}}:global"
        """Hash of the counts of all servers together."""
        self.stats_servers = f"{prefix}:{{stats}}:servers"
        """Sorted set of the servers that have a table, by when it expires (ms)."""

    def queue(self, name: str) -> QueueKeys:
        """The keys of the queue (or shard) `name`."""
        keys = self._queues.get(name)
        if keys is None:
            keys = self._queues[name] = QueueKeys(self._prefix, name)
        return keys

    def stats(self, server: str) -> Sequence[str]:
        """The global table, the table of `server`, the number of its last flush, the servers."""
        return (
            self.stats_global,
            f"{self._prefix}:{{stats}}:local:{server}",
            f"{self._prefix}:{{stats}}:flush:{server}",
            self.stats_servers,
        )

    def rate(self, name: str, client: str) -> str:
        """What `client` has used of the rate `name`."""
        return f"{self._prefix}:rate:{name}:{client}"

    @property
    def session_secret(self) -> str:
        """What the cookies of sessions are signed with, unless the settings say it."""
        return f"{self._prefix}:session-secret"

    def session(self, id: str) -> str:
        """What is kept of one client between its calls."""
        return f"{self._prefix}:session:{id}"

    def cached(self, key: str) -> str:
        """Where the cache keeps `key`."""
        return f"{self._prefix}:cache:{key}"

    @property
    def cache_written(self) -> str:
        """Channel on which the keys of cached objects are published when they are written."""
        return f"{self._prefix}:cache-written"

    def lock(self, name: str) -> str:
        """Who holds the lock `name`."""
        return f"{self._prefix}:lock:{name}"

    def peers(self) -> Sequence[str]:
        """The servers by the end of their lease, and what each says of itself."""
        return f"{self._prefix}:{{peers}}:live", f"{self._prefix}:{{peers}}:described"

    def peer_channel(self, server: str = "") -> str:
        """The channel of one server, or that of all."""
        return f"{self._prefix}:peers:{server}"

    def room(self, name: str) -> Sequence[str]:
        """All of one room, in the order of `lua/rooms.lua`: what it is, its history, the servers
        with members, the beginning of the members of one, and the channel."""
        tag = f"{self._prefix}:{{room:{name}}}:"
        return tuple(tag + key for key in ("meta", "history", "servers", "members:", "channel"))

    @property
    def room_names(self) -> str:
        """Sorted set of all rooms, in the order of their names."""
        return f"{self._prefix}:{{rooms}}:names"

    def room_server(self, server: str) -> Sequence[str]:
        """The servers with members in rooms by the end of their lease, and the rooms of one."""
        return f"{self._prefix}:{{rooms}}:servers", f"{self._prefix}:{{rooms}}:of:{server}"

    def inbox(self, guest: str) -> str:
        """How far an HTTP client has read each of its rooms."""
        return f"{self._prefix}:{{rooms}}:inbox:{guest}"
