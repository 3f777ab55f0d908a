"""The values that pass between the floors: a `Call` going in, a `Reply` coming out.

A call carries its inputs in up to two forms, because they are read by different rules: `words`
are texts (path, query, form, command line) and are converted leniently; `body` is JSON and is
read strictly.
"""

from typing import Any, Literal, TypeAlias

from msgspec import Struct

from actionhero.errors import ActionHeroError

Transport: TypeAlias = Literal["http", "websocket", "tcp", "terminal", "mcp", "task", "python"]
"""Where a call comes from. "python" is the program itself (`await hello(...).run()`): every
action serves it, so it is none of those that `transports=` takes."""

TRANSPORTS: frozenset[Transport] = frozenset(
    ("http", "websocket", "tcp", "terminal", "mcp", "task")
)

Words: TypeAlias = dict[str, str | list[str]]
"""Inputs as text. A name given more than once has the list of its values, in order."""


class Call(Struct, frozen=True, gc=False):
    """A request to run an action. `version` None asks for the newest."""

    action: str
    words: Words = {}
    body: bytes | None = None
    version: str | None = None
    request_id: str = ""

    def log_fields(self) -> dict[str, str]:
        """What a line that is logged while it runs says of it."""
        return {"action": self.action, "request_id": self.request_id}


class Reply(Struct, frozen=True):
    """What an action answered: a value, or an error that the client may see."""

    value: Any = None
    error: ActionHeroError | None = None
