"""The one funnel: every call of every transport goes through `Dispatcher.dispatch`.

In order: is the server open, is there such an action here, may this connection run one more,
then under the time limit: middleware, typed inputs, the function. What comes out is a `Reply`,
never an exception (but cancellation): errors of our tree as they are, all others logged in full
and shown as `internal_error`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from msgspec.structs import asdict, astuple

from actionhero.actions.action import Action, ActionVersions, Handler, Invocation, Middleware
from actionhero.actions.middleware import wrap
from actionhero.codec import Inputs, compile_inputs, decode_json, read_json
from actionhero.connections import Connection
from actionhero.deadlines import Deadlines, LimitExpiredError, resume
from actionhero.errors import (
    ActionHeroError,
    ActionTimeoutError,
    DrainingError,
    MalformedError,
    StoreUnavailableError,
    TooManyRequestsError,
    UnknownActionError,
    UnknownVersionError,
    public_error,
)
from actionhero.limits import Limits
from actionhero.messages import Call, Reply, Transport
from actionhero.stats import Meter
from actionhero.telemetry import log_context

_log = logging.getLogger("actionhero.actions")
_LOGGED_BODY = 4096
"""Bytes of a body that are still logged when its action fails."""


class Counter(Protocol):
    """Where the funnel counts what it does."""

    def increment(self, key: str, n: int = 1) -> None: ...

    def meter(self, key: str) -> Meter: ...


class Provider(Protocol):
    """What hands in the parameters that are no inputs."""

    def provides(self, kind: Any) -> bool:
        """Whether a parameter of this type is handed in."""
        ...

    def provide(self, kind: Any) -> Any:
        """The one object of this type."""
        ...


class _Version(msgspec.Struct):
    apiVersion: str | int | float | None = None  # noqa: N815  the name on the wire


_read_version = msgspec.json.Decoder(_Version).decode


class _Ready:
    """An action made ready to run: its inputs compiled, its layers wrapped. `versions` are those
    asked for that mean it, however many there are of the action."""

    __slots__ = (
        "action",
        "connections",
        "fixed",
        "handle",
        "inputs",
        "is_plain",
        "is_positional",
        "limit",
        "meter",
        "rate",
        "timeout",
        "transports",
        "versions",
    )

    def __init__(
        self,
        action: Action,
        provider: Provider,
        middleware: Sequence[Middleware],
        deadlines: Deadlines,
        timeout: float | None,
        stats: Counter,
    ) -> None:
        self.action = action
        self.inputs: Inputs = compile_inputs(
            action.function, lambda kind: kind is Connection or provider.provides(kind)
        )
        injected = self.inputs.injected.items()
        self.connections = tuple(name for name, kind in injected if kind is Connection)
        self.fixed = {
            name: provider.provide(kind) for name, kind in injected if kind is not Connection
        }
        layers = (*middleware, *action.middleware)
        self.is_positional = not injected and self.inputs.is_positional
        self.handle: Handler = wrap(self._core, layers)
        self.rate = action.rate
        self.is_plain = not layers and action.rate is None
        self.versions: tuple[str | None, ...] = (action.version,)
        self.timeout = timeout if action.timeout is None else action.timeout
        self.limit = deadlines.limit(self.timeout)
        self.transports: frozenset[Transport] = action.transports | {"python"}
        self.meter = stats.meter(f"actions:processedActions:{action.name}")

    async def run(self, call: Call, connection: Connection, limits: Limits) -> Any:
        """The action's value, inside its layers."""
        if self.rate is not None and connection.remote_ip:
            await limits.take(self.action.name, connection.remote_ip, self.rate)
        return await self.handle(Invocation(self.action, call, connection))

    def invoke(self, call: Call, connection: Connection) -> Coroutine[Any, Any, Any]:
        """Read the inputs and start the function; raises what is wrong with the inputs."""
        running: Coroutine[Any, Any, Any]
        values = self.inputs.read(call.words, call.body)
        if self.is_positional:
            running = self.action.function(*astuple(values))
            return running
        arguments = asdict(values)
        if self.fixed:
            arguments.update(self.fixed)
        if self.connections:
            for name in self.connections:
                arguments[name] = connection
        running = self.action.function(**arguments)
        return running

    async def _core(self, invocation: Invocation) -> Any:
        return await self.invoke(invocation.call, invocation.connection)


