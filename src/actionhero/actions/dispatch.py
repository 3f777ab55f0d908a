"""The one funnel: every call of every transport goes through `Dispatcher.dispatch`.

In order: is the server open, is there such an action here, may this connection run one more,
then under the time limit: middleware, typed inputs, the function. What comes out is a `Reply`,
never an exception (but cancellation): errors of our tree as they are, all others logged in full
and shown as `internal_error`.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from actionhero.actions.action import Action, ActionVersions
from actionhero.actions.middleware import Handler, Invocation, Middleware, wrap
from actionhero.codec import Inputs, compile_inputs, read_json
from actionhero.connections import Connection
from actionhero.deadlines import Deadlines
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
from actionhero.telemetry import log_context

_log = logging.getLogger("actionhero.actions")


class Counter(Protocol):
    """Where the funnel counts what it does."""

    def increment(self, key: str, n: int = 1) -> None: ...


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
    """An action made ready to run: its inputs compiled, its layers wrapped."""

    __slots__ = (
        "action",
        "connections",
        "fixed",
        "handle",
        "inputs",
        "plain",
        "rate",
        "stat",
        "timeout",
        "transports",
    )

    def __init__(
        self,
        action: Action,
        provider: Provider,
        middleware: Sequence[Middleware],
        timeout: float | None,
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
        self.plain = not layers
        self.handle: Handler = wrap(self._core, layers)
        self.rate = action.rate
        self.timeout = timeout if action.timeout is None else action.timeout
        self.transports: frozenset[Transport] = action.transports | {"python"}
        self.stat = f"actions:processedActions:{action.name}"

    async def run(self, call: Call, connection: Connection, limits: Limits) -> Any:
        """The action's value, inside its layers."""
        if self.rate is not None and connection.remote_ip:
            await limits.take(self.action.name, connection.remote_ip, self.rate)
        if self.plain:
            return await self.invoke(call, connection)
        return await self.handle(Invocation(self.action, call, connection))

    def invoke(self, call: Call, connection: Connection) -> Any:
        """Read the inputs and start the function; raises what is wrong with the inputs."""
        arguments = self.inputs.arguments(self.inputs.read(call.words, call.body))
        if self.fixed:
            arguments.update(self.fixed)
        for name in self.connections:
            arguments[name] = connection
        return self.action.function(**arguments)

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
                version: _Ready(action, provider, middleware, default_timeout)
                for version, action in versions.by_version.items()
            }
            for name, versions in actions.items()
        }
        self._newest = {
            name: self._ready[name][versions.newest.version] for name, versions in actions.items()
        }
        self._deadlines = deadlines
        self._limits = limits
        self._stats = stats
        self._pending = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self.is_draining = False

    @property
    def pending(self) -> int:
        """How many actions run right now."""
        return self._pending

    async def wait_idle(self) -> None:
        """Wait until no action runs."""
        await self._idle.wait()

    def inputs_of(self, action: Action) -> Inputs:
        """The compiled inputs of an action, for documentation and for calls from Python."""
        return self._ready[action.name][action.version].inputs

    async def dispatch(self, call: Call, connection: Connection) -> Reply:
        """Run one call for one connection."""
        try:
            ready = self._admit(call, connection)
        except ActionHeroError as exc:
            self._stats.increment("actions:actionsNotProcessed")
            return Reply(error=exc)
        self._begin(connection)
        log_context.set({"action": call.action, "request_id": call.request_id})
        try:
            with self._deadlines.limit(ready.timeout) as limit:
                return Reply(await ready.run(call, connection, self._limits))
        except TimeoutError as exc:
            return self._timed_out(ready, call, exc) if limit.expired else _failed(ready, call, exc)
        except Exception as exc:
            return _failed(ready, call, exc)
        finally:
            self._end(ready, connection)

    def _admit(self, call: Call, connection: Connection) -> _Ready:
        if self.is_draining:
            raise DrainingError("the server is shutting down")
        ready = self._select(call)
        if connection.transport not in ready.transports:
            raise UnknownActionError(
                f"{call.action!r} is not served over {connection.transport}; "
                f"use {', '.join(sorted(ready.action.transports))}"
            )
        if connection.pending_actions >= connection.max_pending:
            raise TooManyRequestsError("you have too many pending requests", retry_after=1.0)
        return ready

    def _select(self, call: Call) -> _Ready:
        newest = self._newest.get(call.action)
        if newest is None:
            raise UnknownActionError(f"{call.action!r} is not a known action")
        versions = self._ready[call.action]
        asked = call.version
        if asked is None and len(versions) > 1 and call.body is not None:
            asked = _version_in(call.body)
        if asked is None:
            return newest
        ready = versions.get(asked)
        if ready is None:
            raise UnknownVersionError(
                f"{call.action!r} has no version {asked!r}; it has {', '.join(versions)}"
            )
        return ready

    def _begin(self, connection: Connection) -> None:
        connection.pending_actions += 1
        connection.total_actions += 1
        self._pending += 1
        if self._pending == 1:
            self._idle.clear()

    def _end(self, ready: _Ready, connection: Connection) -> None:
        connection.pending_actions -= 1
        self._pending -= 1
        if self._pending == 0:
            self._idle.set()
        self._stats.increment("actions:processedActions")
        self._stats.increment(ready.stat)

    def _timed_out(self, ready: _Ready, call: Call, exc: Exception) -> Reply:
        _log.warning("action timed out", extra={"timeout": ready.timeout})
        self._stats.increment("actions:timedOut")
        error = ActionTimeoutError(
            f"{call.action} did not finish within {ready.timeout:g} s and was cancelled"
        )
        error.__cause__ = exc
        return Reply(error=error)


def _failed(ready: _Ready, call: Call, exc: Exception) -> Reply:
    error = public_error(exc)
    if isinstance(error, StoreUnavailableError):
        _log.debug("action %s needs the store, which is away", call.action)  # said once elsewhere
    elif error.side == "ours":
        _log.error(
            "action failed: %s",
            exc,
            exc_info=exc if error is not exc else None,
            extra={"place": ready.action.place},
        )
    return Reply(error=error)


def _version_in(body: bytes) -> str | None:
    try:
        version = read_json(_read_version, body).apiVersion
    except (msgspec.ValidationError, MalformedError):
        return None  # reading the inputs will say what is wrong
    return None if version is None else str(version)
