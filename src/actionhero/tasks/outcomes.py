"""How a run of a task ends: values, matched once, by the lane that settles them."""

import traceback
from typing import Final, TypeAlias

from msgspec import Struct

from actionhero.codec import encode_json

_MESSAGE = 2_000
_TRACEBACK = 8_000
"""Characters kept of an error. A dead letter is for people, and there may be many."""


class Done(Struct, frozen=True):
    """It returned. `kept` is what the store keeps of that, if its record asks for it: a member
    `"result":…` or `"error":…` of a JSON object."""

    kept: bytes = b""


class Retrying(Struct, frozen=True):
    """It raised, and runs again in `delay` seconds."""

    delay: float
    error: bytes


class Failed(Struct, frozen=True):
    """It raised, and is not retried: a dead letter."""

    error: bytes


class Discarded(Struct, frozen=True):
    """It raised `Discard`: it ends as cancelled, without a dead letter."""

    reason: bytes


class Cancelled(Struct, frozen=True):
    """Somebody cancelled it while it ran."""


class Parked(Struct, frozen=True):
    """It could not even be tried: a dead letter that counts no attempt."""

    reason: bytes


class GivenBack(Struct, frozen=True):
    """It did not run, or was interrupted by our own leaving; it is for somebody else."""


class Lapsed(Struct, frozen=True):
    """The child process that ran it died under it: it goes back, or fails after too many."""

    error: bytes


Outcome: TypeAlias = Done | Retrying | Failed | Discarded | Cancelled | Parked | GivenBack | Lapsed

DONE: Final = Done()
GIVEN_BACK: Final = GivenBack()
CANCELLED: Final = Cancelled()


def describe_error(error: BaseException) -> bytes:
    """An error as a dead letter keeps it: JSON with `type`, `message` and `traceback`.

    Never raises: an error may have a text that is no text, or fail to tell it.
    """
    try:
        message, trace = str(error), "".join(traceback.format_exception(error))
    except Exception as exc:
        message, trace = f"(its message cannot be shown: {type(exc).__name__})", ""
    return encode_json(
        {
            "type": type(error).__name__,
            "message": _encodable(message[:_MESSAGE]),
            "traceback": _encodable(trace[-_TRACEBACK:]),
        }
    )


def _encodable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
