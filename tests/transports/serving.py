"""What the transports' tests serve: a dispatcher with a few actions, and a public folder."""

import asyncio
import time
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from actionhero.actions.action import Action, ActionVersions
from actionhero.actions.dispatch import Dispatcher
from actionhero.connections import Connection
from actionhero.deadlines import Deadlines
from actionhero.errors import ActionError
from actionhero.limits import Limits
from actionhero.rooms import Rooms
from actionhero.telemetry import current_fields
from actionhero.transports.files import FoundFile, find_file
from tests.counting import Counts
from tests.transports.gate import Gate
from tests.transports.streams import STREAMS

PATIENCE = 10.0
"""Seconds that anything may take before a test fails."""


class Provider:
    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def provides(self, kind: Any) -> bool:
        return kind is Gate

    def provide(self, kind: Any) -> Any:
        return self._gate


class NoRooms(Rooms):
    def __init__(self) -> None:
        """Rooms that nobody enters."""

    def catch_up(self, connection: Connection) -> None:
        """Nobody is in a room."""

    def depart(self, connection: Connection) -> None:
        """Nobody was."""


NO_ROOMS = NoRooms()


class NoLimits(Limits):
    def __init__(self) -> None:
        """Limits that nobody reaches."""


async def hello(name: str, excited: bool = False) -> dict[str, str]:
    """Say hello."""
    return {"greeting": f"Hello, {name}{'!' if excited else '.'}"}


async def wait(gate: Gate, size: int = 1) -> dict[str, str]:
    await gate.pass_through()
    return {"waited": "x" * size}


async def number() -> int:
    return 42


async def nothing() -> None:
    return None


async def empty() -> dict[str, str]:
    return {}


async def refuse() -> None:
    raise ActionError("you may not", code="forbidden", status=403)


async def broken() -> None:
    raise RuntimeError("a secret")


async def unencodable() -> dict[str, object]:
    return {"it": object()}


async def surrogate() -> None:
    raise ActionError("\ud800")


async def numbers(tags: list[int], deep: dict[str, int] | None = None) -> list[int]:
    return tags


async def whoami(connection: Connection) -> dict[str, object]:
    return {"id": connection.id, "transport": connection.transport, "ip": connection.remote_ip}


async def task() -> int:
    return id(asyncio.current_task())


class Incomparable:
    def __eq__(self, other: object) -> bool:
        raise ValueError("no")

    __hash__ = None  # type: ignore[assignment]


_variable: ContextVar[object] = ContextVar("left")
_incomparable: ContextVar[object] = ContextVar("incomparable")


async def leave_variable() -> str:
    found = _variable.get("clean")
    _variable.set("left by another call")
    return str(found)


async def leave_incomparable() -> str:
    found = _incomparable.get("clean")
    _incomparable.set(Incomparable())
    return str(found)


async def leave_cancelled() -> str:
    current = asyncio.current_task()
    assert current is not None
    found = "cancelled" if current.cancelling() else "clean"
    current.cancel()
    return found


async def sleep() -> str:
    await asyncio.sleep(0)
    return "slept"


async def logged() -> object:
    return current_fields().get("action")


async def second(value: int = 2) -> dict[str, int]:
    return {"version": value}


FUNCTIONS: tuple[Callable[..., Any], ...] = (
    hello,
    wait,
    number,
    nothing,
    empty,
    refuse,
    broken,
    unencodable,
    surrogate,
    numbers,
    whoami,
    task,
    leave_variable,
    leave_incomparable,
    leave_cancelled,
    sleep,
    logged,
    second,
    *STREAMS,
)


class Served:
    """A dispatcher with all that a transport needs beside it."""

    def __init__(self, public: Path) -> None:
        self.public = public
        self.gate = Gate()
        self.stats = Counts()
        actions = [Action(function) for function in FUNCTIONS]
        versions = {action.name: ActionVersions([action]) for action in actions}
        versions["second"] = ActionVersions(
            [Action(number, name="second"), Action(second, version=2)]
        )
        self.dispatcher = Dispatcher(
            versions,
            provider=Provider(self.gate),
            middleware=(),
            deadlines=Deadlines(asyncio.get_running_loop()),
            limits=NoLimits(),
            stats=self.stats,
            default_timeout=30.0,
        )

    async def find_file(self, name: str) -> FoundFile:
        return await asyncio.to_thread(find_file, self.public, name)

    def documentation(self) -> object:
        return [{"name": function.__name__} for function in FUNCTIONS]

    @property
    def guide(self) -> dict[str, Any]:
        """What a transport is made with, beside its settings and the dispatcher."""
        return {
            "rooms": NO_ROOMS,
            "stats": self.stats,
            "welcome": "Welcome",
            "find_file": self.find_file,
            "documentation": self.documentation,
        }


async def eventually(is_so: Callable[[], bool]) -> None:
    """Wait until `is_so`; fails after `PATIENCE`."""
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end, "it never came to be"
        await asyncio.sleep(0.002)
