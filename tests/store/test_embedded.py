"""The embedded store: one server, however many processes share it, and whatever ends them."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actionhero.errors import StoreStartError
from actionhero.store import embedded
from actionhero.store.binary import find_server
from actionhero.store.client import StoreClient
from actionhero.store.embedded import EmbeddedStore, open_store
from actionhero.store.lock import LOCK, SOCKET, DirectoryLock
from tests.store.conftest import is_alive, until

pytestmark = pytest.mark.asyncio(loop_factories=["uvloop"])


class Member:
    """Another process of the project."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.server = 0

    @classmethod
    async def start(cls, directory: Path) -> "Member":
        member = cls(
            await asyncio.create_subprocess_exec(
                sys.executable,
                str(Path(__file__).with_name("member.py")),
                str(directory),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        )
        async with asyncio.timeout(30):
            ready = await member.read()
        member.server = int(ready.removeprefix("ready "))
        return member

    async def read(self) -> str:
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode().strip()

    async def ask(self, line: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        async with asyncio.timeout(30):
            return await self.read()

    async def answers(self, line: str, expected: str) -> bool:
        return await self.ask(line) == expected

    async def end(self, how: str = "exit") -> None:
        if self.process.returncode is None:
            if how == "kill":
                self.process.kill()
            elif self.process.stdin is not None:
                self.process.stdin.write(f"{how}\n".encode())
            async with asyncio.timeout(30):
                await self.process.wait()


@pytest.fixture
async def members(directory: Path) -> AsyncIterator[list[Member]]:
    """Members to be; what is left of them at the end is ended."""
    started: list[Member] = []
    yield started
    for member in started:
        await member.end("kill")
    if started:
        await until(lambda: _is_free(directory))


def _is_free(directory: Path) -> bool:
    lock = DirectoryLock(directory)
    is_free = lock.take()
    lock.release()
    return is_free


# alone


async def test_nothing_is_on_disk_without_a_directory() -> None:
    store = await EmbeddedStore.start(None)
    place = Path(store.url.path).parent
    assert place.stat().st_mode & 0o777 == 0o700
    assert store.is_owner
    assert store.pid is not None
    client = await StoreClient.connect(store.url)
    await client.execute("SET", "a", "b")
    settings = await client.execute(
        "CONFIG", "GET", "appendonly", "save", "port", "maxmemory-policy"
    )
    assert settings == {
        b"appendonly": b"no",
        b"save": b"",
        b"port": b"0",
        b"maxmemory-policy": b"noeviction",
    }
    assert [path.name for path in place.iterdir()] == [SOCKET]
    await client.aclose()
    pid = store.pid
    await store.aclose()
    await store.aclose()
    assert not place.exists()
    assert not is_alive(pid)
    assert store.pid is None
    with pytest.raises(StoreStartError, match="was closed"):
        await store.ensure_running()


async def test_the_data_is_kept_over_a_stop(directory: Path) -> None:
    for expected in (None, b"0", b"1"):
        client = await open_store(f"embedded:{directory}")
        assert await client.execute("GET", "n") == expected
        await client.execute("SET", "n", 0 if expected is None else int(expected) + 1)
        await client.aclose()
    assert not (directory / SOCKET).exists()
    assert set(os.listdir(directory)) == {"aof", LOCK, "store.log"}


async def test_one_url_opens_any_store(kept: EmbeddedStore) -> None:
    client = await open_store(f"unix://{kept.url.path}")
    assert await client.execute("PING") == b"PONG"
    await client.aclose()
    memory = await open_store("embedded::memory:")
    assert await memory.execute("DBSIZE") == 0
    await memory.aclose()


async def test_a_killed_server_is_started_again_with_its_data(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client = await open_store(f"embedded:{directory}")
    await client.execute("SET", "a", "kept")
    for _ in range(2):
        assert client.engine is not None
        assert client.engine.pid is not None
        os.kill(client.engine.pid, signal.SIGKILL)
        await until(lambda: not client.is_connected)
        await client.wait_connected(20)
        assert await client.execute("GET", "a") == b"kept"
    assert "the embedded store ended (signal 9)" in caplog.text
    await client.aclose()


async def test_a_killed_server_without_a_directory_comes_back_empty(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = await open_store("embedded:")
    await client.execute("SET", "a", "gone")
    assert client.engine is not None
    assert client.engine.pid is not None
    os.kill(client.engine.pid, signal.SIGKILL)
    await until(lambda: not client.is_connected)
    await client.wait_connected(20)
    assert await client.execute("GET", "a") is None
    assert "what it held is lost" in caplog.text
    await client.aclose()


async def test_a_server_that_hangs_is_replaced(
    directory: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(embedded, "_START_TIMEOUT", 0.2)
    monkeypatch.setattr(embedded, "_LOOK_TIMEOUT", 0.2)
    monkeypatch.setattr(embedded, "_STOP_TIMEOUT", 0.2)
    client = await open_store(f"embedded:{directory}", command_timeout=0.3)
    await client.execute("SET", "a", "kept")
    assert client.engine is not None
    assert client.engine.pid is not None
    os.kill(client.engine.pid, signal.SIGSTOP)
    await until(lambda: not client.is_connected)
    await client.wait_connected(20)
    assert await client.execute("GET", "a") == b"kept"
    assert "hangs: ending it" in caplog.text
    os.kill(client.engine.pid, signal.SIGSTOP)
    await client.aclose()
    assert _is_free(directory)


async def test_a_torn_tail_of_the_file_is_cut_off(directory: Path) -> None:
    client = await open_store(f"embedded:{directory}")
    await client.execute("SET", "a", "kept")
    await client.execute("SET", "b", "half of this is lost")
    await client.aclose()
    (log,) = (directory / "aof").glob("*.incr.aof")
    log.write_bytes(log.read_bytes()[:-9])
    client = await open_store(f"embedded:{directory}")
    assert await client.execute("MGET", "a", "b") == [b"kept", None]
    await client.aclose()


async def test_a_broken_file_is_told_with_the_servers_own_words(directory: Path) -> None:
    client = await open_store(f"embedded:{directory}")
    await client.execute("SET", "a", "b")
    await client.aclose()
    (log,) = (directory / "aof").glob("*.incr.aof")
    log.write_bytes(b"*1\r\nnonsense\r\n" + log.read_bytes())
    with pytest.raises(StoreStartError, match=r"(?s)status 1.*Bad file format.*aof.*--fix"):
        await open_store(f"embedded:{directory}")
    assert _is_free(directory)


@pytest.mark.parametrize("name", ["long/" * 30, "with space and 'quotes\"", "--ünïcode"])
async def test_odd_directories(directory: Path, name: str) -> None:
    for expected in (None, b"1"):
        store = await EmbeddedStore.start(directory / name)
        client = await StoreClient.connect(store.url)
        assert await client.execute("GET", "a") == expected
        await client.execute("SET", "a", 1)
        await client.aclose()
        place = Path(store.url.path).parent
        await store.aclose()
        assert place.exists() == (place == directory / name)


async def test_what_a_dead_server_left_is_no_hindrance(directory: Path) -> None:
    (directory / SOCKET).touch()
    (directory / LOCK).write_text("nonsense")
    client = await open_store(f"embedded:{directory}")
    assert await client.execute("PING") == b"PONG"
    await client.aclose()


async def test_a_relative_directory(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(directory)
    client = await open_store("embedded:.data")
    monkeypatch.chdir("/")
    assert (directory / ".data" / SOCKET).exists()
    await client.aclose()


# what cannot be started


async def test_a_file_in_the_directorys_place(directory: Path) -> None:
    (directory / "file").touch()
    with pytest.raises(StoreStartError, match=r"cannot be used.*store\.url"):
        await open_store(f"embedded:{directory}/file")


async def test_a_directory_the_server_cannot_use(directory: Path) -> None:
    (directory / "aof").touch()
    with pytest.raises(StoreStartError, match=r"(?s)did not start \(status 1\).*aof"):
        await open_store(f"embedded:{directory}")


def _use(monkeypatch: pytest.MonkeyPatch, directory: Path, script: str) -> None:
    binary = directory / "valkey-server"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    monkeypatch.setattr(embedded, "find_server", lambda: binary)


async def test_a_binary_that_dies_at_once(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _use(monkeypatch, directory, "echo the dog ate it; exit 7")
    for where in (None, directory / "data"):
        with pytest.raises(
            StoreStartError, match=r"(?s)\(status 7\); its last words:.*the dog ate"
        ):
            await EmbeddedStore.start(where)


async def test_a_binary_that_never_answers(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_START_TIMEOUT", 0.1)
    _use(monkeypatch, directory, "echo thinking; exec sleep 1000")
    with pytest.raises(StoreStartError, match=r"(?s)signal 9.*thinking"):
        await EmbeddedStore.start(None)


async def test_a_wrapper_in_the_binarys_place(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = find_server()
    _use(monkeypatch, directory, f'trap "kill $!" TERM; {real} "$@" & wait')
    monkeypatch.setattr(embedded, "_STOP_TIMEOUT", 0.2)
    with pytest.raises(StoreStartError, match="a wrapper"):
        await EmbeddedStore.start(directory / "data")
    await until(lambda: _is_free(directory / "data"))


async def test_a_missing_binary(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "find_server", lambda: directory / "missing")
    with pytest.raises(StoreStartError, match="missing"):
        await EmbeddedStore.start(directory / "data")


async def test_a_holder_of_the_lock_that_does_not_answer(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_START_TIMEOUT", 0.1)
    lock = DirectoryLock(directory)
    assert lock.take()
    with pytest.raises(StoreStartError, match="another process holds"):
        await open_store(f"embedded:{directory}")
    lock.release()


MOUNT = """
import os, subprocess, sys
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", sys.argv[1]], check=True)
import asyncio
from actionhero.errors import StoreFullError, StoreStartError
from actionhero.store.embedded import open_store

async def main():
    client = await open_store(f"embedded:{sys.argv[1]}")
    await client.execute("SET", "before", 1)
    try:
        for n in range(100):
            await client.execute("SET", n, "x" * 50_000)
            await asyncio.sleep(0.01)
    except StoreFullError as error:
        print(error)
    print(await client.execute("GET", "before"))
    subprocess.run(["mount", "-o", "remount,size=64m", sys.argv[1]], check=True)
    while True:
        try:
            await client.execute("SET", "after", 1)
            break
        except StoreFullError:
            await asyncio.sleep(0.05)
    await client.aclose()
    with open(sys.argv[1] + "/ballast", "wb") as ballast:
        try:
            while True:
                ballast.write(bytes(1 << 20))
        except OSError:
            pass
        try:
            await open_store(f"embedded:{sys.argv[1]}/other")
        except StoreStartError as error:
            print(*str(error).splitlines())
    os.unlink(sys.argv[1] + "/ballast")
    client = await open_store(f"embedded:{sys.argv[1]}")
    print(await client.execute("MGET", "before", "0", "after") == [b"1", b"x" * 50_000, b"1"])
    await client.aclose()

asyncio.run(main())
"""


async def test_a_full_disk_refuses_writes_and_recovers(directory: Path) -> None:
    unshare = shutil.which("unshare")
    if unshare is None or os.getuid() != 0:
        pytest.skip("only root can mount a small disk of its own (with unshare) to fill it")
    probe = await asyncio.create_subprocess_exec(unshare, "-m", "true", stderr=subprocess.DEVNULL)
    if await probe.wait() != 0:
        pytest.skip("unshare -m is not allowed here: no small disk to fill")
    said = await asyncio.create_subprocess_exec(
        unshare, "-m", sys.executable, "-c", MOUNT, str(directory), stdout=subprocess.PIPE
    )
    out, _ = await said.communicate()
    full, before, start, kept = out.decode().splitlines()
    assert "MISCONF" in full
    assert "free space" in full
    assert "No space left" in start
    assert (before, kept) == ("b'1'", "True")


# together


async def test_two_stores_of_one_process_share_a_server(directory: Path) -> None:
    first = await EmbeddedStore.start(directory)
    second = await EmbeddedStore.start(directory)
    assert (first.is_owner, second.is_owner) == (True, False)
    assert first.pid == second.pid
    await second.aclose()
    assert first.pid is not None
    assert is_alive(first.pid)
    await first.aclose()


async def test_processes_share_one_server(directory: Path, members: list[Member]) -> None:
    members += [await Member.start(directory), await Member.start(directory)]
    first, second = members
    assert first.server == second.server
    assert await first.ask("SET a hello") == "OK"
    assert await second.ask("GET a") == "hello"
    await second.end()
    assert await first.ask("GET a") == "hello"
    await first.end()
    assert not is_alive(first.server)


async def test_many_starts_at_once_make_one_server(directory: Path, members: list[Member]) -> None:
    members += await asyncio.gather(*[Member.start(directory) for _ in range(5)])
    assert len({member.server for member in members}) == 1
    replies = [await member.ask("INCR n") for member in members]
    assert replies == ["1", "2", "3", "4", "5"]


@pytest.mark.parametrize("how", ["exit", "stop", "kill"])
async def test_when_the_owner_ends_another_takes_over(
    directory: Path, members: list[Member], how: str
) -> None:
    members.append(await Member.start(directory))
    members += await asyncio.gather(*[Member.start(directory) for _ in range(2)])
    owner, *others = members
    assert await others[0].ask("CONFIG SET appendfsync no") == "OK"
    assert await owner.ask("SET a kept") == "OK"
    await owner.end(how)
    await until(lambda: not is_alive(owner.server))
    for member in others:
        await until(lambda: member.answers("GET a", "kept"))  # noqa: B023
    assert await others[0].ask("INCR n") == "1"
    assert await others[1].ask("INCR n") == "2"


async def test_after_everything_was_killed_the_data_is_there(
    directory: Path, members: list[Member]
) -> None:
    members += [await Member.start(directory), await Member.start(directory)]
    owner, other = members
    assert await owner.ask("CONFIG SET appendfsync no") == "OK"
    assert await other.ask("SET a kept") == "OK"
    for pid in (owner.server, owner.process.pid, other.process.pid):
        os.kill(pid, signal.SIGKILL)
    await asyncio.gather(owner.process.wait(), other.process.wait())
    survivor = await Member.start(directory)
    members.append(survivor)
    assert survivor.server != owner.server
    assert await survivor.ask("GET a") == "kept"


async def test_an_owner_that_stops_without_a_word_takes_its_server_along(
    directory: Path, members: list[Member]
) -> None:
    members.append(await Member.start(directory))
    await members[0].end("stop")
    await until(lambda: not is_alive(members[0].server))
    await until(lambda: _is_free(directory))
