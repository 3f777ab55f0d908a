"""The HTTP servers that ours is held against, each in an environment of its own, as one process.

Each is run as its documentation has it for speed: uvloop, llhttp or Rust, no access log, and for
ActionHero `NODE_ENV=production`. Where a framework leaves checking a body to the program, msgspec
does it, which is the fastest there is.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.contest import Server
from benchmarks.environments import node_environment, python_environment
from benchmarks.servers import PEERS, Command

GRANIAN = "granian==2.8.7"
MSGSPEC = "msgspec==0.22.0"
UVLOOP = "uvloop==0.23.0"
UVICORN = ("uvicorn==0.54.0", "httptools==0.9.0", UVLOOP)


def _granian(name: str, port: int, pins: tuple[str, ...], interface: str, app: str) -> Command:
    python = python_environment(name, (*pins, GRANIAN, UVLOOP))
    options = ["--workers", "1", "--runtime-threads", "1", "--loop", "uvloop", "--http", "1"]
    where: list[str | Path] = ["--port", str(port), "--working-dir", PEERS]
    return [python.parent / "granian", "--interface", interface, "--no-ws", *options, *where, app]


def _uvicorn(name: str, port: int, pins: tuple[str, ...], app: str) -> Command:
    python = python_environment(name, (*pins, *UVICORN))
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--workers", "1"]
    return [python, "-m", "uvicorn", "--port", str(port), *options, "--app-dir", PEERS, app]


def granian(port: int) -> Command:
    """granian with nothing on it, by its own interface."""
    return _granian("granian", port, (MSGSPEC,), "rsgi", "rsgi_app:app")


def emmett55(port: int) -> Command:
    """Emmett55 on granian."""
    return _granian("emmett55", port, ("emmett55==1.3.0", MSGSPEC), "rsgi", "emmett_app:app")


def blacksheep(port: int) -> Command:
    """BlackSheep on granian."""
    return _granian("blacksheep", port, ("blacksheep==2.6.4",), "asgi", "blacksheep_app:app")


def uvicorn(port: int) -> Command:
    """uvicorn with nothing on it."""
    return _uvicorn("uvicorn", port, (MSGSPEC,), "asgi_app:app")


def litestar(port: int) -> Command:
    """Litestar on uvicorn."""
    return _uvicorn("litestar", port, ("litestar==2.25.0", MSGSPEC), "litestar_app:app")


def fastapi(port: int) -> Command:
    """FastAPI on uvicorn."""
    return _uvicorn("fastapi", port, ("fastapi==0.165.0",), "fastapi_app:app")


def sanic(port: int) -> Command:
    """Sanic on its own server."""
    python = python_environment("sanic", ("sanic==25.12.1", MSGSPEC, UVLOOP))
    return [python, PEERS / "sanic_app.py", str(port)]


def socketify(port: int) -> Command:
    """socketify: uWebSockets, in C++, called from Python."""
    python = python_environment("socketify", ("socketify==0.0.31", MSGSPEC))
    return [python, PEERS / "socketify_app.py", str(port)]


def actionhero_node(port: int) -> Command:
    """ActionHero itself, on Node."""
    folder = node_environment("actionhero-node", ("actionhero@29.3.5", "ioredis-mock@8.7.0"))
    script = PEERS / "actionhero_node" / "server.js"
    return ["env", f"NODE_PATH={folder / 'node_modules'}", "node", script, str(port)]


SERVERS = (
    Server("socketify", socketify),
    Server("granian", granian),
    Server("emmett55", emmett55),
    Server("blacksheep", blacksheep),
    Server("uvicorn", uvicorn),
    Server("sanic", sanic),
    Server("litestar", litestar),
    Server("fastapi", fastapi),
    Server("actionhero-node", actionhero_node),
)
