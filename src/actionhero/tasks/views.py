"""Tasks and queues as people see them: in the CLI, in `status`, from Python."""

from typing import Any, Final

from msgspec import Struct

from actionhero.codec import decode_json
from actionhero.errors import MalformedError
from actionhero.store.inspection_scripts import Shown
from actionhero.tasks.record import (
    Priority,
    Scope,
    UnreadableRecordError,
    enqueued_at,
    read_body,
    read_troubles,
)
from actionhero.tasks.results import Progress, read_kept, read_progress

STATES = ("pending", "local", "delayed", "processing", "failed")
"""The states that can be listed."""
_PRIORITIES: Final[dict[bytes, Priority]] = {
    b"h": "high",
    b"n": "normal",
    b"l": "low",
}
_ALL: Final = frozenset(b"abcd")
_PERIODIC: Final = frozenset(b"pbd")
_FIRST_TIME: Final = 1_000_000_000_000
"""Claim tokens from here on are times (ms)."""


class TaskView(Struct, frozen=True, kw_only=True):
    """One task. Times are ms since the epoch, by the store's clock.

    - `run_at`: when it is due, while it is delayed or retrying.
    - `started_at`: when its server claimed it, by that server's clock, while it is processing.
    - `finished_at`: when it failed, or ended, where its result is kept.
    - `server`: who has it, whom a copy waits for, or on whom it failed.
    - `account`: of a task on all servers while its copies run: how many are expected, done, failed,
      absent.
    - `error`: of the last attempt that raised: its `type`, `message` and `traceback`.
    - `result`: as JSON has it, while its type keeps it. Of a task that has ended no more is kept
      than name, state, result and error.
    """

    id: str
    queue: str
    state: str
    name: str
    params: Any = None
    priority: Priority = "normal"
    scope: Scope = "any"
    is_periodic: bool = False
    enqueued_at: int | None = None
    run_at: int | None = None
    started_at: int | None = None
    finished_at: int | None = None
    attempts: int = 0
    lapses: int = 0
    server: str | None = None
    parent: str | None = None
    is_copy: bool = False
    account: dict[str, int] | None = None
    error: dict[str, str] | None = None
    progress: Progress | None = None
    result: Any = None


class Page(Struct, frozen=True):
    """Some tasks, and the cursor of the next page; None at the end."""

    tasks: list[TaskView]
    next: str | None = None


class QueueView(Struct, frozen=True, kw_only=True):
    """One queue: how many tasks it has in each state (`pending`: those too that wait for a turn of
    their type), how many servers work it, and in how many shards it is divided."""

    name: str
    pending: int
    local: int
    delayed: int
    processing: int
    failed: int
    servers: int
    shards: int
    is_paused: bool


class ServerView(Struct, frozen=True, kw_only=True):
    """One server that runs tasks. `lease` is how many ms its lease still lasts (below zero: it is
    being given up), `held` how many tasks it runs or is about to, `running` how many of each name
    that are (of some of them, if they are many), `oldest` since when (ms) it has the first of
    these."""

    id: str
    queues: list[str]
    lease: int
    held: int
    running: dict[str, int]
    oldest: int | None = None


class Overview(Struct, frozen=True, kw_only=True):
    """All queues and servers at one moment (ms), and the newest dead letters."""

    at: int
    queues: list[QueueView]
    servers: list[ServerView]
    failed: list[TaskView]


def view(queue: str, shown: Shown) -> TaskView:
    """What the store has of a task, made readable; what cannot be read is shown as it is."""
    if shown.state == "kept":
        return _ended(queue, shown)
    record, state = shown.record, shown.state
    name, params = _content(record)
    troubles = read_troubles(shown.troubles)
    kind = record[2] if len(record) > 2 else 0
    if state == "delayed" and troubles.attempts:
        state = "retrying"
    parent = parent_of(shown.id, record)
    return TaskView(
        id=shown.id,
        queue=queue,
        state="processing" if state == "broadcast" else state,
        name=name,
        params=params,
        priority=_PRIORITIES.get(record[1:2], "normal"),
        scope="all" if kind in _ALL else "any",
        is_periodic=kind in _PERIODIC,
        enqueued_at=enqueued_at(record) or None,
        run_at=_time(shown.place) if state in {"delayed", "retrying"} else None,
        started_at=claimed_at(shown.token),
        finished_at=_time(shown.place) if state == "failed" else None,
        attempts=troubles.attempts,
        lapses=troubles.lapses,
        server=_server(shown, troubles.error or {}),
        parent=parent,
        is_copy=parent is not None,
        account=_account(shown.place) if state == "broadcast" else None,
        error=_without_server(troubles.error),
        progress=read_progress(shown.progress) if shown.progress else None,
    )


def parent_of(id: str, record: bytes) -> str | None:
    """The task that this one is a copy of."""
    return id.rpartition("@")[0] if record[2:3] in {b"c", b"d"} else None


def _ended(queue: str, shown: Shown) -> TaskView:
    kept = read_kept(shown.record)
    return TaskView(
        id=shown.id,
        queue=queue,
        state=kept.state,
        name=kept.name,
        finished_at=kept.finished_at,
        server=(kept.error or {}).get("server"),
        error=_without_server(kept.error and {key: str(kept.error[key]) for key in kept.error}),
        result=decode_json(bytes(kept.result)),
    )


def _content(record: bytes) -> tuple[str, Any]:
    try:
        body = read_body(record)
        return body.name, decode_json(bytes(body.params))
    except (UnreadableRecordError, MalformedError):
        return "?", record.decode("utf-8", "backslashreplace")


def _server(shown: Shown, error: dict[str, str]) -> str | None:
    if shown.state in {"processing", "local"}:
        return shown.place or None
    return error.get("server") if shown.state == "failed" else None


def _without_server(error: dict[str, str] | None) -> dict[str, str] | None:
    """An error as a task sees it; the store notes there on which server it came up."""
    return error and {name: text for name, text in error.items() if name != "server"}


def claimed_at(token: str) -> int | None:
    """When a task was claimed, if its token is a time."""
    moment = int(token) if token.isdigit() else 0
    return moment if moment >= _FIRST_TIME else None


def _time(place: str) -> int | None:
    return int(float(place)) if place else None


def _account(text: str) -> dict[str, int]:
    names = ("expected", "done", "failed", "absent")
    return dict(zip(names, map(int, text.split()), strict=True))
