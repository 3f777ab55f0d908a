"""The servers under measurement, as the command that serves on a given port."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.processes import find_free_port

Command = Sequence[str | Path]

HERE = Path(__file__).parent
PEERS = HERE.parent / "peers"


def bare_http(port: int) -> Command:
    """httptools on uvloop: the reference of HTTP."""
    return [sys.executable, HERE / "bare_http.py", str(port)]


def bare_picows(port: int) -> Command:
    """picows on uvloop: the reference of WebSocket."""
    return [sys.executable, HERE / "bare_picows.py", str(port)]


def bare_broadcast(port: int) -> Command:
    """picows on uvloop that tells everybody: the reference of rooms."""
    return [sys.executable, HERE / "bare_broadcast.py", str(port)]


def actionhero(port: int) -> Command:
    """Ours, as `actionhero start` runs it: web, TCP, tasks and an embedded store on disk."""
    start = [sys.executable, "-m", "actionhero", "start", f"{HERE / 'hello.py'}:app"]
    return [*start, "--port", str(port), "--tcp-port", str(find_free_port())]
