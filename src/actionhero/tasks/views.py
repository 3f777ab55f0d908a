"""A task as people see it: in the CLI, in `status`, from Python."""

from typing import Any

from msgspec import Struct

from actionhero.codec import decode_json
from actionhero.errors import MalformedError
from actionhero.store.task_scripts import Shown
from actionhero.tasks.record import UnreadableRecordError, enqueued_at, read_body, read_troubles

STATES = ("pending", "local", "delayed", "processing", "failed")
"""The states that can be listed."""


class TaskView(Struct, frozen=True, kw_only=True):
    """One task. Times are ms since the epoch, by the store's clock.

    `due_at` is set while it is delayed or retrying, `failed_at` once it failed, `server` while it
    is processing. A task on all servers has an `account` while its copies run: how many are
    expected, done, failed, absent. `error` has `type`, `message` and `traceback`.
    """

    id: str
    queue: str
    state: str
    name: str
    params: Any
    enqueued_at: int
    attempts: int = 0
    lapses: int = 0
    error: dict[str, str] | None = None
    due_at: int | None = None
    failed_at: int | None = None
    server: str | None = None
    parent: str | None = None
    account: dict[str, int] | None = None


class Page(Struct, frozen=True):
    """Some tasks, and the cursor of the next page; None at the end."""

    tasks: list[TaskView]
    next: str | None = None


def view(queue: str, shown: Shown) -> TaskView:
    """What the store has of a task, made readable; what cannot be read is shown as it is."""
    name, params = _content(shown.record)
    troubles = read_troubles(shown.troubles)
    state = shown.state
    if state == "delayed" and troubles.attempts:
        state = "retrying"
    return TaskView(
        id=shown.id,
        queue=queue,
        state="processing" if state == "broadcast" else state,
        name=name,
        params=params,
        enqueued_at=enqueued_at(shown.record),
        attempts=troubles.attempts,
        lapses=troubles.lapses,
        error=troubles.error,
        due_at=_time(shown) if state in {"delayed", "retrying"} else None,
        failed_at=_time(shown) if state == "failed" else None,
        server=shown.place if state == "processing" else None,
        parent=parent_of(shown.id, shown.record),
        account=_account(shown.place) if state == "broadcast" else None,
    )


def parent_of(id: str, record: bytes) -> str | None:
    """The task that this one is a copy of."""
    return id.rpartition("@")[0] if record[2:3] in {b"c", b"d"} else None


def _content(record: bytes) -> tuple[str, Any]:
    try:
        body = read_body(record)
        return body.name, decode_json(bytes(body.params))
    except (UnreadableRecordError, MalformedError):
        return "?", record.decode("utf-8", "backslashreplace")


def _time(shown: Shown) -> int | None:
    return int(float(shown.place)) if shown.place else None


def _account(text: str) -> dict[str, int]:
    names = ("expected", "done", "failed", "absent")
    return dict(zip(names, map(int, text.split()), strict=True))
