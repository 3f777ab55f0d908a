"""What a type may say of its limits and of how its tasks are unique."""

from typing import Any

import pytest

from actionhero.errors import DefinitionError
from actionhero.tasks.control import limits_of
from actionhero.tasks.task import TaskDefinition


async def send(to: str = "", text: str = "") -> None:
    """Nothing."""


@pytest.mark.parametrize(
    ("concurrency", "rate", "spec"),
    [
        (None, None, ""),
        (3, None, "3 0 1"),
        (None, "10/s", "0 100.000000 10"),
        (2, "1/m", "2 60000.000000 1"),
        (None, "3/s", "0 333.333333 3"),
    ],
)
def test_limits_as_the_scripts_read_them(
    concurrency: int | None, rate: str | None, spec: str
) -> None:
    assert limits_of(concurrency, rate) == spec


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"concurrency": 0}, "concurrency must be a whole number from 1"),
        ({"concurrency": True}, "concurrency must be"),
        ({"concurrency": 1.5}, "concurrency must be"),
        ({"rate": "often"}, "'often' is not a rate"),
        ({"rate": 5}, "rate must be a text"),
        ({"rate": "5/0s"}, "has no period"),
        ({"rate": "1/s", "scope": "all"}, "nothing with scope='all'"),
        ({"unique": "sometimes"}, "unique must be one of drop, replace, debounce"),
        ({"unique": "drop", "every": "1s"}, "neither periodic nor on all servers"),
        ({"unique": "drop", "cron": "* * * * *"}, "neither periodic nor on all servers"),
        ({"unique": "drop", "scope": "all"}, "neither periodic nor on all servers"),
        ({"unique_by": ("to",)}, "only beside unique="),
        ({"unique": "drop", "unique_by": "to"}, "a sequence of parameter names"),
        ({"unique": "drop", "unique_by": ("to", "cc")}, "unique_by names 'cc'"),
    ],
)
def test_what_cannot_be_meant_is_said_where_it_is_defined(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DefinitionError, match=message) as caught:
        TaskDefinition(send, **options)
    assert "test_control.py" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        ({}, b"-"),
        ({"unique": "drop"}, b"A"),
        ({"rate": "1/s"}, b"B"),
        ({"concurrency": 1, "unique": "replace", "keep_result": "1m"}, b"G"),
        ({"concurrency": 1, "every": "1m"}, b"B"),
    ],
)
def test_records_say_what_the_scripts_must_know(options: dict[str, Any], flag: bytes) -> None:
    assert TaskDefinition(send, **options).head[3:4] == flag
