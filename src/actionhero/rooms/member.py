"""A connection in a room.

A member is *live*: it gets each message as it comes. Or it waits: while it joins, and when its
client reads too slowly. Then messages are put by, a few; beyond that they are read from the room's
history when the client can take them again, and what history has forgotten is told to be lost.

`after` is the offset up to which a member that waits has got everything; nothing at or below it is
ever given again.
"""

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any

from actionhero.codec import encode_json
from actionhero.connections import Connection, Hearer
from actionhero.messages import Push
from actionhero.rooms.message import (
    Frame,
    RoomMessage,
    fits,
    message_of,
    pack,
    pack_frame,
)

if TYPE_CHECKING:
    from actionhero.rooms.rules import ReceiveHook

PUT_BY = 100
"""Messages that are kept for a member that waits."""
_log = logging.getLogger("actionhero.rooms")


class Said:
    """A message for the members of one room, which is made into a text once."""

    __slots__ = ("_message", "_receive", "frame", "offset", "push", "room")

    def __init__(self, room: str, frame: Frame, receive: "ReceiveHook | None") -> None:
        self.room = room
        self.frame = frame
        self.offset = frame.offset
        self.push = pack_frame(room, frame)
        self._receive = receive
        self._message: RoomMessage | None = None

    @property
    def is_for_all(self) -> bool:
        """Whether each member gets the same."""
        return self._receive is None and self.frame.envelope.where is None

    def push_for(self, member: "Member") -> Push | None:
        """What a member gets of it."""
        told = self.frame.envelope
        if told.sender == member.id and not member.hears_own:
            return None
        if not fits(member.details, told.where):
            return None
        return self.push if self._receive is None else self._ask(self._receive, member)

    def _ask(self, receive: "ReceiveHook", member: "Member") -> Push | None:
        if self._message is None:
            self._message = message_of(self.room, self.frame)
        try:
            heard = receive(member.attendee.connection, self._message)
            if heard is None or heard is self._message:
                return None if heard is None else self.push
            return pack(self.room, self.frame, encode_json(heard.content))
        except Exception:
            _log.exception(
                "the hook `receive` of room %s failed; the message is dropped", self.room
            )
            return None


class Attendee:
    """A connection that is in rooms, or listens to some. What it says goes out in `order`."""

    __slots__ = ("connection", "hearer", "is_gone", "members", "order")

    def __init__(self, connection: Connection, hearer: Hearer) -> None:
        self.connection = connection
        self.hearer = hearer
        self.members: dict[str, Member] = {}
        self.order = asyncio.Lock()
        self.is_gone = False


class Member:
    """One connection in one room. It waits at first."""

    __slots__ = (
        "after",
        "attendee",
        "details",
        "hear",
        "hears_own",
        "id",
        "is_catching_up",
        "is_gone",
        "is_listener",
        "joined_at",
        "overflowed",
        "waiting",
    )

    def __init__(
        self, attendee: Attendee, details: dict[str, Any], *, is_listener: bool = False
    ) -> None:
        self.attendee = attendee
        self.id = attendee.connection.id
        self.details = details
        self.hear = attendee.hearer.hear
        self.hears_own = attendee.hearer.hears_own
        self.is_listener = is_listener
        self.joined_at = 0
        self.after = 0
        self.is_gone = False
        self.is_catching_up = False
        self.overflowed = False
        self.waiting: deque[Said] | None = deque()
        """What is kept for it; None once it is live."""

    def put_by(self, said: Said) -> None:
        """Keep a message for later, or (there are too many) that there are more."""
        if self.waiting is None or self.overflowed:
            return
        if len(self.waiting) < PUT_BY:
            self.waiting.append(said)
        else:
            self.overflow()

    def overflow(self) -> None:
        """What is kept for it does not suffice: it is to be read from history."""
        self.waiting = deque()
        self.overflowed = True

    def begin_anew(self) -> None:
        """Keep what comes from now on; all before is about to be read from history."""
        self.waiting = deque()
        self.overflowed = False

    def fall_behind(self, after: int) -> None:
        """It cannot take what came behind `after`."""
        self.after = after
        self.overflow()

    def give(self, said: Said) -> bool:
        """Give it a message that it has not got yet; False if it cannot take it."""
        if said.offset <= self.after:
            return True
        push = said.push_for(self)
        if push is not None and not self.hear(push):
            return False
        self.after = said.offset
        return True

    def go_live(self) -> bool:
        """Give it what was kept. False if it must catch up by history."""
        while self.waiting and not self.overflowed:
            if not self.give(self.waiting[0]):
                self.overflow()
                return False
            self.waiting.popleft()
        if self.overflowed:
            return False
        self.waiting = None
        return True
