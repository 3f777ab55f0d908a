"""Actions made ready to run, at boot: inputs compiled, layers wrapped, what is handed in found."""

from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

from msgspec.structs import asdict, astuple

from actionhero.actions.action import Action, Handler, Invocation, Middleware
from actionhero.actions.contents import Contents, is_content
from actionhero.actions.middleware import wrap
from actionhero.codec import Inputs, compile_inputs
from actionhero.connections import Connection
from actionhero.deadlines import Deadlines
from actionhero.errors import ActionHeroError, InputProblem, InvalidInputError
from actionhero.limits import Limits
from actionhero.messages import Call, Transport
from actionhero.sessions import Session, Sessions
from actionhero.stats import Meter

_EACH = (Connection, Session)
"""What is handed in anew for each call."""


def is_of_call(kind: Any) -> bool:
    """Whether a parameter of this type is handed in as what belongs to the call itself."""
    return kind in _EACH or is_content(kind)


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


class Ready:
    """An action made ready to run: its inputs compiled, its layers wrapped. `versions` are those
    asked for that mean it, however many there are of the action."""

    __slots__ = (
        "action",
        "connections",
        "contents",
        "fixed",
        "handle",
        "inputs",
        "is_plain",
        "is_positional",
        "layers",
        "limit",
        "meter",
        "rate",
        "session_names",
        "sessions",
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
            action.function,
            lambda kind: is_of_call(kind) or provider.provides(kind),
        )
        injected = self.inputs.injected.items()
        self.connections = tuple(name for name, kind in injected if kind is Connection)
        self.session_names = tuple(name for name, kind in injected if kind is Session)
        self.sessions = provider.provide(Sessions) if provider.provides(Sessions) else None
        self.fixed = {
            name: provider.provide(kind) for name, kind in injected if not is_of_call(kind)
        }
        self.contents = Contents(action.function, self.inputs.injected) or None
        self.layers = (*middleware, *action.middleware)
        self.is_positional = not injected and self.inputs.is_positional
        self.handle: Handler = wrap(self._core, self.layers)
        self.rate = action.rate
        self.is_plain = not self.layers and action.rate is None and not self.session_names
        self.versions: tuple[str | None, ...] = (action.version,)
        self.timeout = timeout if action.timeout is None else action.timeout
        self.limit = deadlines.limit(self.timeout)
        self.transports: frozenset[Transport] = action.transports | {"python"}
        self.meter = stats.meter(f"actions:processedActions:{action.name}")

    async def run(self, call: Call, connection: Connection, limits: Limits) -> Any:
        """The action's value, inside its layers. A session that was opened is saved, unless the
        action fails."""
        await self._take(connection, limits)
        invocation = Invocation(self.action, call, connection, self.sessions)
        try:
            value = await self.handle(invocation)
        except ActionHeroError as exc:
            if invocation.opened is not None and exc.side == "theirs":
                await invocation.opened.close()
            raise
        if invocation.opened is not None:
            await invocation.opened.close()
        return value

    def invoke(
        self, call: Call, connection: Connection, session: Session | None = None
    ) -> Coroutine[Any, Any, Any]:
        """Read the inputs and start the function; raises what is wrong with the inputs."""
        running: Coroutine[Any, Any, Any]
        if self.is_positional:
            running = self.action.function(*astuple(self.inputs.read(call.words, call.body)))
            return running
        if self.contents is not None:
            arguments = self._read_all(call, self.contents)
        else:
            arguments = asdict(self.inputs.read(call.words, call.body))
        if self.fixed:
            arguments.update(self.fixed)
        if self.connections:
            for name in self.connections:
                arguments[name] = connection
        for name in self.session_names:
            arguments[name] = session
        running = self.action.function(**arguments)
        return running

    def _read_all(self, call: Call, contents: Contents) -> dict[str, Any]:
        """The arguments out of the inputs and the body; raises all that is wrong with both."""
        arguments: dict[str, Any] = {}
        problems: list[InputProblem] = []
        try:
            arguments = asdict(self.inputs.read(call.words, call.body))
        except InvalidInputError as exc:
            problems.extend(exc.problems)
        try:
            arguments.update(contents.read(call))
        except InvalidInputError as exc:
            problems.extend(exc.problems)
        if problems:
            raise InvalidInputError(tuple(problems))
        return arguments

    async def _core(self, invocation: Invocation) -> Any:
        session = await invocation.session() if self.session_names else None
        return await self.invoke(invocation.call, invocation.connection, session)

    async def _take(self, connection: Connection, limits: Limits) -> None:
        if self.rate is not None and connection.remote_ip:
            await limits.take(self.action.name, connection.remote_ip, self.rate)


class StreamReady(Ready):
    """An action that streams, made ready."""

    __slots__ = ()

    async def open(
        self, call: Call, connection: Connection, limits: Limits, sources: list[object]
    ) -> Any:
        """The values of the action inside its layers, none of them asked for yet. What is to be
        closed at the end is added to `sources`: layers may put values of their own around it."""

        async def core(invocation: Invocation) -> Any:
            session = await invocation.session() if self.session_names else None
            values = self.invoke(invocation.call, invocation.connection, session)
            sources.append(values)
            return values

        await self._take(connection, limits)
        invocation = Invocation(self.action, call, connection, self.sessions)
        value = await wrap(core, self.layers)(invocation)
        if invocation.opened is not None:
            sources.append(invocation.opened.begin_stream())
        return value
