from collections.abc import Iterator
from typing import Any

import pytest

from actionhero.actions.action import Action, ActionVersions
from actionhero.errors import DefinitionError, NotConnectedError


async def greet(name: str) -> str:
    """Greet."""
    return name


async def reserved(action: str) -> None: ...
def blocking(name: str) -> None: ...
def generating() -> Iterator[int]:
    yield 1


def test_an_action_knows_itself() -> None:
    action = Action(greet, "GET /greet", timeout="5s", version=2)
    assert (action.name, action.version, action.timeout) == ("greet", "2", 5.0)
    assert action.description == "Greet."
    assert action.routes == ("GET /greet",)
    assert "test_action.py:" in action.place


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (blocking, {}, "async def"),
        (generating, {}, "async def"),
        (reserved, {}, "'action' is a name that the transports use"),
        (greet, {"name": "no spaces"}, "is no action name"),
        (greet, {"name": ""}, "is no action name"),
        (greet, {"transports": {"pigeon"}}, "unknown transports"),
        (greet, {"timeout": "soon"}, "timeout: 'soon' is not a duration"),
        (greet, {"rate_limit": "often"}, "rate_limit: 'often' is not a rate"),
    ],
)
def test_what_cannot_work_is_refused_at_definition(
    function: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DefinitionError, match=message):
        Action(function, **options)


async def test_a_call_waits_for_its_app() -> None:
    with pytest.raises(NotConnectedError, match="connected"):
        await Action(greet)(name="Ada").run()


@pytest.mark.parametrize(
    ("versions", "newest"),
    [(["1", "2", "10"], "10"), (["1.9", "1.10"], "1.10"), (["v1", "v2"], "v2"), (["3"], "3")],
)
def test_the_newest_version_is_the_highest(versions: list[str], newest: str) -> None:
    actions = [Action(greet, version=version) for version in versions]
    assert ActionVersions(actions).newest.version == newest
