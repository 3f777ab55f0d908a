"""What an action is: a typed async function, under a name and a version.

One that is an async generator streams: each value it yields is sent as it comes. No task runs it,
for nobody would be there to take the values.
"""

import datetime
import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from actionhero.clock import Duration, Rate, parse_duration, parse_rate
from actionhero.codec import place_of
from actionhero.connections import Connection
from actionhero.errors import DefinitionError, NotConnectedError, UnknownActionError
from actionhero.messages import TRANSPORTS, Call, Transport
from actionhero.sessions import Proof, Session, Sessions
from actionhero.sessions.sessions import OpenSession
from actionhero.tasks.task import Task

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,99}")
_RESERVED = frozenset({"action", "apiVersion", "messageId"})
"""Inputs that the transports use themselves."""
ALL: frozenset[Transport] = TRANSPORTS
_SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
"""Methods that change nothing (RFC 9110, 9.2.1)."""
_NO_TASK = (
    "what streams its values cannot be a task: nobody would be there to take them; "
    "have a task do the work, and the action tell how it goes"
)


class Invocation(Struct):
    """One run of an action, as the middleware sees it: before its inputs are read."""

    action: "Action"
    call: Call
    connection: Connection
    sessions: Sessions | None = None
    opened: OpenSession | None = None

    async def session(self) -> Session:
        """The client's session, as the action gets it. It is loaded when it is asked for first,
        and saved at the end. Raises `CsrfError`, `StoreError`."""
        if self.opened is None:
            if self.sessions is None:
                raise NotConnectedError("sessions are there while the app runs or is connected")
            proof = self.action.proof_of(self.connection)
            self.opened = await self.sessions.open(self.connection, proof)
        return self.opened.session


Proceed: TypeAlias = Callable[[], Awaitable[Any]]
Middleware: TypeAlias = Callable[[Invocation, Proceed], Awaitable[Any]]
Handler: TypeAlias = Callable[[Invocation], Awaitable[Any]]


