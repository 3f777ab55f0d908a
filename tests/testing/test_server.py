"""The kit does what it says; and through it, one action over every transport."""

from typing import Any

import pytest

from actionhero import ActionError, App, Connection, Stats, Tasks
from actionhero.errors import InvalidInputError, TaskFailedError
from actionhero.testing import AppServer, TestServer


@pytest.fixture
def app() -> App:
    app = App("kit")

    @app.action("GET /hello/{name}")
    async def hello(name: str, excited: bool = False) -> dict[str, str]:
        """Say hello."""
        return {"greeting": f"Hello, {name}{'!' if excited else '.'}"}

    @app.action
    async def refuse(connection: Connection) -> None:
        raise ActionError(f"not over {connection.transport}", code="refused", status=403)

    @app.task(retries=1, backoff="1h")
    async def work(x: int, stats: Stats) -> None:
        stats.increment("worked", x)
        if x < 0:
            raise RuntimeError("negative")

    @app.task(every="30s", scope="all")
    async def sweep(stats: Stats) -> None:
        stats.increment("swept")

    @app.action
    async def later(x: int, tasks: Tasks) -> str:
        task = await work(x=x).enqueue()
        return task.id

    return app


GREETING = {"greeting": "Hello, Ada!"}


async def test_one_action_answers_over_every_transport(app: App, app_server: AppServer) -> None:
    server = await app_server(app)
    assert (await server.http.get("/api/hello/Ada", excited="true")).json() == GREETING
    assert (await server.http.post("/api/hello", name="Ada", excited=True)).json() == GREETING
    websocket, tcp = await server.websocket(), await server.tcp()
    reply = await websocket.action("hello", name="Ada", excited=True)
    assert reply == {**GREETING, "context": "response", "messageId": 1}
    reply = await tcp.ask("hello name=Ada excited=true")
    assert (reply["greeting"], reply["context"], reply["messageCount"]) == (
        "Hello, Ada!",
        "response",
        1,
    )
    assert await server.terminal("hello", "--name", "Ada", "--excited") == GREETING
    assert await app.stats.get("actions:processedActions:hello") == 5


async def test_an_error_is_the_same_over_every_transport(app: App, app_server: AppServer) -> None:
    server = await app_server(app)
    response = await server.http.get("/api/refuse")
    assert (response.status, response.json()["code"]) == (403, "refused")
    assert response.headers["content-type"] == "application/problem+json"
    websocket, tcp = await server.websocket(), await server.tcp()
    expected: dict[str, Any] = {"code": "refused", "message": "not over websocket"}
    assert (await websocket.action("refuse"))["error"] == expected
    assert (await tcp.ask("refuse"))["error"]["message"] == "not over tcp"
    with pytest.raises(ActionError, match="not over terminal"):
        await server.terminal("refuse")
    with pytest.raises(InvalidInputError, match="name: is required"):
        await server.terminal("hello")


async def test_tasks_wait_for_the_test(app: App, app_server: AppServer) -> None:
    server = await app_server(app)
    await server.http.get("/api/later", x=5)
    assert await app.stats.get("worked") == 0
    await server.run_tasks()
    assert await app.stats.get("worked") == 5


async def test_time_passes_when_the_test_says_so(app: App, app_server: AppServer) -> None:
    server = await app_server(app)
    work = app.definitions.tasks["work"]
    await work(x=3).enqueue(delay="10m")
    failing = await work(x=-1).enqueue()
    await app.cache.save("a", 1, expire="5m")
    await server.run_tasks()
    assert await app.stats.get("worked") == -1
    assert await failing.state() == "retrying"
    await server.clock.advance("9m")
    await server.run_tasks()
    assert await app.stats.get("worked") == -1
    assert await app.cache.load("a") is None
    await server.clock.advance("1h")
    await server.run_tasks()
    assert await app.stats.get("worked") == 1
    assert await failing.state() == "failed"
    (letter,) = (await app.tasks.failed()).tasks
    assert letter.id == failing.id


async def test_workers_run_by_themselves_when_asked(app: App, app_server: AppServer) -> None:
    server = await app_server(app, workers=True)
    await app.definitions.tasks["work"](x=2).enqueue()

    async def has_worked() -> bool:
        return await app.stats.get("worked") == 2

    await server.wait_for(has_worked)
    await server.clock.advance("30s")

    async def has_swept() -> bool:
        return await app.stats.get("swept") >= 1

    await server.wait_for(has_swept)


async def test_two_servers_of_one_test_do_not_meet(app: App, app_server: AppServer) -> None:
    other = App("other")

    @other.action
    async def count(stats: Stats) -> float:
        stats.increment("n")
        return await stats.get("n")

    first, second = await app_server(app), await app_server(other)
    assert (await second.http.get("/api/count")).json() == 1
    assert (await first.http.get("/api/count")).status == 404
    assert first.server.http_port != second.server.http_port


async def test_a_client_notices_the_end(app: App) -> None:
    async with TestServer(app) as server:
        tcp = await server.tcp()
        websocket = await server.websocket()
        await server.server.drain()
        assert (await tcp.receive())["reason"] == "server shutdown"
        for client in (tcp, websocket):
            with pytest.raises(EOFError):
                await client.receive()


async def test_what_an_enqueued_action_answers_is_kept_where_it_is_asked_for(
    app_server: AppServer,
) -> None:
    app = App("kept")

    @app.action
    async def add(x: int, y: int = 1) -> dict[str, int]:
        if x < 0:
            raise ActionError("only forwards", code="backwards")
        return {"sum": x + y}

    server = await app_server(app)
    task = await add(x=1).enqueue(keep_result="1h")
    failing = await add(x=-1).enqueue(keep_result="1h")
    await server.run_tasks()
    assert await task.result(timeout=20) == {"sum": 2}
    assert await task.state() == "completed"
    with pytest.raises(TaskFailedError, match="ActionError: only forwards"):
        await failing.result(timeout=20)
