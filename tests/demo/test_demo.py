"""The demo app: v4.1.0's actions under their names, and a task of each kind."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest

from actionhero import App
from actionhero.demo import app
from actionhero.demo.websocket import main as websocket_main
from actionhero.testing import TestServer


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    async with TestServer(app) as running:
        yield running


async def test_hello_over_every_transport(server: TestServer) -> None:
    greeting = {"greeting": "Hello, Ada!"}
    assert (await server.http.get("/api/hello/Ada", excited="true")).json() == greeting
    websocket, tcp = await server.websocket(), await server.tcp()
    assert greeting.items() <= (await websocket.action("hello", name="Ada", excited=True)).items()
    assert greeting.items() <= (await tcp.ask("hello name=Ada excited=true")).items()
    assert await server.terminal("hello", "--name", "Ada", "--excited") == greeting


async def test_actions_view_lists_them_with_their_inputs(server: TestServer) -> None:
    actions = (await server.http.get("/api/actionsView")).json()["actions"]
    names = [action["name"] for action in actions]
    assert names == sorted(names)
    assert {
        "actionsView", "cacheTest", "chat", "randomNumber", "sleepTest", "status",
    } <= set(names)  # fmt: skip
    cache_test = next(action for action in actions if action["name"] == "cacheTest")
    assert cache_test["inputs"] == {"required": ["key", "value"], "optional": []}
    assert cache_test["description"]


async def test_cache_test_saves_loads_and_destroys(server: TestServer) -> None:
    answered = await server.http.get("/api/cacheTest", key="k", value="v")
    results = answered.json()["cacheTestResults"]
    loaded = results["loadResp"]
    assert (results["saveResp"], results["sizeResp"], results["deleteResp"]) == (True, 1, True)
    assert (loaded["key"], loaded["value"]) == ("cacheTest_k", "v")
    assert loaded["expireTimestamp"] - loaded["createdAt"] == 5000
    assert (await server.http.get("/api/cacheTest", key="k")).status == 422


@pytest.mark.parametrize(
    ("method", "most"), [("GET", 1), ("PUT", 10), ("POST", 100), ("DELETE", 1000)]
)
async def test_random_number_grows_with_the_method(
    server: TestServer, method: str, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actionhero.demo.actions.random.random", lambda: 0.5)
    answer = await server.http.request(method, "/api/randomNumber")
    assert answer.json() == {"randomNumber": 0.5 * most}


async def test_random_number_where_there_is_no_method(server: TestServer) -> None:
    tcp = await server.tcp()
    assert 0 <= (await tcp.ask("randomNumber"))["randomNumber"] < 1


async def test_sleep_test_sleeps(server: TestServer) -> None:
    slept = (await server.http.get("/api/sleepTest", sleepDuration=20)).json()
    assert slept["sleepDuration"] == 20
    assert slept["sleepDelta"] >= 19
    assert slept["sleepEnded"] - slept["sleepStarted"] >= 19


@pytest.mark.parametrize("duration", ["20001", "-1", "soon", "nan"])
async def test_sleep_test_refuses(server: TestServer, duration: str) -> None:
    assert (await server.http.get("/api/sleepTest", sleepDuration=duration)).status == 422


async def test_countdown_is_a_stream(server: TestServer) -> None:
    tcp = await server.tcp()
    await tcp.send("countdown start=0")
    assert (await tcp.receive())["data"] == 0
    assert (await tcp.receive())["status"] == "OK"
    assert await server.terminal("countdown", "--start", "0") == [0]


async def test_status_tells_about_this_server(server: TestServer) -> None:
    await server.http.get("/api/hello/Ada")
    status = (await server.http.get("/api/status")).json()
    assert status["id"] == server.services.server
    assert status["uptime"] >= 0
    assert status["stats"]["global"]["actions:processedActions:hello"] == 1
    assert status["stats"]["local"]["actions:processedActions:hello"] == 1
    assert set(status["tasks"]) == {"default"}


async def test_chat_between_two_http_clients(server: TestServer) -> None:
    ada, bob = Chatter(server), Chatter(server)
    for one in (ada, bob):
        assert await one.ask(method="roomChange", room="defaultRoom") == {"room": "defaultRoom"}
    assert (await ada.ask(method="say", message="hi"))["offset"] == 1
    (heard,) = (await bob.ask(method="messages"))["messages"]
    assert (heard["message"], heard["room"]) == ("hi", "defaultRoom")
    assert heard["from"] == (await ada.ask(method="detailsView"))["details"]["id"]
    assert await bob.ask(method="messages") == {"messages": [], "lost": []}
    assert await ada.ask(method="messages") == {"messages": [], "lost": []}
    status = (await bob.ask(method="roomView"))["roomStatus"]
    assert status["membersCount"] == 2
    assert (await server.http.get("/api/chat", method="shout")).status == 422
    assert (await server.http.get("/api/chat", method="say", message="x")).status == 400


class Chatter:
    """A client that keeps its cookie."""

    def __init__(self, server: TestServer) -> None:
        self._http = server.http
        self._cookie = ""

    async def ask(self, **inputs: str) -> dict[str, Any]:
        path = f"/api/chat?{urlencode(inputs)}"
        answer = await self._http.request("GET", path, headers={"Cookie": self._cookie})
        self._cookie = answer.headers.get("set-cookie", self._cookie).partition(";")[0]
        assert answer.status == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown


async def test_greet_later_enqueues_a_task(server: TestServer) -> None:
    id = (await server.http.get("/api/greetLater", name="Ada")).json()["task"]
    assert (await server.services.tasks.show(id)).name == "greet"
    await server.run_tasks()
    assert await app.stats.get("demo:greetings") == 1
    await server.http.post("/api/greetings", name="Ada", delay=60)
    await server.run_tasks()
    assert await app.stats.get("demo:greetings") == 1
    await server.clock.advance("60s")
    await server.run_tasks()
    assert await app.stats.get("demo:greetings") == 2


async def test_a_task_on_all_servers(server: TestServer) -> None:
    await server.services.definitions.tasks["forget"](what="everything").enqueue()
    await server.run_tasks()
    assert await app.stats.get("demo:forgotten") == 1


async def test_the_periodic_tasks(server: TestServer) -> None:
    await server.run_tasks()
    await server.clock.advance("31s")
    await server.run_tasks()
    assert await app.stats.get("demo:tidied") >= 1
    assert await app.stats.get("demo:reports") >= 1


async def test_a_division_by_zero_is_kept(
    server: TestServer, caplog: pytest.LogCaptureFixture
) -> None:
    divide = server.services.definitions.tasks["divide"]
    with caplog.at_level(logging.INFO, "actionhero.demo"):
        await divide(a=1, b=0).enqueue()
        await divide(a=1, b=2).enqueue()
        await server.run_tasks()
    assert "1 / 2 = 0.5" in caplog.messages
    failed = (await server.services.tasks.failed()).tasks
    assert [task.error and task.error["type"] for task in failed] == ["ZeroDivisionError"]


async def test_the_line_for_websockets_works(
    server: TestServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"ws://127.0.0.1:{server.server.http_port}/ws"
    code = await asyncio.to_thread(websocket_main, [url, "hello", "name=Ada"])
    assert code == 0
    assert '"greeting":"Hello, Ada."' in capsys.readouterr().out


async def test_the_line_for_websockets_shows_all_of_a_stream(
    capsys: pytest.CaptureFixture[str],
) -> None:
    quick = App("quick")

    @quick.action
    async def count() -> AsyncIterator[int]:
        yield 1
        yield 2

    async with TestServer(quick) as server:
        url = f"ws://127.0.0.1:{server.server.http_port}/ws"
        assert await asyncio.to_thread(websocket_main, [url, "count"]) == 0
    shown = capsys.readouterr().out
    assert '"data":2' in shown
    assert '"status":"OK"' in shown


def test_the_line_for_websockets_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert websocket_main(["ws://127.0.0.1:1/ws", "hello"]) == 1
    assert "cannot reach ws://127.0.0.1:1/ws" in capsys.readouterr().err
    assert websocket_main([]) == 2
    assert "usage:" in capsys.readouterr().err
