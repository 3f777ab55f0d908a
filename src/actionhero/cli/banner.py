"""What `start` says on a terminal once the server answers: where, what, and a line to try."""

import shlex
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from actionhero.actions.action import Action
    from actionhero.codec import Inputs
    from actionhero.server import Server
    from actionhero.transports.http import HttpServer
    from actionhero.transports.tcp import TcpServer

_SAMPLES = {str: "Ada", int: "1", float: "1", bool: "true"}


def print_banner(server: "Server", servers: int) -> None:
    """Say where `server` listens. `servers` is how many share its ports."""
    from actionhero.actions.enqueued import run_action

    definitions = server.app.definitions
    actions = len({action.name for action in definitions.actions})
    tasks = sum(task.function is not run_action for task in definitions.tasks.values())
    count = f" on {servers} servers" if servers > 1 else ""
    lines = [
        f"{click.style(server.app.name, bold=True)} is running{count}: "
        f"{_count(actions, 'action')}, {_count(tasks, 'task')}",
        "",
        *_listening(server),
        f"  store      {server.settings.store.url}",
        "",
        *([f"  try        {example_line(server, server.http)}"] if server.http else []),
        "  stop       Ctrl-C",
        "",
    ]
    click.echo("\n".join(lines))


def reachable(host: str) -> str:
    """The address by which this machine reaches a server that listens on `host`."""
    if host in ("", "0.0.0.0"):  # noqa: S104  read, not bound
        return "127.0.0.1"
    return "[::1]" if host == "::" else f"[{host}]" if ":" in host else host


def example_line(server: "Server", web: "HttpServer") -> str:
    """A curl line that works: of the first action that can be called, else of the health check."""
    for action in server.app.definitions.actions:
        if "http" in action.transports:
            path = _example_path(action, server.services.dispatcher.inputs_of(action))
            if path is not None:
                return _curl(web, path)
    return _curl(web, "/healthz")


def _curl(web: "HttpServer", path: str) -> str:
    if not web.address.path:
        return f"curl {_quoted(_url(web, 'http') + path)}"
    url = f"{'https' if web.tls else 'http'}://localhost{path}"
    return f"curl --unix-socket {shlex.quote(web.address.path)} {_quoted(url)}"


def _listening(server: "Server") -> list[str]:
    web, tcp, socket = server.http, server.tcp, server.settings.websocket
    lines = []
    if web is not None:
        lines.append(f"  HTTP       {_url(web, 'http', '/api')}")
        if socket.enabled:
            lines.append(f"  WebSocket  {_url(web, 'ws', socket.path)}")
    if tcp is not None:
        where = _url(tcp, "tcp").partition("://")[2] or str(tcp.address)
        lines.append(f"  TCP        {where}{' (TLS)' if tcp.tls else ''}")
    return lines


def _url(part: "HttpServer | TcpServer", scheme: str, path: str = "") -> str:
    """Where a transport is reached from this machine; `scheme` is the one without TLS."""
    address = part.address
    if address.path:
        return f"{address} {path}".rstrip()
    return f"{scheme}{'s' if part.tls else ''}://{reachable(address.host)}:{address.port}{path}"


def _example_path(action: "Action", inputs: "Inputs") -> str | None:
    """A path with sample values; None where they cannot be guessed."""
    from actionhero.codec.problems import strip

    values = {}
    for name, field in inputs.fields.items():
        if field.required:
            if field.kind is not strip(field.kind) or field.kind not in _SAMPLES:
                return None
            values[name] = _SAMPLES[field.kind]
    route = next((r for r in action.routes if r.split()[0] == "GET"), None)
    if route is None and action.routes:
        return None
    path = route.split()[1] if route else f"/{action.name}"
    for name in list(values):
        if f"{{{name}}}" in path:
            path = path.replace(f"{{{name}}}", values.pop(name))
    if "{" in path:
        return None
    query = "&".join(f"{name}={value}" for name, value in values.items())
    return f"/api{path}" + (f"?{query}" if query else "")


def _quoted(url: str) -> str:
    return f"'{url}'" if set(url) & set("?&[]") else url


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"
