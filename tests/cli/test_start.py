"""`actionhero start`, `work` and `demo` as processes, and what they say."""

import asyncio
import contextlib
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from actionhero import App
from actionhero.cli.banner import example_line, print_banner, reachable
from actionhero.server import Server
from actionhero.settings import Settings, StoreSettings, TcpSettings, WebSettings
from actionhero.testing import TestServer
from tests.certificates import make_certificate
from tests.cli.conftest import HELLO
from tests.processes import DEADLINE, free_port, serving, wait_for

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_it_serves_and_stops(tmp_path: Path, number: signal.Signals, code: int) -> None:
    async with serving(tmp_path, HELLO) as server:
        assert (await server.http.get("/api/hello/Ada")).json() == {"greeting": "Hello, Ada."}
        server.send(number)
        assert await server.wait() == code
        assert "Traceback" not in server.log


async def test_several_servers_share_the_ports(tmp_path: Path) -> None:
    async with serving(tmp_path, HELLO, "--workers", "2") as server:

        async def both_answer() -> bool:
            return server.log.count('"server started"') == 2

        await wait_for(both_answer)
        assert (await server.http.get("/api/hello/Ada")).status == 200
        assert (await ends(tmp_path, server.http_port))[0] == 2
        server.send(signal.SIGTERM)
        assert await server.wait() == 0
        assert "Traceback" not in server.log


async def ends(folder: Path, port: int, *args: str) -> tuple[int, str]:
    """Start another server on `port`, which must fail: its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "actionhero", "start", "served:app"),
        *("--port", str(port), "--tcp-port", "0", *args),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(DEADLINE):
        _, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, err.decode()


@pytest.mark.parametrize("args", [(), ("--workers", "2")])
async def test_a_port_in_use_is_told_once(tmp_path: Path, args: tuple[str, ...]) -> None:
    async with serving(tmp_path, HELLO) as server:
        code, err = await ends(tmp_path, server.http_port, *args)
    assert code == 2
    assert err.count("error: ") == 1
    assert "is in use by another program" in err
    assert "--port" in err
    assert "Traceback" not in err


async def test_a_broken_app_is_told_once_by_many_servers(tmp_path: Path) -> None:
    (tmp_path / "served.py").write_text("x = nosuch\n")
    code, err = await ends(tmp_path, 0, "--workers", "2")
    assert code == 2
    assert err.count("NameError: name 'nosuch' is not defined") == 1
    assert "Traceback" not in err


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not on PATH: the demo's lines use it")
async def test_the_demo_can_be_tried_line_by_line(tmp_path: Path) -> None:
    """Every line that `actionhero demo` prints works when it is pasted into a shell."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "actionhero", "demo"),
        *("--port", str(free_port()), "--tcp-port", str(free_port())),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        lines = await printed_lines(process)
        assert len(lines) == 16
        await asyncio.gather(*(paste(line, tmp_path) for line in lines))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)
        async with asyncio.timeout(DEADLINE):
            await process.communicate()
    assert process.returncode == 130


async def printed_lines(process: asyncio.subprocess.Process) -> list[str]:
    """The lines to try: all that are indented."""
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(DEADLINE):
        while "tasks failed" not in "".join(lines):
            line = (await process.stdout.readline()).decode()
            assert line, "it ended"
            lines.append(line)
    return [line.strip() for line in lines if line.startswith("  ")]


async def paste(line: str, folder: Path) -> None:
    command = f"curl -sf {line}" if line.startswith("http://") else line
    shell = await asyncio.create_subprocess_exec(
        *("bash", "-c", command.replace("curl ", "curl -sf ")),
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(DEADLINE):
        output, _ = await shell.communicate()
    assert shell.returncode == 0, f"{line}: {output.decode()}"
    assert output or line.startswith("cd "), line


@contextlib.asynccontextmanager
async def app_with(define: Callable[[App], object]) -> AsyncIterator[TestServer]:
    app = App("banner")
    define(app)
    async with TestServer(app) as server:
        yield server


async def hello(name: str, excited: bool = False) -> str:
    """Say hello."""
    return name


async def unguessable(code: list[str]) -> str:
    return code[0]


@pytest.mark.parametrize(
    ("define", "path"),
    [
        (lambda app: app.action("GET /hello/{name}")(hello), "/api/hello/Ada"),
        (lambda app: app.action(hello), "/api/hello?name=Ada"),
        (lambda app: app.action("POST /hello")(hello), "/healthz"),
        (lambda app: app.action(transports={"tcp"})(hello), "/healthz"),
        (lambda app: app.action(unguessable), "/healthz"),
        (lambda app: None, "/healthz"),
    ],
)
async def test_the_line_to_try_works(define: Callable[[App], object], path: str) -> None:
    async with app_with(define) as server:
        assert server.server.http is not None
        line = example_line(server.server, server.server.http)
        assert line.strip("'").endswith(path)
        assert (await server.http.get(path)).status == 200


async def test_the_banner_says_what_listens_where(capsys: pytest.CaptureFixture[str]) -> None:
    async with app_with(lambda app: app.action(hello)) as server:
        print_banner(server.server, 3)
        port = server.server.http_port
    shown = capsys.readouterr().out
    assert "banner is running on 3 servers: 1 action, 0 tasks" in shown
    assert f"HTTP       http://127.0.0.1:{port}/api" in shown
    assert f"WebSocket  ws://127.0.0.1:{port}/ws" in shown
    assert "stop       Ctrl-C" in shown


async def test_the_banner_says_how_sockets_and_tls_are_reached(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, made = tmp_path / "web.sock", make_certificate(tmp_path)
    settings = Settings(
        web=WebSettings(host=f"unix:{path}"),
        tcp=TcpSettings(port=0, certificate=str(made.certificate), key=str(made.key)),
        store=StoreSettings(url="embedded::memory:"),
    )
    app = App("banner")
    app.action(hello)
    server = Server(app, settings)
    await server.start()
    try:
        print_banner(server, 1)
        port = server.tcp_port
    finally:
        await server.stop()
    shown = capsys.readouterr().out
    assert f"HTTP       unix:{path} /api" in shown
    assert f"WebSocket  unix:{path} /ws" in shown
    assert f"TCP        127.0.0.1:{port} (TLS)" in shown
    assert f"curl --unix-socket {path} 'http://localhost/api/hello?name=Ada'" in shown


@pytest.mark.parametrize(
    ("host", "address"),
    [("0.0.0.0", "127.0.0.1"), ("", "127.0.0.1"), ("::", "[::1]"), ("fe80::1", "[fe80::1]")],
)
def test_an_address_that_can_be_reached(host: str, address: str) -> None:
    assert reachable(host) == address
