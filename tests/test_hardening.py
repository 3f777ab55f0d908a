"""What holds over every transport: rates of the cluster, errors that tell a client nothing of ours,
logs that a client cannot write, and that hold no secrets."""

import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from actionhero import ActionError, App
from actionhero.settings import GeneralSettings, LogSettings, Settings, StoreSettings
from actionhero.store.url import StoreUrl
from actionhero.telemetry import JsonFormatter, Mask, TextFormatter
from actionhero.testing import TestServer
from tests.shared_store import server_url, store  # noqa: F401  fixtures

EVIL = "x\r\n12:00:00 error    forged \x1b[31m \x9b2J \u2028"
SECRET = "hunter2-hunter2"
ENVS = ("development", "production")


def make_app() -> App:
    app = App("hardened")

    @app.action(rate_limit="4/h")
    async def limited() -> str:
        return "ok"

    @app.action
    async def broken(how: str = "raise", password: str = "", token: str = "") -> object:
        if how == "value":
            return object()
        if how == "theirs":
            raise ActionError("no", status=409)
        raise RuntimeError(f"cannot reach db://admin@10.0.0.1 {EVIL}")

    return app


def settings_of(url: StoreUrl, env: str = "test") -> Settings:
    return Settings(env=env, store=StoreSettings(url=str(url)))


@pytest.fixture
async def pair(
    server_url: StoreUrl,  # noqa: F811
    store: object,  # noqa: F811
) -> AsyncIterator[tuple[TestServer, TestServer]]:
    """Two servers of one cluster."""
    async with (
        TestServer(make_app(), settings=settings_of(server_url)) as one,
        TestServer(make_app(), settings=settings_of(server_url)) as other,
    ):
        yield one, other


async def ask(server: TestServer, transport: str, name: str, **inputs: str) -> dict[str, Any]:
    """What an action answers over a transport."""
    if transport == "http":
        return {"http": await server.http.post(f"/api/{name}", **inputs)}
    if transport == "websocket":
        return await (await server.websocket()).action(name, **inputs)
    line = json.dumps({"action": name, "params": inputs})
    return await (await server.tcp()).ask(line)


async def test_a_rate_holds_for_all_transports_of_all_servers(
    pair: tuple[TestServer, TestServer],
) -> None:
    one, other = pair
    for server, transport in ((one, "http"), (other, "http"), (one, "websocket"), (other, "tcp")):
        reply = await ask(server, transport, "limited")
        assert reply.get("data", reply.get("http") and reply["http"].json()) == "ok"
    for server in pair:
        response = (await ask(server, "http", "limited"))["http"]
        assert response.status == 429
        assert 0 < int(response.headers["retry-after"]) <= 900
        for transport in ("websocket", "tcp"):
            error = (await ask(server, transport, "limited"))["error"]
            assert error["code"] == "too_many_requests"
            assert 0 < error["retryAfter"] <= 900


class Lines(logging.Handler):
    """What is logged, as it is written."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__(logging.DEBUG)
        self.setFormatter(formatter)
        self._text = io.StringIO()

    def emit(self, record: logging.LogRecord) -> None:
        self._text.write(self.format(record) + "\n")

    @property
    def text(self) -> str:
        return self._text.getvalue()


@pytest.fixture(params=[TextFormatter, JsonFormatter])
def lines(request: pytest.FixtureRequest) -> Iterator[Lines]:
    handler = Lines(request.param(Mask(GeneralSettings().filtered_params)))
    root = logging.getLogger("actionhero")
    before = root.level
    root.addHandler(handler)
    root.setLevel(LogSettings().level.upper())
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)


@pytest.mark.parametrize("env", ENVS)
async def test_no_client_learns_what_went_wrong_in_here(
    server_url: StoreUrl,  # noqa: F811
    env: str,
) -> None:
    async with TestServer(make_app(), settings=settings_of(server_url, env)) as server:
        for transport in ("http", "websocket", "tcp"):
            for how in ("raise", "value"):
                reply = await ask(server, transport, "broken", how=how)
                shown = reply["http"].text if transport == "http" else json.dumps(reply)
                assert "internal_error" in shown
                for word in ("Traceback", "RuntimeError", "TypeError", "admin", ".py", "object at"):
                    assert word not in shown


async def test_logs_have_no_secrets_and_only_lines_of_ours(
    server_url: StoreUrl,  # noqa: F811
    lines: Lines,
) -> None:
    async with TestServer(make_app(), settings=settings_of(server_url)) as server:
        for transport in ("http", "websocket", "tcp"):
            await ask(server, transport, "broken", password=SECRET, token=SECRET)
        await server.http.get("/api/broken", password=SECRET)
        await (await server.tcp()).ask(f"broken password={SECRET}")
        await server.http.request("GET", "/api/broken", headers={"X-Request-Id": "a\tb\x9bc"})
    text = lines.text
    assert text.count("action failed") >= 5
    assert SECRET not in text
    assert "[filtered]" in text
    assert "forged" in text
    for line in text.splitlines():
        assert line.isprintable()
        assert not line.startswith("12:00:00 error    forged")
        if isinstance(lines.formatter, JsonFormatter):
            assert json.loads(line)["level"] in {"debug", "info", "warning", "error"}
