"""What may be said of a type of task when it is defined, and what a type needs of its queues."""

import datetime
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypedDict

from actionhero.clock import Duration
from actionhero.tasks.middleware import Around, Layers
from actionhero.tasks.record import Priority, Scope
from actionhero.tasks.results import Progress
from actionhero.tasks.retry import Errors
from actionhero.tasks.schedule import CatchUp, Overlap
from actionhero.tasks.unique import UniqueMode

if TYPE_CHECKING:
    from actionhero.tasks.task import Task

DEFAULT_QUEUE = "default"
Where = Literal["thread", "process"]


class TaskOptions(TypedDict, total=False):
    """`name` (default: the function's) · `queue` · `retries` after the first attempt, after
    `backoff` (doubling, at most `max_backoff`) · `every`: periodic, counted from completion, or
    `cron`, by the clock of `tz` (UTC): `catch_up` "latest" or "all" runs what came due while no
    server was up, `overlap` "allow" what comes due while the last one runs ·
    `scope` "all": once on every live server · `timeout` of one attempt · `priority` ·
    `retry_for` these errors only, `fail_for` these at once · `keep_result` so long ·
    `executor` "process" runs a plain function in a child process instead of a thread ·
    `concurrency`: at most so many run at once, in the whole cluster · `rate`, as "10/s": no more
    start than that · `unique`: of tasks with the same parameters (or the same ones of `unique_by`)
    one stands: "drop" drops the new one, "replace" gives its parameters to the one that waits,
    "debounce" lets that one also wait anew ·
    `around_enqueue`, `around_run`: what stands around its tasks alone."""

    name: str
    queue: str
    retries: int
    backoff: Duration
    max_backoff: Duration
    every: Duration
    cron: str
    tz: str
    catch_up: CatchUp
    overlap: Overlap
    scope: Scope
    timeout: Duration
    priority: Priority
    retry_for: Errors
    fail_for: Errors
    keep_result: Duration
    executor: Where
    concurrency: int
    rate: str
    unique: UniqueMode
    unique_by: Sequence[str]
    around_enqueue: Sequence[Around]
    around_run: Sequence[Around]


class TaskService(Protocol):
    """What a type needs of its queues; `actionhero.tasks.queue.Tasks` is it."""

    @property
    def layers(self) -> Layers: ...
    def enqueue(
        self, task: "Task", *, delay: Duration | None = None, at: datetime.datetime | None = None
    ) -> Coroutine[Any, Any, "Task"]: ...
    async def state(self, task: "Task") -> str: ...
    async def cancel(self, task: "Task") -> bool: ...
    async def result(self, task: "Task", timeout: Duration | None) -> Any: ...
    async def progress(self, task: "Task") -> Progress | None: ...
    def provides(self, kind: Any) -> bool | None: ...
    def provide(self, kind: Any) -> Any: ...
