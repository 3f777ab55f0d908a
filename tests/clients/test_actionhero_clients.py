"""Clients that were written for ActionHero, unmodified, from the npm registry."""

import asyncio
import json
import shutil
import subprocess
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes import ServerProcess, serving

pytestmark = pytest.mark.timeout(240)
_NPM = Path(__file__).parent / "npm"
_PAGE = "package/client/ActionheroWebsocketClient.js"
_AWAY = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ECONNRESET", "E404")
APP = """
from actionhero import App

app = App("served")


@app.action
async def hello(name: str) -> dict[str, str]:
    return {"greeting": f"Hello, {name}."}
"""


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the clients; skips where there is no Node, or no registry."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("Node and npm are not on this machine")
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_NPM / name, folder)
    for command in (
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
        [npm, "pack", "--silent", "actionhero@29.3.5"],
    ):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode and any(code in done.stderr for code in _AWAY):
            pytest.skip("the npm registry cannot be reached from here")
        assert done.returncode == 0, done.stderr
    with tarfile.open(next(folder.glob("actionhero-*.tgz"))) as packed:
        page = packed.extractfile(_PAGE)
        assert page is not None
        (folder / "page.js").write_bytes(page.read())
    return folder


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "note.txt").write_text("kept in a file")
    async with serving(tmp_path, APP) as server:
        yield server


async def talk(script: str, *arguments: object) -> dict[str, Any]:
    """What came of all that a client did."""
    process = await asyncio.create_subprocess_exec(
        "node",
        str(_NPM / script),
        *map(str, arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        told, wrong = await asyncio.wait_for(process.communicate(), 120)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, wrong.decode()
    shown: dict[str, Any] = json.loads(told)
    return shown


@pytest.mark.parametrize("name", ["actionhero-node-client", "actionhero-client"])
async def test_over_tcp(modules: Path, server: ServerProcess, name: str) -> None:
    shown = await talk("talk.cjs", modules, name, server.tcp_port)
    assert shown["welcome"] == "Welcome to served"
    assert shown["action"]["data"]["greeting"] == "Hello, Ada."
    assert shown["sticky"]["data"]["greeting"] == "Hello, Bo."
    assert shown["paramsView"]["data"]["data"]["name"] == "Bo"
    failed = {key for key, told in shown.items() if isinstance(told, dict) and told["failed"]}
    assert failed == {"missing", "unknown", "again"}
    room = shown["roomView"]["data"]["data"]
    assert room["room"] == "defaultRoom"
    assert room["membersCount"] == 2
    assert shown["id"] in room["members"]
    assert shown["heard"] == ["hello there"]
    assert shown["details"]["data"]["data"]["id"] == shown["id"]


async def test_over_primus(modules: Path, server: ServerProcess) -> None:
    shown = await talk("page.cjs", modules, modules / "page.js", server.http_port)
    assert shown["welcome"] == "Welcome to served"
    assert shown["spark"] == shown["id"] == shown["details"]["data"]["id"]
    assert shown["action"]["greeting"] == "Hello, Ada\u2028."
    assert shown["missing"]["error"].startswith("Error: ")
    assert "nothing" in shown["unknown"]["error"]
    assert shown["roomAdd"]["data"] is True
    assert shown["rooms"] == ["defaultRoom"]
    assert shown["roomView"]["data"]["membersCount"] == 2
    assert shown["say"]["status"] == "OK"
    assert shown["heard"] == [{"text": "hello there"}]
    assert shown["file"]["content"] == "kept in a file"
    assert shown["noFile"]["error"].startswith("Error: ")
    assert "hello" in str(shown["documentation"]["data"])
    spec = await server.http.get("/primus/spec")
    assert spec.json()["pathname"] == "/primus"
