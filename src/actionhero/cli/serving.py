"""Running a server in the foreground: one in this process, or N under a manager."""

import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from actionhero.cli.banner import print_banner
from actionhero.cli.frame import FAILED, INTERRUPTED, guarded, report
from actionhero.cli.loading import Loaded, load, load_project_settings
from actionhero.cli.output import is_terminal
from actionhero.settings import Settings

if TYPE_CHECKING:
    from actionhero.server import Server

Ready = Callable[["Server"], None]
Sockets = dict[str, list[socket.socket]]
"""Sockets that listen, by the part of a server that they are for: "web", "tcp"."""
_YOUNGEST, _OLDER = 10_000, 20
"""When Python's cycle collector runs: its own 700 is for programs that make few objects, and takes
a tenth of a server's time, for garbage that holds no cycles."""


def announce(server: "Server", servers: int = 1) -> None:
    """Tell a person where the server listens."""
    if is_terminal():
        print_banner(server, servers)


def serve(
    loaded: Loaded, ready: Ready, *, reuse_port: bool = False, sockets: Sockets | None = None
) -> int:
    """Serve until told to stop, and return the exit code; `ready` is called once all answers.

    `sockets` listen already (see `Server`)."""
    import uvloop

    from actionhero.server import Server

    async def run() -> int:
        server = Server(loaded.app, loaded.settings, reuse_port=reuse_port, sockets=sockets)
        stopped_by = await server.run(lambda: _tell_ready(server, ready))
        return INTERRUPTED if stopped_by == signal.SIGINT else 0

    return uvloop.run(run())


def _tell_ready(server: "Server", ready: Ready) -> None:
    """All that is there now stays; the cycle collector need not look through it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNGEST, _OLDER, _OLDER)
    ready(server)


def serve_many(size: int, target: str | None, env: str | None, flags: dict[str, Any]) -> int:
    """Serve with `size` processes that share their ports, until told to stop."""
    from actionhero.cluster import Cluster

    settings = load_project_settings(env, flags)
    with _shared(settings) as (ports, sockets):

        def serve_one(number: int, ready: Callable[[], None]) -> int:
            def tell(server: "Server") -> None:
                if number == 0:
                    announce(server, size)
                ready()

            def run() -> int:
                loaded = load(target, env, **{**flags, **ports})
                return serve(loaded, tell, reuse_port=True, sockets=sockets)

            return guarded(run)

        return Cluster(size, serve_one, passes_hangup=settings.has_certificates).run()


def handed_over(settings: Settings) -> Sockets:
    """The sockets that the service manager opened for us. Raises `ListenError`."""
    from actionhero.transports.activation import take_sockets

    parts = {"web": settings.web.enabled, "tcp": settings.tcp.enabled}
    return take_sockets([part for part, is_enabled in parts.items() if is_enabled])


@contextlib.contextmanager
def _shared(settings: Settings) -> Iterator[tuple[dict[str, str], Sockets]]:
    """What all servers listen on, kept until the end: the ports, as flags, and the sockets that
    cannot be opened twice, a unix socket or one that was handed over."""
    from actionhero.transports.listening import open_doors, reserved_port, tcp_place, web_place

    ports, sockets = {}, handed_over(settings)
    with contextlib.ExitStack() as exits:
        for part, is_enabled, flag, place in (
            ("web", settings.web.enabled, "port", web_place(settings.web)),
            ("tcp", settings.tcp.enabled, "tcp_port", tcp_place(settings.tcp)),
        ):
            if part in sockets or not is_enabled:
                continue
            if place.path:
                doors = exits.enter_context(contextlib.closing(open_doors(place)))
                sockets[part] = doors.sockets
            else:
                ports[flag] = str(exits.enter_context(reserved_port(place)))
        yield ports, sockets


def burst(loaded: Loaded) -> int:
    """Work off the queues and end when they are empty; the exit code tells whether tasks failed."""
    import uvloop

    from actionhero.server import Server

    async def run() -> int:
        told = await Server(loaded.app, without_worker(loaded.settings)).burst()
        if told.stopped_by == signal.SIGINT:
            return INTERRUPTED
        if told.failures:
            one = told.failures == 1
            report(
                f"{told.failures} {'task' if one else 'tasks'} failed; "
                f"`actionhero tasks failed` shows {'it' if one else 'them'}"
            )
            return FAILED
        return 0

    return uvloop.run(run())


def without_worker(settings: Settings) -> Settings:
    """The settings of a server that runs tasks only when it is told to."""
    tasks = msgspec.structs.replace(settings.tasks, enabled=False)
    return msgspec.structs.replace(settings, tasks=tasks)
