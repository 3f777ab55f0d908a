"""The server as a process: stopped, killed, and left without its store."""

import asyncio
import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from actionhero.store.client import StoreClient
from actionhero.store.embedded import EmbeddedStore
from actionhero.testing import HttpClient, TcpClient
from tests.processes import serving, store_pid, wait_for
from tests.torture.processes import Store

pytestmark = pytest.mark.timeout(120)

APP = """
import asyncio, os
from actionhero import App, Stats, Task

app = App("served")


@app.action
async def plain() -> str:
    return "fine"


@app.action
async def count(stats: Stats) -> float:
    stats.increment("counted")
    return await stats.get("counted")


@app.action
async def slow(seconds: float = 1.0) -> str:
    with open("slow.log", "a") as log:
        log.write("begun\\n")
    await asyncio.sleep(seconds)
    return "done"


@app.action
async def enqueue(n: int, seconds: float = 0.0) -> int:
    return await app.tasks.enqueue_many(work(seconds=seconds) for _ in range(n))


@app.task
async def work(seconds: float, task: Task) -> None:
    log("begin", task.id)
    await asyncio.sleep(seconds)
    log("end", task.id)


def log(what: str, id: str) -> None:
    file = os.open("work.log", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    os.write(file, f"{what} {id}\\n".encode())
    os.close(file)
"""
FAST_LEASE = {"ACTIONHERO_TASKS__LEASE": "1s", "ACTIONHERO_TASKS__CONCURRENCY": "2000"}
STORE_AWAY = float(os.environ.get("ACTIONHERO_TEST_STORE_AWAY", "2"))
"""Seconds; the issue of 20 s is the same but for the waiting."""


def worked(directory: Path) -> tuple[Counter[str], Counter[str]]:
    """How often each task began and ended."""
    file = directory / "work.log"
    lines = file.read_text().split("\n") if file.exists() else []
    pairs = [line.split(" ") for line in lines if line]
    begun = Counter(id for what, id in pairs if what == "begin")
    ended = Counter(id for what, id in pairs if what == "end")
    return begun, ended


async def test_a_killed_server_loses_no_running_task(tmp_path: Path) -> None:
    async def all_begun() -> bool:
        return len(worked(tmp_path)[0]) == 1000

    async with serving(tmp_path, APP, **FAST_LEASE) as server:
        assert (await server.http.get("/api/enqueue", n=1000, seconds=1.5)).json() == 1000
        await wait_for(all_begun)
        await server.kill()
        before = worked(tmp_path)[1]
        await server.start()

        async def all_ended() -> bool:
            return len(worked(tmp_path)[1]) == 1000

        await wait_for(all_ended)
    begun, ended = worked(tmp_path)
    assert set(begun) == set(ended)
    assert all(ended[id] == 1 for id in before), "a task that had ended ran again"


async def test_a_stopped_server_gives_back_what_it_has_not_started(tmp_path: Path) -> None:
    env = {"ACTIONHERO_TASKS__CONCURRENCY": "5"}

    async def some_begun() -> bool:
        return len(worked(tmp_path)[0]) == 5

    async with serving(tmp_path, APP, **env) as server:
        await server.http.get("/api/enqueue", n=50, seconds=0.2)
        await wait_for(some_begun)
        server.send(signal.SIGTERM)
        assert await server.wait() == 0
        begun, ended = worked(tmp_path)
        assert begun == ended
        assert 5 <= len(ended) < 50

        async def all_ended() -> bool:
            return len(worked(tmp_path)[1]) == 50

        await server.start()
        await wait_for(all_ended)
    begun, ended = worked(tmp_path)
    assert set(begun.values()) == set(ended.values()) == {1}


async def test_a_stop_waits_for_what_runs_and_accepts_no_more(tmp_path: Path) -> None:
    async def has_begun() -> bool:
        return (tmp_path / "slow.log").exists()

    async with serving(tmp_path, APP, "--no-tasks") as server:
        running = asyncio.create_task(server.http.get("/api/slow", seconds=0.7))
        await wait_for(has_begun)
        server.send(signal.SIGTERM)
        response = await running
        assert (response.status, response.json()) == (200, "done")
        assert response.headers["connection"] == "close"
        assert await server.wait() == 0
        with pytest.raises(OSError, match=r"refused|Connect"):
            await server.http.get("/api/plain")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_second_signal_does_not_wait(tmp_path: Path, number: signal.Signals) -> None:
    async def has_begun() -> bool:
        return (tmp_path / "slow.log").exists()

    async with serving(tmp_path, APP, "--no-tasks") as server:
        running = asyncio.create_task(server.http.get("/api/slow", seconds=600))
        await wait_for(has_begun)
        server.send(number)

        async def drains() -> bool:
            return "server stops" in server.log

        await wait_for(drains)
        server.send(number)
        await server.wait()
        await asyncio.gather(running, return_exceptions=True)
        assert "Traceback" not in server.log


