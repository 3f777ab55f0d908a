from collections.abc import AsyncIterator
from typing import Any

import pytest

from actionhero.errors import DefinitionError
from actionhero.initializers import Initializer, Lifespan


class Database: ...


class Users:
    def __init__(self, database: Database) -> None:
        self.database = database


trace: list[str] = []


async def users(database: Database) -> AsyncIterator[Users]:
    trace.append("users up")
    yield Users(database)
    trace.append("users down")


async def database() -> AsyncIterator[Database]:
    trace.append("database up")
    yield Database()
    trace.append("database down")


async def test_each_comes_after_what_it_needs_and_goes_before_it() -> None:
    trace.clear()
    provided: dict[Any, Any] = {}
    lifespan = Lifespan()
    await lifespan.start([Initializer(users), Initializer(database)], provided)
    assert provided[Users].database is provided[Database]
    await lifespan.aclose()
    assert trace == ["database up", "users up", "users down", "database down"]


async def test_one_may_yield_nothing() -> None:
    async def ready() -> AsyncIterator[None]:
        yield

    provided: dict[Any, Any] = {}
    lifespan = Lifespan()
    await lifespan.start([Initializer(ready)], provided)
    assert provided == {}
    await lifespan.aclose()


async def test_a_failing_teardown_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def bad() -> AsyncIterator[int]:
        yield 1
        raise RuntimeError("will not close")

    trace.clear()
    lifespan = Lifespan()
    await lifespan.start([Initializer(database), Initializer(bad)], {})
    await lifespan.aclose()
    assert trace == ["database up", "database down"]
    assert "teardown of initializer bad failed" in caplog.text


async def test_a_start_that_fails_leaves_the_earlier_to_be_closed() -> None:
    async def bad(database: Database) -> AsyncIterator[int]:
        raise RuntimeError("no start")
        yield 1

    trace.clear()
    lifespan = Lifespan()
    with pytest.raises(RuntimeError, match="no start"):
        await lifespan.start([Initializer(bad), Initializer(database)], {})
    await lifespan.aclose()
    assert trace == ["database up", "database down"]


async def never() -> AsyncIterator[int]:
    if trace is None:
        yield 1


async def twice() -> AsyncIterator[int]:
    yield 1
    yield 2


async def test_one_that_never_yields_is_refused() -> None:
    with pytest.raises(DefinitionError, match="never yields"):
        await Lifespan().start([Initializer(never)], {})


async def test_a_second_yield_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    lifespan = Lifespan()
    await lifespan.start([Initializer(twice)], {})
    await lifespan.aclose()
    assert "yields twice" in caplog.text


async def no_generator() -> int:
    return 1


async def no_annotation():  # type: ignore[no-untyped-def]
    yield 1


async def untyped(x) -> AsyncIterator[int]:  # type: ignore[no-untyped-def]
    yield 1


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (no_generator, "one `yield`"),
        (no_annotation, "say what the initializer yields"),
        (untyped, "has no type"),
    ],
)
def test_what_cannot_work_is_refused(function: Any, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        Initializer(function)


async def test_what_nothing_provides_is_named() -> None:
    with pytest.raises(DefinitionError, match=r"nothing provides .*Database.* 'database'"):
        await Lifespan().start([Initializer(users)], {})


async def test_two_cannot_provide_one_type() -> None:
    with pytest.raises(DefinitionError, match="already provided"):
        await Lifespan().start([Initializer(database), Initializer(database)], {})
