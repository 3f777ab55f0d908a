"""Servers as processes that listen in every way: one and several of them."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import Certificate, make_certificate
from tests.processes import DEADLINE, free_port, wait_for

pytestmark = pytest.mark.timeout(120)

APP = """
import asyncio, os
from actionhero import App

app = App("served")


@app.action
async def who() -> int:
    return os.getpid()


@app.action
async def slow() -> str:
    print("slow begins", flush=True)
    await asyncio.sleep(0.5)
    return "done"
"""
LAUNCHER = """
import os, socket, sys

count = int(sys.argv[1])
for number in range(count):
    sock = socket.socket(fileno=int(sys.argv[2 + number]))
    os.dup2(sock.fileno(), 3 + number)
    os.set_inheritable(3 + number, True)
    sock.detach()
os.environ.update(LISTEN_FDS=str(count), LISTEN_PID=str(os.getpid()))
os.environ["LISTEN_FDNAMES"] = sys.argv[2 + count]
os.execv(sys.executable, [sys.executable, *sys.argv[3 + count:]])
"""
"""Does as systemd does: hands its sockets on to the program it becomes."""
ON_A_TERMINAL = """
import fcntl, os, sys, termios

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""
"""Becomes a program whose terminal is its standard input."""
WORKERS = [(), ("--workers", "2")]


class Process:
    """`actionhero start` with arguments; the log says when it is up."""

    def __init__(
        self, folder: Path, *command: str, fds: tuple[int, ...] = (), stdin: int | None = None
    ) -> None:
        (folder / "served.py").write_text(APP)
        self.folder = folder
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=stdin,
                stdout=log,
                stderr=log,
                pass_fds=fds,
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        return self._log.read_text()

    async def says(self, text: str, times: int = 1) -> None:
        async def has_said() -> bool:
            assert self.process.poll() is None or self.log.count(text) >= times, self.log
            return self.log.count(text) >= times

        await wait_for(has_said)

    async def ends(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return await asyncio.to_thread(self.process.wait, DEADLINE)


def start_command(*args: str) -> list[str]:
    """Each server has a store of its own: to share one costs them time at the end."""
    return ["-m", "actionhero", "start", "served:app", "--store", "embedded::memory:", *args]


@contextlib.asynccontextmanager
async def started(
    folder: Path, *args: str, launcher: tuple[str, ...] = (), fds: tuple[int, ...] = ()
) -> AsyncIterator[Process]:
    process = Process(folder, sys.executable, *launcher, *start_command(*args), fds=fds)
    try:
        await process.says('"server started"', 2 if "--workers" in args else 1)
        yield process
    finally:
        if process.process.poll() is None:
            await process.ends()
        assert "Traceback" not in process.log


def connect(address: str | tuple[str, int], tls: ssl.SSLContext | None = None) -> socket.socket:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(DEADLINE)
    sock.connect(address)
    return sock if tls is None else tls.wrap_socket(sock, server_hostname="localhost")


def get(sock: socket.socket, path: str = "/api/who") -> str:
    """The body of a reply, after which the connection is over."""
    with sock:
        sock.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        reply = b""
        while data := sock.recv(65536):
            reply += data
    head, _, body = reply.decode().partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 200"), reply
    return body


def ask_tcp(sock: socket.socket, line: str = "who") -> str:
    with sock, sock.makefile("rwb", buffering=0) as lines:
        assert b"Welcome" in lines.readline()
        lines.write(f"{line}\r\n".encode())
        return str(json.loads(lines.readline())["data"])


async def asked_of(count: int, ask: Callable[[], str]) -> set[str]:
    """What `count` different servers answered."""
    seen: set[str] = set()

    async def all_seen() -> bool:
        asked = [asyncio.to_thread(ask) for _ in range(10)]
        seen.update(await asyncio.gather(*asked))
        return len(seen) == count

    await wait_for(all_seen)
    return seen


@pytest.mark.parametrize("workers", WORKERS)
async def test_unix_sockets(tmp_path: Path, workers: tuple[str, ...]) -> None:
    web, tcp = tmp_path / "web.sock", tmp_path / "tcp.sock"
    (tmp_path / "actionhero.toml").write_text(
        '[tcp]\nhost = "unix:tcp.sock"\nsocket_mode = "600"\n'
    )
    flags = ("--host", "unix:web.sock", *workers)
    for path in (web, tcp):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))
    async with started(tmp_path, *flags) as server:
        await asked_of(2 if workers else 1, lambda: get(connect(str(web))))
        assert await asyncio.to_thread(lambda: ask_tcp(connect(str(tcp))))
        assert f"{tcp.stat().st_mode:o} {web.stat().st_mode:o}".split() == ["140600", "140660"]
        await assert_refused(tmp_path, "the socket web.sock is in use", *flags)
        slow = asyncio.create_task(asyncio.to_thread(lambda: get(connect(str(web)), "/api/slow")))
        await server.says("slow begins")
        assert await server.ends() == 0
        assert await slow == '"done"'
    assert not web.exists()
    assert not tcp.exists()