class ActionService(Protocol):
    """What an action needs of its running app."""

    async def run_action(
        self, action: "Action", args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any: ...
    def task_of(
        self,
        action: "Action",
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        keep_result: Duration | None,
    ) -> Task: ...


class Action:
    """One defined action. Calling it makes an `ActionCall`; nothing runs by that alone.

    `version` is a text, compared with the `apiVersion` of a call; `timeout` is in seconds, None
    for the server's default, or for none if it streams; `rate` holds for each client address.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        route: str | Sequence[str] | None = None,
        *,
        name: str | None = None,
        version: int | str = 1,
        transports: Iterable[Transport] = ALL,
        timeout: Duration | None = None,
        middleware: Sequence[Middleware] = (),
        rate_limit: str | None = None,
        csrf: bool = True,
    ) -> None:
        self.function = function
        self.is_stream = inspect.isasyncgenfunction(function)
        self.name = name if name is not None else getattr(function, "__name__", "")
        self.place = place_of(function)
        self.version = str(version)
        self.routes = (route,) if isinstance(route, str) else tuple(route or ())
        self.transports = self._served_over(frozenset(transports))
        self.timeout = self._seconds(timeout)
        self.middleware = tuple(middleware)
        self.rate = self._rate(rate_limit)
        self.csrf = csrf
        self._methods = {m for r in self.routes for m in r.split(maxsplit=1)[0].split(",")}
        self.description = inspect.getdoc(function) or ""
        self.service: ActionService | None = None
        self._check()

    def __call__(self, *args: Any, **kwargs: Any) -> "ActionCall":
        return ActionCall(self, args, kwargs)

    def __repr__(self) -> str:
        return f"<Action {self.name} v{self.version}>"

    def proof_of(self, connection: Connection) -> Proof:
        """What a call with a session has to show of where it comes from. A GET changes nothing
        where it is declared; where others are, `/api/<name>` must not be a way around them."""
        if not self.csrf:
            return Proof.NONE
        if connection.method not in _SAFE:
            return Proof.OWN if connection.transport == "http" else Proof.NOT_FOREIGN
        if not self._methods:
            return Proof.NOT_FOREIGN
        return Proof.OWN if self._methods.isdisjoint(_SAFE) else Proof.NONE

    def _seconds(self, timeout: Duration | None) -> float | None:
        try:
            return None if timeout is None else parse_duration(timeout)
        except ValueError as exc:
            raise DefinitionError(f"{self.place}: timeout: {exc}") from exc

    def _rate(self, rate_limit: str | None) -> Rate | None:
        try:
            return None if rate_limit is None else parse_rate(rate_limit)
        except ValueError as exc:
            raise DefinitionError(f"{self.place}: rate_limit: {exc}") from exc

    def _served_over(self, transports: frozenset[Transport]) -> frozenset[Transport]:
        if self.is_stream and transports == {"task"}:
            raise DefinitionError(f"{self.place}: {_NO_TASK}")
        return transports - {"task"} if self.is_stream else transports

    def _check(self) -> None:
        if not self.is_stream and not inspect.iscoroutinefunction(self.function):
            raise DefinitionError(
                f"{self.place}: an action is an `async def`"
                " (a blocking function belongs in `asyncio.to_thread` or in a task)"
            )
        if not _NAME.fullmatch(self.name):
            raise DefinitionError(
                f"{self.place}: {self.name!r} is no action name; use letters, digits and _ . : -"
            )
        reserved = _RESERVED.intersection(inspect.signature(self.function).parameters)
        if reserved:
            raise DefinitionError(
                f"{self.place}: {min(reserved)!r} is a name that the transports use themselves; "
                "call the parameter something else"
            )
        unknown = self.transports - TRANSPORTS
        if unknown:
            raise DefinitionError(
                f"{self.place}: unknown transports {sorted(unknown)}; "
                f"there are {', '.join(sorted(TRANSPORTS))}"
            )


class ActionCall:
    """An action with its arguments, ready to go."""

    __slots__ = ("_action", "_args", "_kwargs")

    def __init__(self, action: Action, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._action = action
        self._args = args
        self._kwargs = kwargs

    async def run(self) -> Any:
        """Run it here, through the funnel, and return its value; its error is raised.

        Of an action that streams, that is an async iterator of its values, which raises its error
        if there is one. It holds what the action holds until its end: who leaves it earlier closes
        it (`contextlib.aclosing`).
        """
        return await self._service.run_action(self._action, self._args, self._kwargs)

    async def enqueue(
        self,
        *,
        delay: Duration | None = None,
        at: datetime.datetime | None = None,
        id: str | None = None,
        keep_result: Duration | None = None,
    ) -> Task:
        """Run it as a task: now, after `delay`, or at a time. With `keep_result` its value can be
        waited for, as JSON has it. See `Task.enqueue`, `Task.result`. Raises `UnknownActionError`
        for one that streams."""
        if self._action.is_stream:
            raise UnknownActionError(f"{self._action.name}: {_NO_TASK}")
        task = self._service.task_of(self._action, self._args, self._kwargs, keep_result)
        return await task.enqueue(delay=delay, at=at, id=id)

    @property
    def _service(self) -> "ActionService":
        if self._action.service is None:
            raise NotConnectedError(
                f"{self._action.name} cannot run yet: its app is neither running nor connected; "
                "use `async with app.connected():`"
            )
        return self._action.service


class ActionVersions:
    """All versions of one action; a call that names none gets the newest."""

    __slots__ = ("by_version", "newest")

    def __init__(self, actions: Iterable[Action]) -> None:
        self.by_version = {action.version: action for action in actions}
        self.newest = max(self.by_version.values(), key=lambda action: _version_key(action.version))


def _version_key(version: str) -> tuple[tuple[int, int | str], ...]:
    """Versions in their natural order: 2 before 10, 1.9 before 1.10, numbers before words."""
    parts = re.split(r"[.\-]", version.removeprefix("v"))
    return tuple((0, int(part)) if part.isdigit() else (1, part) for part in parts)
