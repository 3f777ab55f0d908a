"""Where a transport listens: a port or a unix socket, opened or why not, and what to do about it.

- A unix socket that a dead server left behind is replaced; one that somebody answers on is not,
  and neither is a file. The folder is locked meanwhile, so that of two servers that start at once
  one is told. Its mode is set before anybody can connect.
- Whoever opened a unix socket removes it, unless another has taken its place and answers there.
"""

import contextlib
import errno
import fcntl
import os
import socket
import stat
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from actionhero.errors import ListenError
from actionhero.settings import TcpSettings, WebSettings

BACKLOG = 2048
UNIX = "unix:"
"""What the address of a unix socket begins with; its path follows."""
_LONGEST_PATH = 107  # bytes; sun_path of unix(7), less its end


class Place(Struct, frozen=True):
    """Where to listen, and the names of its settings: `port_flag`, `port_variable`, and where the
    address is set. `mode` is that of a unix socket."""

    transport: str
    host: str
    port: int
    port_flag: str
    port_variable: str
    host_setting: str
    mode: str = "660"

    @property
    def path(self) -> str:
        """The path of a unix socket; empty for a port."""
        return self.host.removeprefix(UNIX) if self.host.startswith(UNIX) else ""


class Address(Struct, frozen=True):
    """What is really listened on: a host and port, or the path of a unix socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"{UNIX}{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Doors:
    """The sockets that a transport listens on; `are_shared`: other servers may, too. Closing them
    does what is to be done when nobody listens any more."""

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        *,
        are_shared: bool = False,
        remove: Callable[[], None] = lambda: None,
    ) -> None:
        self.sockets = list(sockets)
        self.are_shared = are_shared
        self.address = _address_of(self.sockets[0])
        self._remove = remove

    def close(self) -> None:
        for sock in self.sockets:
            sock.close()
        self._remove()


def given_doors(sockets: Sequence[socket.socket]) -> Doors | None:
    """Doors that somebody else opened, who also closes them for good; None without any."""
    return Doors(sockets, are_shared=True) if sockets else None


def open_doors(place: Place, reuse_port: bool = False) -> Doors:
    """Listen at `place`. Raises `ListenError` with what to do about it."""
    try:
        if place.path:
            return _open_unix(place)
        return Doors(_open_ports(place, reuse_port))
    except (OSError, OverflowError, ValueError) as exc:  # a path with a NUL, a name with odd signs
        raise ListenError(why_not(exc, place)) from exc


def why_not(error: Exception, place: Place) -> str:
    """What went wrong at `place`, for a person."""
    if place.path:
        return _why_not_unix(error, place)
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
    if number == errno.EADDRNOTAVAIL or isinstance(error, (socket.gaierror, UnicodeError)):
        return f"{place.host} is not an address of this machine; see {place.host_setting}"
    return f"{place.transport} cannot listen on {where}: {error}"


@contextlib.contextmanager
def reserved_port(place: Place) -> Iterator[int]:
    """Keep a port for servers that will share it; 0 takes a free one. Raises `ListenError`.

    It is bound but not listened on, and refused if somebody listens there.
    """
    try:
        family, address = _resolve(place.host, place.port)[0]
        with _bind(family, address, socket.SO_REUSEADDR) as probe:
            address = probe.getsockname()
        reserved = _bind(family, address, socket.SO_REUSEADDR, socket.SO_REUSEPORT)
    except (OSError, UnicodeError) as exc:
        raise ListenError(why_not(exc, place)) from exc
    with reserved:
        yield address[1]


def web_place(settings: WebSettings) -> Place:
    """Where HTTP listens."""
    return Place(
        "HTTP",
        settings.host,
        settings.port,
        "--port",
        "ACTIONHERO_WEB__PORT",
        "--host",
        settings.socket_mode,
    )


def tcp_place(settings: TcpSettings) -> Place:
    """Where TCP listens."""
    return Place(
        "TCP",
        settings.host,
        settings.port,
        "--tcp-port",
        "ACTIONHERO_TCP__PORT",
        "ACTIONHERO_TCP__HOST",
        settings.socket_mode,
    )


def _bind(family: int, address: Any, *options: int) -> socket.socket:
    """A socket bound to an address, with options of `SOL_SOCKET`. Raises `OSError`."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        for option in options:
            sock.setsockopt(socket.SOL_SOCKET, option, 1)
        if family == socket.AF_INET6:  # IPv4 has sockets of its own
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
    except BaseException:
        sock.close()
        raise
    return sock


