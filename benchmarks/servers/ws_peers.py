"""The WebSocket servers that ours is held against, each in an environment of its own, as one
process: echoes, but for ActionHero on Node, which runs the same action."""

from __future__ import annotations

from pathlib import Path

from benchmarks.contest import Server
from benchmarks.environments import node_environment, python_environment
from benchmarks.servers import PEERS, Command
from benchmarks.servers.http_peers import GRANIAN, MSGSPEC, UVICORN, UVLOOP, actionhero_node


def aiohttp(port: int) -> Command:
    """aiohttp on uvloop, its frames read in C."""
    python = python_environment("aiohttp", ("aiohttp==3.14.5", UVLOOP))
    return [python, PEERS / "ws_aiohttp_app.py", str(port)]


def uvicorn(port: int) -> Command:
    """uvicorn on uvloop, its frames read by websockets."""
    python = python_environment("uvicorn-websocket", (*UVICORN, "websockets==17.4"))
    options = ["--loop", "uvloop", "--ws", "websockets-sansio", "--ws-per-message-deflate", "false"]
    where: list[str | Path] = ["--port", str(port), "--app-dir", PEERS, "--no-access-log"]
    return [python, "-m", "uvicorn", *options, *where, "ws_asgi_app:app"]


def granian(port: int) -> Command:
    """granian by its own interface, in Rust."""
    python = python_environment("granian", (MSGSPEC, GRANIAN, UVLOOP))
    options = ["--workers", "1", "--runtime-threads", "1", "--loop", "uvloop", "--http", "1"]
    where: list[str | Path] = ["--port", str(port), "--working-dir", PEERS]
    command: list[str | Path] = [python.parent / "granian", "--interface", "rsgi", *options]
    return [*command, *where, "ws_rsgi_app:app"]


def socketify(port: int) -> Command:
    """socketify: uWebSockets, in C++, called from Python."""
    python = python_environment("socketify", ("socketify==0.0.31", MSGSPEC))
    return [python, PEERS / "ws_socketify_app.py", str(port)]


def ws(port: int) -> Command:
    """The library ws on Node."""
    folder = node_environment("ws", ("ws@8.23.0",))
    return ["env", f"NODE_PATH={folder / 'node_modules'}", "node", PEERS / "ws_node.js", str(port)]


SERVERS = (
    Server("aiohttp", aiohttp),
    Server("socketify", socketify),
    Server("ws", ws),
    Server("uvicorn", uvicorn),
    Server("granian", granian),
    Server("actionhero-node", actionhero_node),
)
