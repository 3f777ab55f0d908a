"""Time that passes when the test says so, for types by the clock."""

from actionhero import App
from actionhero.testing import TestServer


async def test_a_type_by_the_clock_comes_due_and_is_planned_again() -> None:
    app = App("clocked")
    runs: list[int] = []

    @app.task(cron="0 3 1 1 *", tz="Europe/Vienna")
    async def yearly() -> None:
        runs.append(1)

    async with TestServer(app) as server:
        for expected in (0, 1, 2):
            await server.run_tasks()
            assert len(runs) == expected
            await server.clock.advance("367d")


async def test_a_divided_queue_has_the_same_time() -> None:
    app = App("divided")
    app.queue("default", shards=3)
    runs: list[str] = []

    @app.task(every="1h")
    async def one() -> None:
        runs.append("one")

    @app.task(every="2h")
    async def two() -> None:
        runs.append("two")

    async with TestServer(app) as server:
        await server.run_tasks()
        await server.clock.advance("1h")
        await server.run_tasks()
        assert runs == ["one"]
        await server.clock.advance("1h")
        await server.run_tasks()
        assert sorted(runs) == ["one", "one", "two"]