class Dispatcher:
    """Runs calls. `default_timeout` in seconds holds for actions without one of their own."""

    def __init__(
        self,
        actions: Mapping[str, ActionVersions],
        *,
        provider: Provider,
        middleware: Sequence[Middleware],
        deadlines: Deadlines,
        limits: Limits,
        stats: Counter,
        default_timeout: float | None = None,
    ) -> None:
        self._ready = {
            name: {
                version: _Ready(action, provider, middleware, deadlines, default_timeout, stats)
                for version, action in versions.by_version.items()
            }
            for name, versions in actions.items()
        }
        self._newest = {
            name: self._ready[name][versions.newest.version] for name, versions in actions.items()
        }
        for versions in self._ready.values():
            for ready in versions.values():
                if len(versions) == 1:
                    ready.versions = (ready.action.version, None)
        self._limits = limits
        self._stats = stats
        self._processed = stats.meter("actions:processedActions")
        self._pending = 0
        self.is_draining = False

    @property
    def pending(self) -> int:
        """How many actions run right now."""
        return self._pending

    def inputs_of(self, action: Action) -> Inputs:
        """The compiled inputs of an action, for documentation and for calls from Python."""
        return self._ready[action.name][action.version].inputs

    def sees_connection(self, action: str) -> bool:
        """Whether the connection of a call is looked at by the action, in any version, or by
        what is around it. Where it is not, calls may share one."""
        return any(
            bool(ready.connections) or not ready.is_plain for ready in self._ready[action].values()
        )

    async def dispatch(self, call: Call, connection: Connection) -> Reply:
        """Run one call for one connection."""
        begun = self.begin(call, connection)
        return begun if isinstance(begun, Reply) else await begun

    def begin(self, call: Call, connection: Connection) -> Reply | Coroutine[Any, Any, Reply]:
        """Run one call up to where it first waits; the rest must be awaited by the same task.

        Most actions end without waiting, and what never waits needs no coroutine around it and
        no time limit.
        """
        ready = self._newest.get(call.action)
        if (
            ready is None
            or call.version not in ready.versions
            or connection.transport not in ready.transports
            or connection.pending_actions >= connection.max_pending
            or self.is_draining
        ):
            try:
                ready = self._admit(call, connection)
            except ActionHeroError as exc:
                self._stats.increment("actions:actionsNotProcessed")
                return Reply(error=exc)
        connection.total_actions += 1
        log_context.set(call)
        try:
            if ready.is_plain:
                running = ready.invoke(call, connection)
            else:
                running = ready.run(call, connection, self._limits)
            waits_for = running.send(None)
        except StopIteration as done:
            reply = Reply(done.value)
        except BaseException as exc:
            reply = _failed(ready, call, exc)
        else:
            self._pending += 1
            connection.pending_actions += 1
            return self._go_on(ready, call, connection, running, waits_for)
        self._processed.count += 1
        ready.meter.count += 1
        return reply

    async def _go_on(
        self,
        ready: _Ready,
        call: Call,
        connection: Connection,
        running: Coroutine[Any, Any, Any],
        waits_for: Any,
    ) -> Reply:
        """The rest of a call that waits, under its time limit."""
        try:
            with ready.limit:
                return Reply(await resume(running, waits_for))
        except LimitExpiredError as exc:
            return self._timed_out(ready, call, exc)
        except BaseException as exc:
            return _failed(ready, call, exc)
        finally:
            self._end(ready, connection)

    def _admit(self, call: Call, connection: Connection) -> _Ready:
        """What is to run, or the reason why nothing is."""
        ready = self._newest.get(call.action)
        if ready is None:
            raise UnknownActionError(f"{call.action!r} is not a known action")
        if self.is_draining:
            raise DrainingError("the server is shutting down")
        if call.version not in ready.versions:
            ready = self._select(call, ready)
        if connection.transport not in ready.transports:
            raise UnknownActionError(
                f"{call.action!r} is not served over {connection.transport}; "
                f"use {', '.join(sorted(ready.action.transports))}"
            )
        if connection.pending_actions >= connection.max_pending:
            raise TooManyRequestsError("you have too many pending requests", retry_after=1.0)
        return ready

    def _select(self, call: Call, newest: _Ready) -> _Ready:
        """The version that is asked for."""
        versions = self._ready[call.action]
        asked = call.version
        if asked is None and call.body is not None:
            asked = _version_in(call.body)
        if asked is None:
            return newest
        ready = versions.get(asked)
        if ready is None:
            raise UnknownVersionError(
                f"{call.action!r} has no version {asked!r}; it has {', '.join(versions)}"
            )
        return ready

    def _end(self, ready: _Ready, connection: Connection) -> None:
        connection.pending_actions -= 1
        self._pending -= 1
        self._processed.count += 1
        ready.meter.count += 1

    def _timed_out(self, ready: _Ready, call: Call, exc: Exception) -> Reply:
        _log.warning("action timed out", extra={"timeout": ready.timeout})
        self._stats.increment("actions:timedOut")
        error = ActionTimeoutError(
            f"{call.action} did not finish within {ready.timeout:g} s and was cancelled"
        )
        error.__cause__ = exc
        return Reply(error=error)


def _is_cancelled() -> bool:
    """Whether this task is; if not, an action has raised the error of something that it waited
    for, and that is a failure like any other."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _failed(ready: _Ready, call: Call, exc: BaseException) -> Reply:
    """The reply to a call that raised `exc`; raises it again if it is not the action's own."""
    if not isinstance(exc, (Exception, asyncio.CancelledError)) or (
        isinstance(exc, asyncio.CancelledError) and _is_cancelled()
    ):
        raise exc
    error = public_error(exc)
    if isinstance(error, StoreUnavailableError):
        _log.debug("action %s needs the store, which is away", call.action)  # said once elsewhere
    elif error.side == "ours":
        _log.error(
            "action failed: %s",
            exc,
            exc_info=exc if error is not exc else None,
            extra={"place": ready.action.place, "params": _params_of(call)},
        )
    return Reply(error=error)


def _params_of(call: Call) -> dict[str, Any]:
    """What a call was given, for the log, which masks the secrets in it by their names."""
    given: Any = {}
    if call.body is not None and len(call.body) <= _LOGGED_BODY:
        with contextlib.suppress(MalformedError):
            given = decode_json(call.body)
    return {**(given if isinstance(given, dict) else {}), **call.words}


def _version_in(body: bytes) -> str | None:
    try:
        version = read_json(_read_version, body).apiVersion
    except (msgspec.ValidationError, MalformedError):
        return None  # reading the inputs will say what is wrong
    return None if version is None else str(version)