@pytest.mark.parametrize("workers", WORKERS)
async def test_tls_and_new_certificates(tmp_path: Path, workers: tuple[str, ...]) -> None:
    made, other = make_certificate(tmp_path), make_certificate(tmp_path, "other")
    web, tcp = ("127.0.0.1", free_port()), ("127.0.0.1", free_port())
    (tmp_path / "actionhero.toml").write_text(
        '[tcp]\ncertificate = "localhost.pem"\nkey = "localhost.key"\n'
    )
    ports = ("--port", str(web[1]), "--tcp-port", str(tcp[1]))
    flags = (*ports, "--certificate", "localhost.pem", "--key", "localhost.key", *workers)
    before, after = made.client(), other.client()
    count = 2 if workers else 1
    async with started(tmp_path, *flags) as server:
        await asked_of(count, lambda: get(connect(web, before)))
        assert await asyncio.to_thread(lambda: ask_tcp(connect(tcp, before)))
        old = await asyncio.to_thread(connect, web, before)
        other.certificate.replace(made.certificate)
        server.process.send_signal(signal.SIGHUP)
        await server.says("the certificate that was read last stays", 2 * count)
        await asked_of(count, lambda: get(connect(web, before)))
        other.key.replace(made.key)
        server.process.send_signal(signal.SIGHUP)
        await server.says("read web.certificate again", count)
        await server.says("read tcp.certificate again", count)
        await asked_of(count, lambda: get(connect(web, after)))
        assert await asyncio.to_thread(lambda: ask_tcp(connect(tcp, after)))
        assert await asyncio.to_thread(get, old)
        slow = asyncio.create_task(asyncio.to_thread(lambda: get(connect(web, after), "/api/slow")))
        await server.says("slow begins")
        assert await server.ends() == 0
        assert await slow == '"done"'


async def assert_refused(folder: Path, why: str, *args: str) -> None:
    """Start a server that cannot start, which says so once."""
    command = [sys.executable, *start_command(*args)]
    ended = await asyncio.to_thread(
        subprocess.run, command, cwd=folder, capture_output=True, text=True, timeout=DEADLINE
    )
    assert ended.returncode == 2
    assert ended.stderr.count("error: ") == 1, ended.stderr
    assert why in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_a_certificate_that_cannot_be_used_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "served.py").write_text(APP)
    flags = ("--certificate", "no.pem", "--port", "0", "--tcp-port", "0", "--workers", "2")
    await assert_refused(tmp_path, "web.certificate: no.pem cannot be read", *flags)


@pytest.mark.parametrize("workers", WORKERS)
async def test_the_terminal_is_closed(tmp_path: Path, workers: tuple[str, ...]) -> None:
    """Which also sends SIGHUP, and means something else."""
    made = make_certificate(tmp_path)
    terminal, end = os.openpty()
    tls = ("--certificate", str(made.certificate), "--key", str(made.key), "--no-tcp")
    command = start_command("--port", "0", *tls, *workers)
    server = Process(tmp_path, sys.executable, "-c", ON_A_TERMINAL, *command, stdin=end)
    os.close(end)
    try:
        await server.says('"server started"', 2 if workers else 1)
    finally:
        os.close(terminal)
        assert await asyncio.to_thread(server.process.wait, DEADLINE) == 0, server.log
    assert "read web.certificate again" not in server.log