async def test_without_its_store_a_server_answers_what_it_can(tmp_path: Path) -> None:
    env = {"ACTIONHERO_STORE__COMMAND_TIMEOUT": "500ms", **FAST_LEASE}
    elsewhere = await EmbeddedStore.start(None)  # nobody replaces it when it hangs
    url = f"unix://{elsewhere.url.path}"
    async with serving(tmp_path, APP, "--store", url, **env) as server:
        tcp = await TcpClient.connect("127.0.0.1", server.tcp_port)
        assert (await server.http.get("/api/count")).json() == 1
        assert elsewhere.pid is not None
        os.kill(elsewhere.pid, signal.SIGSTOP)
        try:
            await wait_for(lambda: has_status(server.http, "/readyz", 503))
            end = asyncio.get_running_loop().time() + STORE_AWAY
            while asyncio.get_running_loop().time() < end:
                assert (await server.http.get("/api/plain")).json() == "fine"
                response = await server.http.get("/api/count")
                assert (response.status, response.json()["code"]) == (503, "store_unavailable")
                assert (await tcp.ask("count"))["error"]["code"] == "store_unavailable"
                assert (await server.http.get("/healthz")).status == 200
        finally:
            os.kill(elsewhere.pid, signal.SIGCONT)
        await wait_for(lambda: has_status(server.http, "/readyz", 200))
        assert (await server.http.get("/api/count")).json() > 1

        async def has_worked() -> bool:
            return len(worked(tmp_path)[1]) == 3

        await server.http.get("/api/enqueue", n=3)
        await wait_for(has_worked)
        assert "Traceback" not in server.log
        await tcp.aclose()
    await elsewhere.aclose()


async def test_a_killed_store_comes_back_with_its_data(tmp_path: Path) -> None:
    async with serving(tmp_path, APP, **FAST_LEASE) as server:
        assert (await server.http.get("/api/enqueue", n=200, seconds=0.5)).json() == 200
        os.kill(store_pid(tmp_path), signal.SIGKILL)

        async def all_ended() -> bool:
            return len(worked(tmp_path)[1]) == 200

        await wait_for(all_ended)
        await wait_for(lambda: has_status(server.http, "/readyz", 200))
        assert "Traceback" not in server.log


async def has_status(http: HttpClient, path: str, status: int) -> bool:
    return (await http.get(path)).status == status


async def test_a_store_that_takes_nothing_is_told_by_readiness(tmp_path: Path) -> None:
    """As with a full disk: it answers, and refuses to be written."""
    store = Store(tmp_path, "always")
    await store.start()
    client = await store.connect()
    try:
        async with serving(tmp_path, APP, "--store", store.url, **FAST_LEASE) as server:
            await client.execute("CONFIG", "SET", "save", "3600 1")
            shutil.rmtree(tmp_path / "store")
            await client.execute("SET", "probe", "1")
            await client.execute("BGSAVE")
            await wait_for(lambda: has_status(server.http, "/readyz", 503))
            reasons = (await server.http.get("/readyz")).json()["reasons"]
            assert "MISCONF" in reasons[0]
            response = await server.http.get("/api/enqueue", n=1)
            assert (response.status, response.json()["code"]) == (503, "store_full")
            await client.execute("CONFIG", "SET", "stop-writes-on-bgsave-error", "no")
            await wait_for(lambda: has_status(server.http, "/readyz", 200))
            await server.http.get("/api/enqueue", n=1)
            await wait_for(lambda: has_worked(tmp_path, 1))
            assert "Traceback" not in server.log
    finally:
        await client.aclose()
        await store.kill()


async def has_worked(directory: Path, tasks: int) -> bool:
    return len(worked(directory)[1]) == tasks


async def test_a_server_can_start_on_a_full_store(tmp_path: Path) -> None:
    """Else nobody could work off what fills it, once the last server has ended."""
    store = await EmbeddedStore.start(None)
    client = await StoreClient.connect(store.url)
    url = f"unix://{store.url.path}"
    try:
        async with serving(tmp_path, APP, "--store", url, "--no-tasks") as server:
            assert (await server.http.get("/api/enqueue", n=20)).json() == 20
        await client.execute("CONFIG", "SET", "maxmemory", 1)
        async with serving(tmp_path, APP, "--store", url, **FAST_LEASE) as server:
            await wait_for(lambda: has_worked(tmp_path, 20))
            assert (await server.http.get("/api/plain")).json() == "fine"
            response = await server.http.get("/api/enqueue", n=1)
            assert (response.status, response.json()["code"]) == (503, "store_full")
    finally:
        await client.aclose()
        await store.aclose()
