"""The one funnel: every call of every transport goes through `Dispatcher.dispatch`.

In order: is the server open, is there such an action here, may this connection run one more,
then under the time limit: middleware, typed inputs, the function. What comes out is a `Reply`,
never an exception (but cancellation): errors of our tree as they are, all others logged in full
and shown as `internal_error`.

The value of an action that streams is a `Stream`. It counts as an action under way until it ends;
the time limit holds for all of it, or, without one of its own, for what comes before it: the
middleware.
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import msgspec

from actionhero.actions.action import Action, ActionVersions, Middleware
from actionhero.actions.ready import Counter, Provider, Ready, StreamReady
from actionhero.actions.streams import Stream, close_all, is_values
from actionhero.codec import Inputs, decode_json, read_json
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
from actionhero.messages import Call, Reply
from actionhero.telemetry import log_context

_log = logging.getLogger("actionhero.actions")
_LOGGED_BODY = 4096
"""Bytes of a body that are still logged when its action fails."""


class _Version(msgspec.Struct):
    apiVersion: str | int | float | None = None  # noqa: N815  the name on the wire


_read_version = msgspec.json.Decoder(_Version).decode


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
                version: (StreamReady if action.is_stream else Ready)(
                    action, provider, middleware, deadlines, default_timeout, stats
                )
                for version, action in versions.by_version.items()
            }
            for name, versions in actions.items()
        }
        self._newest = {
            name: self._ready[name][versions.newest.version] for name, versions in actions.items()
        }
        for versions in self._ready.values():
            for ready in versions.values():
                if ready.action.is_stream:
                    ready.versions = ()  # so it is never begun as others are
                elif len(versions) == 1:
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
            bool(ready.connections) or not ready.is_plain or ready.action.is_stream
            for ready in self._ready[action].values()
        )

    def param_names(self) -> frozenset[str]:
        """The names of the inputs and files of all actions."""
        every = [ready for versions in self._ready.values() for ready in versions.values()]
        names = (name for ready in every for name in ready.inputs.fields)
        return frozenset(
            (*names, *(name for action in self._ready for name in self.files_of(action)))
        )

    def takes_raw(self, action: str) -> bool:
        """Whether the action takes the body as it is: the newest version says so for all."""
        contents = self._newest[action].contents
        return contents is not None and contents.is_raw

    def files_of(self, action: str) -> frozenset[str]:
        """The names of the files that the action takes, in any version."""
        every = (ready.contents for ready in self._ready[action].values())
        return frozenset(name for one in every if one is not None for name in one.files)

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
            if isinstance(ready, StreamReady):
                return self._open(ready, call, connection)
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
        ready: Ready,
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

    async def _open(self, ready: StreamReady, call: Call, connection: Connection) -> Reply:
        """Run a call of an action that streams, up to where its values begin."""
        account = _Account(self, ready, call, connection)
        stream: Stream | None = None
        sources: list[object] = []
        try:
            with ready.limit:
                value = await ready.open(call, connection, self._limits, sources)
            if is_values(value):
                value = stream = Stream(value, sources, account, ready.action.timeout)
            return Reply(value)
        except LimitExpiredError as exc:
            return account.timed_out(exc)
        except BaseException as exc:
            return account.failed(exc)
        finally:
            if stream is None:
                await close_all(sources)
                account.ended()

    def _admit(self, call: Call, connection: Connection) -> Ready:
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

    def _select(self, call: Call, newest: Ready) -> Ready:
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

    def _end(self, ready: Ready, connection: Connection) -> None:
        connection.pending_actions -= 1
        self._pending -= 1
        self._processed.count += 1
        ready.meter.count += 1

    def _timed_out(self, ready: Ready, call: Call, exc: Exception) -> Reply:
        _log.warning("action timed out", extra={"timeout": ready.timeout})
        self._stats.increment("actions:timedOut")
        error = ActionTimeoutError(
            f"{call.action} did not finish within {ready.timeout:g} s and was cancelled"
        )
        error.__cause__ = exc
        return Reply(error=error)


class _Account:
    """What the dispatcher is told of one stream, which counts as one action under way."""

    __slots__ = ("_call", "_connection", "_dispatcher", "_ready")

    def __init__(
        self, dispatcher: Dispatcher, ready: StreamReady, call: Call, connection: Connection
    ) -> None:
        self._dispatcher = dispatcher
        self._ready = ready
        self._call = call
        self._connection = connection
        connection.total_actions += 1
        connection.pending_actions += 1
        dispatcher._pending += 1
        log_context.set(call)

    def failed(self, exc: BaseException) -> Reply:
        return _failed(self._ready, self._call, exc)

    def timed_out(self, exc: Exception) -> Reply:
        return self._dispatcher._timed_out(self._ready, self._call, exc)

    def ended(self) -> None:
        self._dispatcher._end(self._ready, self._connection)


def _is_cancelled() -> bool:
    """Whether this task is; if not, an action has raised the error of something that it waited
    for, and that is a failure like any other."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _failed(ready: Ready, call: Call, exc: BaseException) -> Reply:
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
