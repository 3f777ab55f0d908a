"""Static files: `python -m benchmarks.files`: a large file from us and from nginx, in turns.

nginx is Debian's with `sendfile on` and one worker; `NGINX` names its binary where it is not on
PATH. Each reads the same file, which is in the kernel's cache after the first round; the client
is one socket that throws away what it reads. Before it counts, the file is seen to arrive whole.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import contest, servers
from benchmarks.processes import BenchmarkError, Contestant, find_free_port, running
from benchmarks.report import describe_machine, format_table

NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 128; }}
http {{
  sendfile on; tcp_nopush on; access_log off;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}
"""
BUFFER = 1 << 20


def fetch(port: int, target: str, check: bool = False) -> tuple[int, float, str]:
    """Get a file: its bytes, the seconds until the last one, and its digest if asked for."""
    digest = hashlib.blake2b()
    buffer = memoryview(bytearray(BUFFER))
    with socket.create_connection(("127.0.0.1", port)) as sock:
        began = time.perf_counter()
        sock.sendall(
            f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(1)
        if not head.startswith(b"HTTP/1.1 200"):
            raise BenchmarkError(f"port {port} answered {head.splitlines()[0]!r}")
        size = 0
        while received := sock.recv_into(buffer):
            size += received
            if check:
                digest.update(buffer[:received])
        return size, time.perf_counter() - began, digest.hexdigest()


@contextmanager
def ours(folder: Path, port: int) -> Iterator[Contestant]:
    """Our server with the folder as its public one."""
    env = {"ACTIONHERO_WEB__PUBLIC": str(folder)}
    with running(servers.actionhero(port), cwd=folder, log=folder / "ours.log", env=env) as server:
        server.wait_port(port)
        yield server


@contextmanager
def nginx(folder: Path, port: int) -> Iterator[Contestant]:
    """nginx with the folder as its root."""
    binary = os.environ.get("NGINX") or shutil.which("nginx") or "/usr/sbin/nginx"
    if not Path(binary).exists():
        raise BenchmarkError("nginx is not there: apt-get install nginx, or set NGINX")
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(folder=folder, port=port))
    command: Sequence[str | Path] = [binary, "-e", folder / "error.log", "-c", config]
    with running(command, cwd=folder, log=folder / "nginx.log") as server:
        server.wait_port(port)
        yield server


def measure(server: Contestant, port: int, target: str) -> tuple[float, float]:
    """One round: GB a second, and seconds of processor time for a GB."""
    before = server.cpu_seconds()
    size, seconds, _ = fetch(port, target)
    return size / seconds / 1e9, (server.cpu_seconds() - before) / size * 1e9


def run(options: argparse.Namespace) -> None:
    """Write the file, start both, check, take turns, print."""
    with ExitStack() as exits:
        folder = Path(exits.enter_context(tempfile.TemporaryDirectory(dir=options.folder)))
        folder.chmod(0o755)
        content = os.urandom(1 << 20)
        with (folder / "large.bin").open("wb") as file:
            for _ in range(options.megabytes):
                file.write(content)
        ports = {"nginx": find_free_port(), "actionhero": find_free_port()}
        targets = {"nginx": "/large.bin", "actionhero": "/public/large.bin"}
        started = {
            "nginx": exits.enter_context(nginx(folder, ports["nginx"])),
            "actionhero": exits.enter_context(ours(folder, ports["actionhero"])),
        }
        digests = {fetch(ports[name], targets[name], check=True)[::2] for name in started}
        if len(digests) != 1:
            raise BenchmarkError("the two did not send the same bytes")
        rounds: dict[str, list[tuple[float, float]]] = {name: [] for name in started}
        for _ in range(options.rounds):
            for name, server in started.items():
                rounds[name].append(measure(server, ports[name], targets[name]))
        ratios = [a[0] / n[0] for a, n in zip(rounds["actionhero"], rounds["nginx"], strict=True)]
        rows = [
            [
                name,
                f"{statistics.median(speed for speed, _ in taken):.2f}",
                f"{max(speed for speed, _ in taken):.2f}",
                f"{statistics.median(cpu for _, cpu in taken):.2f}",
                f"{1.0 if name == 'nginx' else statistics.median(ratios):.2f}",
            ]
            for name, taken in rounds.items()
        ]
        print(describe_machine())
        print(f"one file of {options.megabytes} MiB, {options.rounds} rounds in turns, medians\n")
        print(format_table(["server", "GB/s", "best GB/s", "CPU s/GB", "× nginx"], rows))


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.files", description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", help="where the file is written; default: the system's")
    options = parser.parse_args()
    return contest.run_main(lambda: run(options))


if __name__ == "__main__":
    sys.exit(main())
