"""Running a server in the foreground: one in this process, or N under a manager."""

import contextlib
import gc
import signal
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
_YOUNGEST, _OLDER = 10_000, 20
"""When Python's cycle collector runs: its own 700 is for programs that make few objects, and takes
a tenth of a server's time, for garbage that holds no cycles."""


def announce(server: "Server", servers: int = 1) -> None:
    """Tell a person where the server listens."""
    if is_terminal():
        print_banner(server, servers)


def serve(loaded: Loaded, ready: Ready, *, reuse_port: bool = False) -> int:
    """Serve until told to stop, and return the exit code; `ready` is called once all answers."""
    import uvloop

    from actionhero.server import Server

    async def run() -> int:
        server = Server(loaded.app, loaded.settings, reuse_port=reuse_port)
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
    with _shared_ports(settings) as ports:

        def serve_one(number: int, ready: Callable[[], None]) -> int:
            def tell(server: "Server") -> None:
                if number == 0:
                    announce(server, size)
                ready()

            return guarded(
                lambda: serve(load(target, env, **{**flags, **ports}), tell, reuse_port=True)
            )

        return Cluster(size, serve_one).run()


@contextlib.contextmanager
def _shared_ports(settings: Settings) -> Iterator[dict[str, str]]:
    """The ports that all servers get, as flags; kept until the end."""
    from actionhero.cluster import reserved_port

    with contextlib.ExitStack() as exits:
        ports = {}
        for part, name, flag in (
            (settings.web, "port", "--port"),
            (settings.tcp, "tcp_port", "--tcp-port"),
        ):
            if part.enabled:
                port = exits.enter_context(reserved_port(part.host, part.port, flag))
                ports[name] = str(port)
        yield ports


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
