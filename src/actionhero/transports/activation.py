"""Sockets that somebody else opened for us: socket activation, as systemd does it.

The service manager listens, also while no server runs, and hands its sockets on: `LISTEN_FDS` of
them from descriptor 3 on, meant for the process `LISTEN_PID`, called `LISTEN_FDNAMES`
(sd_listen_fds(3)).
"""

import contextlib
import os
import socket
from collections.abc import MutableMapping, Sequence

from actionhero.errors import ListenError

_FIRST = 3
_VARIABLES = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")


def take_sockets(
    parts: Sequence[str], variables: MutableMapping[str, str] | None = None
) -> dict[str, list[socket.socket]]:
    """The sockets that were handed over, by the part of the server that they are for; empty if
    none were. They are taken once: no child of this process shall take them for its own.

    By their names, if any of them has the name of one of `parts`, else one for each in that order.
    Raises `ListenError` for what cannot be listened on.
    """
    environ = os.environ if variables is None else variables
    given = {name: environ.get(name, "") for name in _VARIABLES}
    if given["LISTEN_PID"] != str(os.getpid()) or not given["LISTEN_FDS"].isdecimal():
        return {}
    for name in _VARIABLES:
        environ.pop(name, None)
    count = int(given["LISTEN_FDS"])
    names = given["LISTEN_FDNAMES"].split(":") if given["LISTEN_FDNAMES"] else []
    sockets: dict[str, list[socket.socket]] = {}
    for number, part in enumerate(_parts_of(names, count, parts)):
        sockets.setdefault(part, []).append(_adopt(_FIRST + number, part))
    return sockets


def _parts_of(names: list[str], count: int, parts: Sequence[str]) -> list[str]:
    if not set(names) & set(parts):
        if count > len(parts):
            raise ListenError(
                f"{count} sockets were handed over, and there are only {' and '.join(parts)} to "
                "listen; tell which is which by FileDescriptorName="
            )
        return list(parts[:count])
    strange = [name for name in names if name not in parts]
    if strange or len(names) != count:
        raise ListenError(
            f"a socket was handed over for {', '.join(strange) or 'nothing'}; "
            f"FileDescriptorName= must be one of {', '.join(parts)}"
        )
    return names


def _adopt(descriptor: int, part: str) -> socket.socket:
    """The socket of a descriptor; its own, not one that a child would inherit."""
    try:
        os.set_inheritable(descriptor, False)
        sock = socket.socket(fileno=descriptor)
    except OSError as exc:
        raise ListenError(f"descriptor {descriptor}, handed over for {part}, is no socket") from exc
    with contextlib.suppress(OSError):
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return sock
    sock.detach()
    raise ListenError(
        f"the socket handed over for {part} does not listen; use ListenStream= with Accept=no"
    )