@pytest.mark.parametrize("workers", WORKERS)
async def test_sockets_that_are_handed_over(tmp_path: Path, workers: tuple[str, ...]) -> None:
    launcher = tmp_path / "launcher.py"
    launcher.write_text(LAUNCHER)
    path = tmp_path / "web.sock"
    with socket.socket(socket.AF_UNIX) as web, socket.create_server(("127.0.0.1", 0)) as tcp:
        web.bind(str(path))
        web.listen()
        fds = (tcp.fileno(), web.fileno())
        command = (str(launcher), "2", *map(str, fds), "tcp:web")
        async with started(tmp_path, *workers, launcher=command, fds=fds) as server:
            await asked_of(2 if workers else 1, lambda: get(connect(str(path))))
            await asked_of(2 if workers else 1, lambda: ask_tcp(connect(tcp.getsockname())))
            assert await server.ends() == 0
        assert path.exists()
        waiting = connect(str(path))  # nobody accepts it now, but the socket is still listened on
        async with started(tmp_path, launcher=command, fds=fds) as server:
            assert await asyncio.to_thread(get, waiting)
            assert await server.ends(signal.SIGHUP) == -signal.SIGHUP, "it has no certificates"


async def test_systemd_hands_sockets_over(tmp_path: Path) -> None:
    program = shutil.which("systemd-socket-activate")
    if program is None:
        pytest.skip("systemd-socket-activate is not on PATH")
    path, port = tmp_path / "web.sock", free_port()
    listen = (f"--listen={path}", f"--listen=127.0.0.1:{port}", "--fdname=web:tcp")
    path_variable = f"--setenv=PATH={os.environ['PATH']}"
    process = Process(tmp_path, program, *listen, path_variable, sys.executable, *start_command())
    try:
        await process.says("Listening on", 2)
        assert await asyncio.to_thread(lambda: get(connect(str(path))))
        assert await asyncio.to_thread(lambda: ask_tcp(connect(("127.0.0.1", port))))
        assert await process.ends() == 0
    finally:
        if process.process.poll() is None:
            process.process.kill()
            process.process.wait()


async def test_curl_and_openssl_as_clients(tmp_path: Path) -> None:
    curl, openssl = shutil.which("curl"), shutil.which("openssl")
    if curl is None or openssl is None:
        pytest.skip("curl or openssl is not on PATH")
    made: Certificate = make_certificate(tmp_path)
    (tmp_path / "actionhero.toml").write_text('[web]\nhost = "unix:web.sock"\n')
    port = free_port()

    async def run(*command: Any, given: bytes = b"") -> str:
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            cwd=tmp_path,
            input=given,
            capture_output=True,
            timeout=DEADLINE,
        )
        return done.stdout.decode()

    async with started(tmp_path, "--no-tcp"):
        said = await run(curl, "-s", "--unix-socket", "web.sock", "http://localhost/api/slow")
        assert said == '"done"'
    tls = ("--host", "127.0.0.1", "--port", str(port), "--no-tcp")
    files = ("--certificate", str(made.certificate), "--key", str(made.key))
    async with started(tmp_path, *tls, *files):
        where = f"https://localhost:{port}/api/slow"
        assert await run(curl, "-s", "--cacert", made.certificate, where) == '"done"'
        assert await run(curl, "-s", "--cacert", made.certificate, "--http2", where) == '"done"'
        s_client = (openssl, "s_client", "-connect", f"127.0.0.1:{port}", "-quiet")
        trust = ("-CAfile", made.certificate, "-verify_return_error")
        request = b"GET /api/who HTTP/1.0\r\nHost: localhost\r\n\r\n"
        for version in ("-tls1_2", "-tls1_3"):
            assert "200 OK" in await run(*s_client, version, *trust, given=request)
        assert "200 OK" not in await run(*s_client, "-tls1_1", *trust, given=request)
