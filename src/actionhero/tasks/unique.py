"""Unique tasks: of a type, one stands for each key.

A key is the type and a digest of some of the parameters, or of all. The store keeps key → id while
the task waits or runs. What comes of another one with the same key is the type's mode:

- `drop`: the one that stands stays as it is.
- `replace`: while it waits, it gets the new parameters; its id, place and time stay.
- `debounce`: the same, and its time starts anew, unless it has come already.

While the one that stands runs, `drop` drops, and the others enqueue a new one, which stands then. A
dead letter stands for nothing.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Final, Literal, get_args

import msgspec

from actionhero.codec import decode_json

UniqueMode = Literal["drop", "replace", "debounce"]
MODES: Final[tuple[str, ...]] = get_args(UniqueMode)


class UniqueRule:
    """How the tasks of one type are unique: the mode, and the parameters that count."""

    __slots__ = ("_by", "_name", "mode")

    def __init__(self, name: str, mode: UniqueMode, by: Sequence[str] = ()) -> None:
        self.mode = mode
        self._name = name
        self._by = tuple(sorted(by))

    def key(self, params: bytes) -> str:
        """The key of a task with these parameters (JSON)."""
        values: dict[str, Any] = decode_json(params)
        if self._by:
            values = {name: values.get(name) for name in self._by}
        text = msgspec.json.encode(values, order="sorted")
        return f"{self._name}:{hashlib.blake2b(text, digest_size=16).hexdigest()}"
