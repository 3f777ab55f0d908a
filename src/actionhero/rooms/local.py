"""A room as this server has it: its members here, and how far they have come.

Messages come by publish and subscribe, in order; each has the offset behind the one before. If one
does not, some were missed, and the room is to be healed from the store's history.
"""

import asyncio
from collections.abc import Iterable

from actionhero.messages import Push
from actionhero.rooms.member import Member, Said
from actionhero.rooms.message import Frame, pack_destroyed, pack_lost
from actionhero.rooms.rules import Rules
from actionhero.store.room_scripts import Position

TURN = 500
"""Members that are told in one turn of the loop; others come in between."""
_EARLY = 1_000
"""Messages that are kept while the first member joins."""


class LocalRoom:
    """A room that has members here. Without an `epoch`, its first one is still joining."""

    __slots__ = (
        "_early",
        "channel",
        "epoch",
        "heard",
        "members",
        "name",
        "offset",
        "opening",
        "rules",
    )

    def __init__(self, name: str, channel: str, rules: Rules) -> None:
        self.name = name
        self.channel = channel
        self.rules = rules
        self.members: dict[str, Member] = {}
        self.opening: asyncio.Task[None]
        self.epoch: str | None = None
        self.offset = 0
        self.heard = 0
        """The highest offset that was heard of; beyond `offset`, the room is to be healed."""
        self._early: list[Frame] = []

    @property
    def position(self) -> Position:
        """How far it has come."""
        return Position(self.epoch or "", self.offset)

    @property
    def joined(self) -> list[Member]:
        """The members that the store knows."""
        return [member for member in self.members.values() if member.joined_at]

    def place(self, position: Position) -> bool:
        """Its first member has joined there. False if it is another room by now."""
        if self.epoch is None:
            self.epoch, self.offset, _ = position
            early, self._early = self._early, []
            for frame in early:
                if frame.epoch == self.epoch and frame.offset == self.offset + 1:
                    self.offset = frame.offset
                    self._put_by(self.said(frame))
            if len(early) == _EARLY or any(frame.offset > self.offset for frame in early):
                self.heard = self.offset + 1
        return self.epoch == position.epoch

    def said(self, frame: Frame) -> Said:
        """A frame for the members here."""
        return Said(self.name, frame, self.rules.receive)

    async def take(self, frame: Frame, *, is_next: bool = False) -> bool:
        """Tell the members. `is_next`: history says that nothing is between the last one and this.
        False if something is missing, or it is another room by now."""
        if self.epoch is None:
            if len(self._early) < _EARLY:
                self._early.append(frame)
            return True
        if frame.epoch != self.epoch:
            return False
        self.heard = max(self.heard, frame.offset)
        if frame.offset <= self.offset:
            return True
        if not is_next and frame.offset != self.offset + 1:
            return False
        before, self.offset = self.offset, frame.offset
        await self._tell(self.said(frame), before)
        return True

    async def _tell(self, said: Said, before: int) -> None:
        members = list(self.members.values())
        for at in range(0, len(members), TURN):
            if at:
                await asyncio.sleep(0)
            tell = _tell_same if said.is_for_all else _tell_each
            tell(members[at : at + TURN], said, before)

    def _put_by(self, said: Said) -> None:
        for member in self.members.values():
            member.put_by(said)

    def lose(self, offset: int) -> None:
        """Tell the members that something up to there is lost to them; but not if they are further:
        then a store that crashed has forgotten what they have."""
        before, self.offset = self.offset, offset
        if offset < before:
            return
        self.heard = max(self.heard, offset)
        push = lost(self, offset)
        for member in list(self.members.values()):
            if member.waiting is not None:
                member.overflow()  # it will read history, and find that out itself
            elif member.after < offset and not member.hear(push):
                member.fall_behind(before)

    def end(self) -> None:
        """Tell the members that there is no such room any more."""
        push = pack_destroyed(self.name)
        for member in self.members.values():
            member.is_gone = True
            member.hear(push)


def _tell_same(members: Iterable[Member], said: Said, before: int) -> None:
    push, sender, offset = said.push, said.frame.envelope.sender, said.offset
    for member in members:
        if member.waiting is not None:
            member.put_by(said)
        elif (
            member.is_gone
            or offset <= member.after
            or (member.id == sender and not member.hears_own)
        ):
            continue
        elif not member.hear(push):
            member.fall_behind(before)


def _tell_each(members: Iterable[Member], said: Said, before: int) -> None:
    for member in members:
        if member.waiting is not None:
            member.put_by(said)
        elif member.is_gone or said.offset <= member.after:
            continue
        elif (push := said.push_for(member)) is not None and not member.hear(push):
            member.fall_behind(before)


def lost(room: LocalRoom, offset: int) -> Push:
    """Tells one member what it has missed for good."""
    return pack_lost(room.name, room.epoch or "", offset)
