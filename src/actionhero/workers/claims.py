"""What a lane holds: claims, and how they are settled with the next tick."""

from collections.abc import Callable
from typing import Final, Optional

from msgspec import Struct

from actionhero.store.link import Arg
from actionhero.tasks.outcomes import (
    DONE,
    GIVEN_BACK,
    Cancelled,
    Discarded,
    Done,
    Failed,
    GivenBack,
    Lapsed,
    Outcome,
    Parked,
    Retrying,
)
from actionhero.tasks.record import FLAG, KIND, NO_FLAG, ONCE


class Claim(Struct, eq=False, gc=False):
    """One task that the store gave to us. `token` proves it when it is settled."""

    id: bytes
    token: str
    record: bytes
    troubles: bytes | None
    tell: Optional["Teller"] = None
    """Where to say something of its progress."""
    is_dropped: bool = False
    """Whether somebody else has it now; what it still does counts for nothing."""
    is_in_thread: bool = False
    """Whether a thread works on it, which cannot be stopped."""
    is_cancelled: bool = False
    """Whether somebody cancelled it while it ran."""
    has_progress: bool = False
    """Whether it said something of its progress, which is to be forgotten with it."""


Teller = Callable[[Claim, float, str], None]
Settled = tuple[Claim, Outcome]
_WHAT: Final = {
    Done: "d",
    Retrying: "r",
    Failed: "f",
    Discarded: "c",
    Cancelled: "c",
    Parked: "x",
    GivenBack: "b",
    Lapsed: "l",
}


class Settlements:
    """The outcomes that wait for the next tick."""

    __slots__ = ("gives_back", "others", "plain")

    def __init__(self) -> None:
        self.plain: list[Claim] = []
        self.others: list[Settled] = []
        self.gives_back = False
        """Whether tasks go back to the queue: then the same tick must not claim them again."""

    @property
    def is_any(self) -> bool:
        """Whether there are any."""
        return bool(self.plain or self.others)

    @property
    def count(self) -> int:
        """How many."""
        return len(self.plain) + len(self.others)

    def add(self, claim: Claim, outcome: Outcome) -> None:
        """Settle a claim so."""
        record = claim.record
        if (
            outcome is DONE
            and record[KIND] == ONCE
            and record[FLAG] == NO_FLAG
            and claim.troubles is None
            and not claim.has_progress
        ):
            self.plain.append(claim)  # there is nothing to do about it but to forget it
        else:
            self.others.append((claim, outcome))
            if outcome is GIVEN_BACK or isinstance(outcome, Lapsed):
                self.gives_back = True

    def claims(self) -> list[Claim]:
        """All that are settled."""
        return [*self.plain, *(claim for claim, _ in self.others)]

    def args(self) -> list[Arg]:
        """The part of a tick's arguments that says all this."""
        groups: dict[str, list[bytes]] = {}
        for claim in self.plain:
            groups.setdefault(claim.token, []).append(claim.id)
        args: list[Arg] = [len(groups)]
        for token, ids in groups.items():
            args += (token, len(ids), *ids)
        args.append(len(self.others))
        for claim, outcome in self.others:
            amount, text = _details(outcome)
            args += (_WHAT[type(outcome)], claim.id, claim.token, amount, text)
        return args


def _details(outcome: Outcome) -> tuple[int, bytes]:
    match outcome:
        case Retrying(delay, error):
            return round(delay * 1000), error
        case Failed(text) | Discarded(text) | Parked(text) | Done(text) | Lapsed(text):
            return 0, text
    return 0, b""
