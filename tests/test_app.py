import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import actionhero.app as app_module
from actionhero.actions.action import Invocation, Proceed
from actionhero.app import App
from actionhero.cache import Cache
from actionhero.connections import Connection
from actionhero.errors import (
    ActionError,
    ActionHeroError,
    DefinitionError,
    InvalidInputError,
    NotConnectedError,
    ResultTimeoutError,
)
from actionhero.settings import Settings, StoreSettings
from actionhero.stats import Stats
from actionhero.tasks.queue import Tasks

SETTINGS = Settings(store=StoreSettings(url="embedded::memory:"))


@pytest.fixture
def app() -> App:
    return App("test")


class Database: ...


@pytest.mark.parametrize("name", ["", "a b", "a:b", "{a}", "a/b"])
def test_a_name_that_cannot_begin_keys_is_refused(name: str) -> None:
    with pytest.raises(DefinitionError, match="is no app name"):
        App(name)


def test_decorators_define(app: App) -> None:
    @app.action
    async def one() -> None: ...

    @app.action("GET /two", name="zwei", version=2)
    async def two() -> None: ...

    @app.task
    async def three() -> None: ...

    @app.task(queue="mail")
    def four() -> None: ...

    assert [action.name for action in app.definitions.actions] == ["one", "zwei"]
    assert list(app.definitions.tasks) == ["runAction", "three", "four"]
    assert app.definitions.queues() == ("default", "mail")
    assert app.definitions.routes().match("GET", "/two").action == "zwei"


def test_a_name_and_version_can_be_defined_once(app: App) -> None:
    @app.action
    async def one() -> None: ...

    app.action(version=2, name="one")(lambda_action)
    with pytest.raises(DefinitionError, match=r"defined twice.*test_app\.py.*test_app\.py"):
        app.action(name="one")(lambda_action)


async def lambda_action() -> None: ...


def test_a_task_can_be_defined_once(app: App) -> None:
    @app.task(name="one")
    async def first() -> None: ...

    with pytest.raises(DefinitionError, match=r"defined twice.*test_app\.py.*test_app\.py"):

        @app.task(name="one")
        async def second() -> None: ...


