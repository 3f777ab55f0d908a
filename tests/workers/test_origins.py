"""The trace of a request reaches the log lines of the tasks it causes, and of those these cause."""

import logging

import pytest

from actionhero.app import App
from actionhero.telemetry import current_fields
from actionhero.testing import AppServer
from tests.test_tracing import PARENT, SPAN, TRACE


async def test_from_a_request_to_the_task_of_its_task(
    app_server: AppServer, caplog: pytest.LogCaptureFixture
) -> None:
    app = App("origins")
    seen: list[dict[str, str]] = []

    @app.task
    async def second() -> None:
        seen.append(dict(current_fields()))

    @app.task
    async def first() -> None:
        seen.append(dict(current_fields()))
        await second().enqueue()

    @app.action("GET /go")
    async def go() -> None:
        await first().enqueue()
        await app.tasks.enqueue_many([second()])
        logging.getLogger("tests.origins").warning("asked")

    server = await app_server(app)
    headers = {"traceparent": PARENT, "X-Request-ID": "r-77"}
    assert (await server.http.request("GET", "/api/go", headers=headers)).status == 200
    await server.run_tasks()
    assert len(seen) == 3
    for fields in seen:
        assert (fields["trace_id"], fields["parent_id"]) == (TRACE, SPAN)
        assert fields["request_id"] == "r-77"

    seen.clear()
    assert (await server.http.request("GET", "/api/go", headers={"traceparent": "x"})).status == 200
    await server.run_tasks()
    assert len(seen) == 3
    assert all("trace_id" not in fields and fields["request_id"] for fields in seen)
    assert len({fields["request_id"] for fields in seen}) == 1