def _resolve(host: str, port: int) -> list[tuple[int, Any]]:
    """The families and addresses that `host` stands for; empty is all of this machine's."""
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys((info[0], info[4]) for info in found))


def _open_ports(place: Place, reuse_port: bool) -> list[socket.socket]:
    """A socket for each address of a host; those that this machine does not have are left out as
    long as there is another (IPv6 may be off). Port 0 is the same free one on all of them."""
    options = (socket.SO_REUSEADDR, *([socket.SO_REUSEPORT] if reuse_port else []))
    sockets: list[socket.socket] = []
    port, absent = place.port, None
    try:
        for family, address in _resolve(place.host, place.port):
            try:
                sock = _bind(family, (address[0], port, *address[2:]), *options)
            except OSError as exc:
                if exc.errno not in {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}:
                    raise
                absent = exc
                continue
            sockets.append(sock)
            port = sock.getsockname()[1]
            sock.listen(BACKLOG)
    except BaseException:
        for sock in sockets:
            sock.close()
        raise
    if not sockets and absent is not None:
        raise absent
    return sockets


def _open_unix(place: Place) -> Doors:
    path = place.path
    if len(os.fsencode(path)) > _LONGEST_PATH:
        raise OSError(errno.ENAMETOOLONG, "the path is too long")
    with _locked(os.path.dirname(path) or "."):
        _clear(path)
        sock = _bind(socket.AF_UNIX, path)
        try:
            os.chmod(path, int(place.mode, 8))
            sock.listen(BACKLOG)
        except BaseException:
            sock.close()
            os.unlink(path)
            raise

    return Doors([sock], remove=partial(_remove, path))


def _remove(path: str) -> None:
    with contextlib.suppress(OSError), _locked(os.path.dirname(path) or "."):
        _clear(path)


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Only one server at a time opens sockets in a folder."""
    lock = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _clear(path: str) -> None:
    """Remove the socket that a dead server left. Raises `OSError` if a live one has it."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "it is there, and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:  # its backlog is full
            pass
    raise OSError(errno.EADDRINUSE, "somebody answers")


def _why_not_unix(error: Exception, place: Place) -> str:
    where = f"the socket {place.path}"
    number = error.errno if isinstance(error, OSError) else None
    see = f"see {place.host_setting}"
    if number == errno.EADDRINUSE:
        return f"{where} is in use by another program; stop that, or choose another path, {see}"
    if number == errno.EEXIST:
        return f"{place.path} is there already and is no socket; choose another path, {see}"
    if number == errno.ENAMETOOLONG:
        return (
            f"the path of {where} is too long; the system takes {_LONGEST_PATH} bytes, "
            f"so choose a shorter one, {see}"
        )
    if number in {errno.ENOENT, errno.ENOTDIR}:
        return f"{where} cannot be made, as its folder is not there; make that, or {see}"
    if number in {errno.EACCES, errno.EPERM, errno.EROFS}:
        return f"{where} may not be opened by this user; choose a folder of yours, {see}"
    return f"{place.transport} cannot listen on {where}: {error}"


def _address_of(sock: socket.socket) -> Address:
    name = sock.getsockname()
    return Address(*name[:2]) if isinstance(name, tuple) else Address(path=os.fsdecode(name))
