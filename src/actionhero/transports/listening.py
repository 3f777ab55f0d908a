"""Why a port cannot be listened on, and what to do about it: the same for every transport."""

import errno
import socket

from msgspec import Struct


class Place(Struct, frozen=True):
    """A port that was asked for, and the names of its settings: `port_flag`, `port_variable`, and
    where the address is set."""

    transport: str
    host: str
    port: int
    port_flag: str
    port_variable: str
    host_setting: str


def why_not(error: Exception, place: Place) -> str:
    """What went wrong at `place`, for a person."""
    where = f"port {place.port} on {place.host}"
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return (
            f"{where} is in use by another program; stop that, or choose another port "
            f"with {place.port_flag} or {place.port_variable}"
        )
    if number == errno.EACCES:
        return (
            f"{where} may not be opened by this user; choose a port above 1023 ({place.port_flag})"
        )
    if (
        number == errno.EADDRNOTAVAIL
        or isinstance(error, socket.gaierror)
        or "could not bind on any address" in str(error)  # asyncio since 3.13
    ):
        return f"{place.host} is not an address of this machine; see {place.host_setting}"
    return f"{place.transport} cannot listen on {where}: {error}"
