"""A real PostgreSQL server for the peer that wants one: `apt-get install postgresql`.

It lives in a temporary folder, listens on a unix socket there, runs as an unprivileged user, and
writes as little to disk as it can be told (`fsync`, `synchronous_commit` and full pages are off):
the other peers' store writes nothing to disk either.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.processes import BenchmarkError, Contestant, running

SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
}
Command = Sequence[str | Path]
ANYBODY = "postgres"
"""Whom root becomes: PostgreSQL refuses to run as root."""


def find_programs() -> Path:
    """Give the folder of the newest PostgreSQL's programs."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version)
    if places:
        return places[-1]
    found = shutil.which("postgres")
    if found is None:
        raise BenchmarkError("PgQueuer needs PostgreSQL: apt-get install postgresql")
    return Path(found).parent


def _version(folder: Path) -> int:
    return int(folder.parent.name)


class Postgres:
    """One session, for a question at a time."""

    look_every = 0.05

    def __init__(self, folder: Path) -> None:
        self.env: Mapping[str, str] = {"BENCH_POSTGRES": str(folder)}
        options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        quiet = {"PGOPTIONS": "-c client_min_messages=error"}
        self._psql = subprocess.Popen(
            ["psql", *options, "-h", str(folder), "-U", ANYBODY, "-d", "postgres"],
            env={**os.environ, **quiet},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def count(self, *command: str | int) -> int:
        """Count the rows of the table of this name; there are none before there is the table."""
        (table,) = command
        return int(
            self._ask(
                f"SELECT to_regclass('{table}') IS NOT NULL AS exists \\gset\n"
                f"\\if :exists\nSELECT count(*) FROM {table};\n\\else\nSELECT 0;\n\\endif\n"
            )
        )

    def clear(self) -> None:
        """Drop every table."""
        self._ask("DROP SCHEMA public CASCADE; CREATE SCHEMA public; SELECT 1;\n")

    def _ask(self, text: str) -> str:
        """Send statements that give one line in all, and give that."""
        assert self._psql.stdin is not None
        assert self._psql.stdout is not None
        self._psql.stdin.write(text)
        self._psql.stdin.flush()
        answer = self._psql.stdout.readline()
        if not answer:
            raise BenchmarkError(f"PostgreSQL did not answer to {text}")
        return answer

    def close(self) -> None:
        """End the session."""
        with contextlib.suppress(BrokenPipeError):
            self._psql.communicate()


@contextlib.contextmanager
def postgres_server() -> Iterator[Postgres]:
    """Run a PostgreSQL server for the length of a block."""
    programs, user = find_programs(), _user()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        data.mkdir()
        if user is not None:
            for path in (folder, data):
                shutil.chown(path, user)
        _initialize(programs, data, user)
        options = [part for pair in SETTINGS.items() for part in ("-c", "=".join(pair))]
        command: Command = [programs / "postgres", "-D", data, "-k", folder, *options]
        log = folder / "log"
        with running(command, cwd=folder, log=log, user=user) as server:
            _wait(programs, folder, server)
            with contextlib.closing(Postgres(folder)) as session:
                yield session


def _user() -> str | None:
    """Whom to run as: ourselves, unless that is root."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(ANYBODY).pw_name
    except KeyError:
        raise BenchmarkError(
            f"PostgreSQL does not run as root, and there is no user {ANYBODY}"
        ) from None


def _initialize(programs: Path, data: Path, user: str | None) -> None:
    command: Command = [programs / "initdb", "-D", data, "-U", ANYBODY, "-A", "trust", "--no-sync"]
    done = subprocess.run(command, check=False, capture_output=True, user=user, cwd=data)
    if done.returncode != 0:
        raise BenchmarkError(f"initdb failed:\n{done.stderr.decode(errors='replace')}")


def _wait(programs: Path, folder: Path, server: Contestant) -> None:
    deadline = time.monotonic() + 30
    ready: Command = [programs / "pg_isready", "-q", "-h", folder]
    while subprocess.run(ready, check=False, capture_output=True).returncode != 0:
        server.require_alive()
        if time.monotonic() > deadline:
            raise BenchmarkError(f"PostgreSQL is not ready:\n{server.last_output()}")
        time.sleep(0.05)
