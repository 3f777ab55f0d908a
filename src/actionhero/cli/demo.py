"""`actionhero demo`: the demo app, and lines to try it that work when pasted."""

import shlex
import shutil
import sys
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from actionhero.cli.banner import reachable
from actionhero.cli.loading import Loaded, load
from actionhero.cli.options import STORE_HELP
from actionhero.cli.serving import serve
from actionhero.errors import ListenError
from actionhero.settings import Settings
from actionhero.transports.listening import Place, reserved_port, tcp_place, web_place

if TYPE_CHECKING:
    from actionhero.server import Server

TARGET = "actionhero.demo:app"


@click.command()
@click.option("--port", metavar="N", help="Port of HTTP and WebSocket (8080, or a free one).")
@click.option("--tcp-port", metavar="N", help="Port of TCP (5000, or a free one).")
@click.option("--store", metavar="URL", help=STORE_HELP)
def demo(**flags: Any) -> int:
    """Serve the demo app and say what to try."""
    loaded = load(TARGET, None, **flags)
    settings = with_free_ports(with_own_files(loaded.settings), flags)
    return serve(Loaded(loaded.app, settings), lambda server: click.echo(tour(server)))


def with_own_files(settings: Settings) -> Settings:
    """The settings with the demo's static files."""
    public = str(resources.files("actionhero.demo") / "public")
    return msgspec.structs.replace(
        settings, web=msgspec.structs.replace(settings.web, public=public)
    )


def with_free_ports(settings: Settings, flags: dict[str, Any]) -> Settings:
    """The settings with free ports in place of taken ones, where none was asked for."""
    for section, flag, place in (
        ("web", "port", web_place(settings.web)),
        ("tcp", "tcp_port", tcp_place(settings.tcp)),
    ):
        part = getattr(settings, section)
        if flags.get(flag) is None and _is_taken(place):
            free = msgspec.structs.replace(part, port=0)
            settings = msgspec.structs.replace(settings, **{section: free})
    return settings


def _is_taken(place: Place) -> bool:
    try:
        with reserved_port(place):
            return False
    except ListenError:
        return True


def tour(server: "Server") -> str:
    """What to try, for a person."""
    lines = [click.style("The demo app is running. Ctrl-C stops it.", bold=True)]
    moved = [
        f"(Port {wanted} is taken, so {name} is on {real}; --{flag} chooses another.)"
        for name, flag, wanted, real in (
            ("HTTP", "port", Settings().web.port, server.http_port),
            ("TCP", "tcp-port", Settings().tcp.port, server.tcp_port),
        )
        if getattr(server.settings, "web" if name == "HTTP" else "tcp").port == 0
    ]
    lines += moved
    for title, commands in things_to_try(server).items():
        lines += ["", title, *(f"  {command}" for command in commands)]
    return "\n".join([*lines, ""])


def things_to_try(server: "Server") -> dict[str, list[str]]:
    """Lines for a shell, by what they show."""
    settings = server.settings
    place = f"{reachable(settings.web.host)}:{server.http_port}"
    api = f"http://{place}/api"
    command, app = _command(), f"--app {TARGET}"
    return {
        "In a browser": [f"http://{place}/public/index.html"],
        "HTTP": [
            f"curl '{api}/hello/Ada?excited=true'",
            f"curl '{api}/cacheTest?key=k&value=v'",
            f"curl -X DELETE {api}/randomNumber",
            f"curl {api}/status",
            f"curl -N {api}/countdown/2",
        ],
        "TCP": [_tcp_line(reachable(settings.tcp.host), server.tcp_port)],
        "WebSocket": [f"{_python()} -m actionhero.demo.websocket ws://{place}/ws hello name=Ada"],
        "Terminal": [
            f"cd {shlex.quote(str(Path.cwd()))}",
            f"{command} run hello --name Ada {app}",
            f"{command} actions {app}",
            f"{command} stats {app}",
        ],
        "Tasks": [
            f"curl '{api}/greetLater?name=Ada&delay=5'",
            f"{command} tasks enqueue forget --what everything {app}",
            f"{command} tasks enqueue divide --a 1 --b 0 {app}",
            f"{command} tasks failed {app}",
        ],
    }


def _tcp_line(host: str, port: int) -> str:
    """`nc` where there is one, else what bash has built in."""
    if shutil.which("nc"):
        return rf"printf 'hello name=Ada\r\nstatus\r\nquit\r\n' | nc {host} {port}"
    script = rf'exec 3<>/dev/tcp/{host}/{port}; printf "hello name=Ada\r\nquit\r\n" >&3; cat <&3'
    return f"bash -c '{script}'"


def _command() -> str:
    """How a shell in another window finds this very program."""
    program = Path(sys.executable).with_name("actionhero")
    found = shutil.which("actionhero")
    if found and Path(found) == program:
        return "actionhero"
    return shlex.quote(str(program)) if program.exists() else f"{_python()} -m actionhero"


def _python() -> str:
    found = shutil.which("python")
    return (
        "python" if found and Path(found) == Path(sys.executable) else (shlex.quote(sys.executable))
    )
