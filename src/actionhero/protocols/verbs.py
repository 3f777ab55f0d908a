"""What a client of a connection that stays can ask for beside actions: TCP's verbs.

A verb takes the client and the rest of its line, and gives the fields of its reply. What needs I/O
(`file`, `documentation`, `quit`) is the transports' own. The dict of a client's parameters is never
changed, only replaced: calls that run still hold the one of their line.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from actionhero.errors import MalformedError, TooLargeError


class Client(Protocol):
    """A connection, as far as the verbs know it. `connected_at` is in seconds since the epoch."""

    params: dict[str, Any]
    rooms: list[str]
    remote_ip: str
    remote_port: int
    connected_at: float
    total_actions: int
    pending_actions: int

    @property
    def id(self) -> str:
        """Unique across the cluster."""
        ...


class Limits(Struct, frozen=True):
    """What a client may store: how many sticky parameters, and how many characters in all."""

    params: int
    size: int


Fields: TypeAlias = dict[str, Any]
Verb: TypeAlias = Callable[[Client, str, Limits], Fields]


def view_details(client: Client) -> Fields:
    """Who the client is. `details` is v4.1.0's way to say it, `data` that of the later versions;
    one client looks for `details.data`."""
    connected_at = round(client.connected_at * 1000)
    data = {
        "id": client.id,
        "fingerprint": client.id,
        "remoteIP": client.remote_ip,
        "remotePort": client.remote_port,
        "params": client.params,
        "connectedAt": connected_at,
        "rooms": client.rooms,
        "totalActions": client.total_actions,
        "pendingActions": client.pending_actions,
    }
    details = {
        "params": client.params,
        "public": {"id": client.id, "connectedAt": connected_at},
        "room": current_room(client),
        "totalActions": client.total_actions,
        "pendingActions": client.pending_actions,
        "data": data,
    }
    return {"data": data, "details": details}


def current_room(client: Client) -> str | None:
    """The room that a client joined first, or None."""
    return client.rooms[0] if client.rooms else None


def read_room(rest: str, verb: str) -> tuple[str, tuple[str, int] | None]:
    """The room that a verb names, and (`roomAdd room epoch offset`) from where to go on. Raises
    `MalformedError`."""
    room, *since = rest.split() or [""]
    if not since:
        return room, None
    if len(since) != 2 or not since[1].isdecimal() or len(since[1]) > 18:
        raise MalformedError(f"write `{verb} room`, or `roomAdd room epoch offset` to go on there")
    return room, (since[0], int(since[1]))


def read_say(client: Client, rest: str) -> tuple[str, str]:
    """Where something is said and what: `say room text` for a room the client is in, else
    `say text` for its current one. Raises `MalformedError`."""
    first, _, text = rest.partition(" ")
    if first in client.rooms:
        return first, text
    room = current_room(client)
    if room is None:
        raise MalformedError("this connection is in no room; write `roomAdd room` first")
    return room, rest


def _details_view(client: Client, _rest: str, _limits: Limits) -> Fields:
    return view_details(client)


def _param_add(client: Client, rest: str, limits: Limits) -> Fields:
    name, sign, value = rest.partition("=")
    name = name.strip()
    if not sign or not name or " " in name:
        raise MalformedError("write `paramAdd name=value`")
    params = {**client.params, name: value.strip()}
    if len(params) > limits.params:
        raise TooLargeError(f"a connection may have {limits.params} parameters; delete some")
    if sum(len(key) + len(text) for key, text in params.items()) > limits.size:
        raise TooLargeError(f"the parameters of a connection may have {limits.size} characters")
    client.params = params
    return {}


def _param_delete(client: Client, rest: str, _limits: Limits) -> Fields:
    name = _one_name(rest, "paramDelete")
    client.params = {key: value for key, value in client.params.items() if key != name}
    return {}


def _params_delete(client: Client, _rest: str, _limits: Limits) -> Fields:
    client.params = {}
    return {}


def _param_view(client: Client, rest: str, _limits: Limits) -> Fields:
    name = _one_name(rest, "paramView")
    value = client.params.get(name)
    return {"params": {name: value}, "data": value}


def _params_view(client: Client, _rest: str, _limits: Limits) -> Fields:
    return {"params": client.params, "data": client.params}


def _one_name(rest: str, verb: str) -> str:
    if not rest or " " in rest:
        raise MalformedError(f"write `{verb} name`")
    return rest


VERBS: Mapping[str, Verb] = {
    "paramAdd": _param_add,
    "paramDelete": _param_delete,
    "paramsDelete": _params_delete,
    "paramView": _param_view,
    "paramsView": _params_view,
    "detailsView": _details_view,
}
"""Every verb that needs no I/O, by its name in the line."""
