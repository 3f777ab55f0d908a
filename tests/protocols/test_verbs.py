from typing import Any

import pytest

from actionhero.connections import Connection
from actionhero.errors import MalformedError, TooLargeError
from actionhero.protocols.verbs import (
    VERBS,
    Fields,
    Limits,
    current_room,
    read_room,
    read_say,
    view_details,
)

LIMITS = Limits(params=3, size=20)


@pytest.fixture
def client() -> Connection:
    return Connection("tcp", "127.0.0.1", 5001)


def do(client: Connection, line: str, limits: Limits = LIMITS) -> Fields:
    verb, _, rest = line.partition(" ")
    return VERBS[verb](client, rest, limits)


def test_params_are_added_viewed_and_deleted(client: Connection) -> None:
    assert do(client, "paramAdd name=Ada") == {}
    assert do(client, "paramAdd a=b=c") == {}
    assert do(client, "paramView name") == {"params": {"name": "Ada"}, "data": "Ada"}
    assert do(client, "paramsView") == {
        "params": {"name": "Ada", "a": "b=c"},
        "data": {"name": "Ada", "a": "b=c"},
    }
    assert do(client, "paramDelete name") == {}
    assert do(client, "paramDelete name") == {}
    assert do(client, "paramView name") == {"params": {"name": None}, "data": None}
    assert do(client, "paramsDelete") == {}
    assert client.params == {}


@pytest.mark.parametrize(
    ("line", "value"),
    [("paramAdd k=", ""), ("paramAdd k=two words", "two words"), ("paramAdd k =v", "v")],
)
def test_values_of_params(client: Connection, line: str, value: str) -> None:
    do(client, line)
    assert client.params == {"k": value}


@pytest.mark.parametrize(
    "line",
    [
        "paramAdd",
        "paramAdd k",
        "paramAdd =v",
        "paramAdd a b=c",
        "paramDelete",
        "paramView",
        "paramView a b",
    ],
)
def test_malformed_verbs_are_told_how_to_be(client: Connection, line: str) -> None:
    with pytest.raises(MalformedError, match="write `param"):
        do(client, line)
    assert client.params == {}


def test_params_are_bounded_in_number(client: Connection) -> None:
    for name in "abc":
        do(client, f"paramAdd {name}=1")
    do(client, "paramAdd a=2")
    with pytest.raises(TooLargeError, match="3 parameters"):
        do(client, "paramAdd d=1")
    assert client.params == {"a": "2", "b": "1", "c": "1"}


def test_params_are_bounded_in_size(client: Connection) -> None:
    do(client, "paramAdd a=" + "x" * 10)
    do(client, "paramAdd a=" + "x" * 19)
    with pytest.raises(TooLargeError, match="20 characters"):
        do(client, "paramAdd b=x")
    assert client.params == {"a": "x" * 19}


@pytest.mark.parametrize("line", ["paramAdd b=2", "paramDelete a", "paramsDelete"])
def test_the_params_of_a_running_call_do_not_change(client: Connection, line: str) -> None:
    do(client, "paramAdd a=1")
    running: dict[str, Any] = client.params
    do(client, line)
    assert running == {"a": "1"}


def test_details(client: Connection) -> None:
    client.total_actions = 3
    client.pending_actions = 1
    fields = view_details(client)
    assert fields == VERBS["detailsView"](client, "", LIMITS)
    data, details = fields["data"], fields["details"]
    assert data == {
        "id": client.id,
        "fingerprint": client.id,
        "remoteIP": "127.0.0.1",
        "remotePort": 5001,
        "params": {},
        "connectedAt": round(client.connected_at * 1000),
        "rooms": [],
        "totalActions": 3,
        "pendingActions": 1,
    }
    assert details["data"] == data
    assert details["room"] is None
    assert details["public"] == {"id": client.id, "connectedAt": data["connectedAt"]}
    assert (details["params"], details["totalActions"], details["pendingActions"]) == ({}, 3, 1)


def test_the_current_room(client: Connection) -> None:
    assert current_room(client) is None
    client.rooms = ["first", "second"]
    assert current_room(client) == "first"


@pytest.mark.parametrize(
    ("rest", "read"),
    [("r", ("r", None)), ("", ("", None)), ("r e1 12", ("r", ("e1", 12)))],
)
def test_a_room_and_where_to_go_on(rest: str, read: object) -> None:
    assert read_room(rest, "roomAdd") == read


@pytest.mark.parametrize("rest", ["r e1", "r e1 x", "r e1 1 2", "r e1 -1", f"r e1 {10**18}"])
def test_a_room_that_is_not_well_named(rest: str) -> None:
    with pytest.raises(MalformedError, match="write `roomAdd room`"):
        read_room(rest, "roomAdd")


def test_where_something_is_said(client: Connection) -> None:
    with pytest.raises(MalformedError, match="in no room"):
        read_say(client, "hello there")
    client.rooms = ["first", "second"]
    assert read_say(client, "hello  there") == ("first", "hello  there")
    assert read_say(client, "second hello there") == ("second", "hello there")
    assert read_say(client, "") == ("first", "")