def test_a_package_is_taken_up_whole(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "shop_for_include"
    (package / "deep").mkdir(parents=True)
    for folder in (package, package / "deep"):
        (folder / "__init__.py").touch()
    (package / "actions.py").write_text(
        "from actionhero.app import action, middleware\n"
        "@action('GET /buy')\nasync def buy() -> None: ...\n"
        "@middleware\nasync def around(invocation, proceed): return await proceed()\n"
    )
    (package / "deep" / "tasks.py").write_text(
        "from collections.abc import AsyncIterator\n"
        "from actionhero.app import initializer, task\n"
        "from shop_for_include.actions import buy\n"
        "@task(every='1m')\nasync def sweep() -> None: ...\n"
        "@task\nasync def once() -> None: ...\n"
        "@initializer\nasync def ready() -> AsyncIterator[None]:\n    yield\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    app.include("shop_for_include")
    app.include(sys.modules["shop_for_include.actions"])
    assert [action.name for action in app.definitions.actions] == ["buy"]
    assert sorted(app.definitions.tasks) == ["once", "runAction", "sweep"]
    assert len(app.definitions.initializers) == 1
    assert len(app.definitions.middleware) == 1


def test_a_module_that_defines_nothing_is_refused(app: App) -> None:
    with pytest.raises(DefinitionError, match="defines no action"):
        app.include("json")


@pytest.mark.parametrize("service", ["tasks", "stats", "cache"])
def test_services_wait_for_a_connection(app: App, service: str) -> None:
    with pytest.raises(NotConnectedError, match="connected"):
        getattr(app, service)


async def test_a_stream_from_python_is_an_iterator(app: App) -> None:
    ended = []

    @app.action
    async def count(to: int, connection: Connection) -> AsyncIterator[int | str]:
        try:
            yield connection.transport
            for number in range(to):
                yield number
            if to == 0:
                raise ActionError("nothing", code="empty")
        finally:
            ended.append(to)

    async with app.connected(SETTINGS):
        assert [value async for value in await count(to=2).run()] == ["python", 0, 1]
        with pytest.raises(InvalidInputError):
            await count(to="many").run()
        stream = await count(to=0).run()
        assert await anext(stream) == "python"
        with pytest.raises(ActionError, match="nothing"):
            await anext(stream)
        async with contextlib.aclosing(await count(to=5).run()) as stream:
            assert await anext(stream) == "python"
        assert ended == [2, 0, 5]


async def test_a_connected_app_has_its_services(app: App) -> None:
    @app.action
    async def hello(name: str, stats: Stats, app: App) -> str:
        stats.increment("hellos")
        return f"{app.name}: {name}"

    @app.task
    async def work(x: int) -> int:
        return x + 1

    async with app.connected(SETTINGS) as services:
        assert await hello(name="Ada").run() == "test: Ada"
        assert await app.stats.get("hellos") == 1
        await app.cache.save("a", 1)
        task = await work(x=1).enqueue()
        assert await task.state() == "pending"
        async with app.connected() as nested:
            assert nested is services
        assert await app.cache.load("a") is not None
    with pytest.raises(NotConnectedError):
        await hello(name="Ada").run()
    with pytest.raises(NotConnectedError):
        await work(x=1).enqueue()


async def test_settings_are_those_of_a_server_started_here(
    app: App, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACTIONHERO_STORE__URL", "embedded::memory:")
    (tmp_path / "actionhero.toml").write_text('[general]\nname = "here"\n')
    async with app.connected() as services:
        assert services.settings.general.name == "here"
        assert services.server.startswith("here:")
    assert not (tmp_path / ".actionhero").exists()


async def test_an_action_is_enqueued_as_a_task(app: App) -> None:
    @app.action(name="pay", version=2)
    async def pay(amount: int, connection: Connection, stats: Stats) -> None:
        stats.increment(f"paid over {connection.transport}", amount)

    @app.action(transports={"http"})
    async def shown() -> None: ...

    async with app.connected(SETTINGS):
        task = await pay(amount=5).enqueue(delay="1h")
        assert (task.name, await task.state()) == ("runAction", "delayed")
        await task.duplicate().run()
        assert await app.stats.get("paid over task") == 5
        kept = await pay(amount=6).enqueue(keep_result="1h", id="invoice-7")
        with pytest.raises(ResultTimeoutError):
            await kept.result(timeout="10ms")
        assert await kept.cancel()
        assert await kept.state() == "cancelled"
        with pytest.raises(InvalidInputError, match="amount"):
            await pay(amount="much").enqueue()
        with pytest.raises(ActionHeroError, match="not served over task"):
            await (await shown().enqueue()).run()


async def test_an_action_called_from_python_raises_its_errors(app: App) -> None:
    @app.action(transports={"tcp"})
    async def refuse(x: int) -> None:
        raise ActionError("no", code="no")

    async with app.connected(SETTINGS):
        with pytest.raises(ActionError, match="no"):
            await refuse(x=1).run()
        with pytest.raises(InvalidInputError, match="expected `int`"):
            await refuse(x="1").run()


async def test_initializers_provide_to_actions_and_tasks(app: App) -> None:
    trace: list[str] = []

    @app.initializer
    async def database(cache: Cache, tasks: Tasks) -> AsyncIterator[Database]:
        yield Database()
        trace.append("closed")

    @app.action
    async def use(database: Database, connection: Connection) -> str:
        return f"{type(database).__name__} over {connection.transport}"

    @app.task
    async def work(database: Database, x: int = 1) -> str:
        return type(database).__name__

    async with app.connected(SETTINGS):
        assert await use().run() == "Database over python"
        assert await work(x=2).run() == "Database"
    assert trace == ["closed"]


async def test_what_nothing_provides_fails_at_boot_with_its_place(app: App) -> None:
    @app.task
    async def work(database: Database) -> None: ...

    with pytest.raises(DefinitionError, match=r"test_app\.py.*no initializer provides"):
        async with app.connected(SETTINGS):
            pass
    with pytest.raises(NotConnectedError):
        _ = app.services


async def test_a_start_that_fails_closes_what_was_open(app: App) -> None:
    trace: list[str] = []

    @app.initializer
    async def fine() -> AsyncIterator[None]:
        yield
        trace.append("closed")

    @app.initializer
    async def broken() -> AsyncIterator[Database]:
        raise RuntimeError("no database")
        yield Database()

    with pytest.raises(RuntimeError, match="no database"):
        async with app.connected(SETTINGS):
            pass
    assert trace == ["closed"]


async def test_middleware_of_the_app_is_around_every_action(app: App) -> None:
    @app.middleware
    async def shout(invocation: Invocation, proceed: Proceed) -> str:
        return str(await proceed()).upper()

    @app.action
    async def hello() -> str:
        return "hello"

    async with app.connected(SETTINGS):
        assert await hello().run() == "HELLO"


def test_the_public_names_are_these() -> None:
    import actionhero

    assert sorted(actionhero.__all__) == [
        "ALL",
        "ANY",
        "ActionError",
        "ActionHeroError",
        "App",
        "Cache",
        "Connection",
        "Discard",
        "Event",
        "Invocation",
        "Peers",
        "Proceed",
        "RawBody",
        "Retry",
        "RoomMessage",
        "Rooms",
        "Session",
        "Settings",
        "Stats",
        "Task",
        "Tasks",
        "UploadedFile",
        "action",
        "around_enqueue",
        "around_run",
        "initializer",
        "middleware",
        "task",
    ]
    assert all(hasattr(actionhero, name) for name in actionhero.__all__)
    assert actionhero.App is app_module.App
