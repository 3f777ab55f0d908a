"""Rooms: connections that hear each other, on whichever servers they are."""

from actionhero.rooms.hall import Joined
from actionhero.rooms.message import RoomMessage
from actionhero.rooms.rooms import RoomPage, Rooms, RoomView
from actionhero.rooms.rules import RoomDefinition, RuleBook
from actionhero.store.room_scripts import Position

__all__ = [
    "Joined",
    "Position",
    "RoomDefinition",
    "RoomMessage",
    "RoomPage",
    "RoomView",
    "Rooms",
    "RuleBook",
]
