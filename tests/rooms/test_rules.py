"""What an app says of its rooms."""

import pytest

from actionhero import App
from actionhero.connections import Connection
from actionhero.errors import DefinitionError
from actionhero.rooms import RoomDefinition, RoomMessage, RuleBook
from actionhero.settings import RoomSettings


async def hear_later(_connection: Connection, message: RoomMessage) -> RoomMessage:
    return message


@pytest.mark.parametrize("name", ["", "a b", "a*b", "{a}", "x" * 101])
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(DefinitionError, match="is no room name"):
        RoomDefinition(name)


def test_options_that_cannot_be() -> None:
    with pytest.raises(DefinitionError, match="must not be async"):
        RoomDefinition("r", receive=hear_later)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="0 or more, not -1"):
        RoomDefinition("r", history=-1)


def test_a_room_is_defined_once() -> None:
    app = App("rooms")
    app.room("r")
    with pytest.raises(DefinitionError, match="room 'r' is defined twice"):
        app.room("r")


def test_the_closest_definition_holds() -> None:
    settings = RoomSettings(create=("a", "b"), history=7, history_age=2.0)
    definitions = [
        RoomDefinition("*", announce=True),
        RoomDefinition("staff-*", history=1),
        RoomDefinition("staff-a", history=0, history_age="1m"),
        RoomDefinition("b"),
    ]
    book = RuleBook(definitions, settings)
    kept = {name: book.rules(name).keep for name in ("x", "staff-b", "staff-a", "b")}
    assert kept == {
        "x": (7, 2_000, True),
        "staff-b": (1, 2_000, False),
        "staff-a": (0, 60_000, False),
        "b": (7, 2_000, False),
    }
    assert book.rooms == ("a", "b", "staff-a")
    assert RuleBook((), settings).rules("any").keep == (7, 2_000, False)
    assert repr(definitions[1]) == "<RoomDefinition staff-*>"
