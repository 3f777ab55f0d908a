"""The values that pass between the floors: a `Call` going in, a `Reply` coming out.

A call carries its inputs in up to two forms, because they are read by different rules: `words`
are texts (path, query, form, command line) and are converted leniently; `body` is JSON and is
read strictly.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct

from actionhero.errors import ActionHeroError
from actionhero.tracing import make_origin, origin_fields, read_traceparent

Transport: TypeAlias = Literal["http", "websocket", "tcp", "terminal", "mcp", "task", "python"]
"""Where a call comes from. "python" is the program itself (`await hello(...).run()`): every
action serves it, so it is none of those that `transports=` takes."""

TRANSPORTS: frozenset[Transport] = frozenset(
    ("http", "websocket", "tcp", "terminal", "mcp", "task")
)

Words: TypeAlias = dict[str, str | list[str]]
"""Inputs as text. A name given more than once has the list of its values, in order."""


class Call(Struct, frozen=True, gc=False):
    """A request to run an action. `version` None asks for the newest. `headers` are those of the
    HTTP request, by their names in lower case; a `traceparent` among them is only looked at when
    a line is logged or a task enqueued. `content` is what the request brings beside its inputs
    (see `uploads`): its body as it is, or files by the names of their fields."""

    action: str
    words: Words = {}
    body: bytes | None = None
    version: str | None = None
    request_id: str = ""
    headers: Mapping[bytes, bytes] | None = None
    content: object = None

    def log_fields(self) -> dict[str, str]:
        """What a line that is logged while it runs says of it."""
        trace = origin_fields(self._traceparent()) if self.headers else {}
        return {"action": self.action, "request_id": self.request_id, **trace}

    def origin(self) -> str | None:
        """Where the tasks come from that it enqueues; see `tracing`."""
        return make_origin(self._traceparent(), self.request_id)

    def _traceparent(self) -> str | None:
        return read_traceparent(self.headers.get(b"traceparent")) if self.headers else None


class Reply(Struct, frozen=True):
    """What an action answered: a value, or an error that the client may see."""

    value: Any = None
    error: ActionHeroError | None = None


class Event(Struct, frozen=True):
    """A value of a streaming action that has an `id`, by which a client says later how far it had
    come (`connection.last_event_id`), or the name of a kind of `event`.

    Raises `ValueError` for what would end the line it is sent in, and for the names "end" and
    "error", by which the server says how a stream has ended.
    """

    data: Any
    id: str | int | None = None
    event: str | None = None

    def __post_init__(self) -> None:
        for text in (str(self.id), str(self.event)):
            if any(sign in text for sign in "\r\n\0"):
                raise ValueError(f"an event cannot be called {text!r}: it has a CR, LF or NUL")
        if self.event in ENDINGS:
            raise ValueError(f"an event cannot be called {self.event!r}: that ends a stream")


ENDINGS = frozenset(("end", "error"))


class Push:
    """A text that goes to many clients unasked. Each transport makes its own form of it once."""

    __slots__ = ("_forms", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._forms: dict[Hashable, bytes] = {}

    def form(self, kind: Hashable, make: Callable[[bytes], bytes]) -> bytes:
        """What `make` makes of the text; it is asked once for each kind."""
        form = self._forms.get(kind)
        if form is None:
            form = self._forms[kind] = make(self.text)
        return form
