"""Command-line arguments to inputs, and the way through the funnel."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from actionhero.actions.action import Action, ActionVersions
from actionhero.actions.dispatch import Dispatcher
from actionhero.connections import Connection
from actionhero.deadlines import Deadlines
from actionhero.errors import ActionError, MalformedError
from actionhero.limits import Limits
from actionhero.messages import Event, Reply, Words
from actionhero.transports.terminal import parse_words, run_action
from tests.counting import Counts


class NoLimits(Limits):
    def __init__(self) -> None:
        """Limits that nobody reaches."""


class Nothing:
    """Provides nothing."""

    def provides(self, kind: Any) -> bool:
        return False

    def provide(self, kind: Any) -> Any:
        raise AssertionError(kind)


def dispatcher(*actions: Action) -> Dispatcher:
    return Dispatcher(
        {action.name: ActionVersions(actions) for action in actions},
        provider=Nothing(),
        middleware=(),
        deadlines=Deadlines(asyncio.get_running_loop()),
        limits=NoLimits(),
        stats=Counts(),
    )


async def run(dispatcher: Dispatcher, action: str, words: Words) -> Reply:
    reply = await run_action(dispatcher, action, words, _never)
    assert reply is not None
    return reply


def _never(value: object) -> None:
    raise AssertionError(value)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ("", {}),
        ("--name Ada", {"name": "Ada"}),
        ("--name=Ada", {"name": "Ada"}),
        ("--excited", {"excited": "true"}),
        ("--excited --name Ada", {"excited": "true", "name": "Ada"}),
        ("--tag a --tag b --tag=c", {"tag": ["a", "b", "c"]}),
        ("--n -5", {"n": "-5"}),
        ("--text=--x", {"text": "--x"}),
        ("--text=", {"text": ""}),
        ("--text=a=b", {"text": "a=b"}),
        ("--first-name Ada", {"first_name": "Ada"}),
        ("--sleepDuration 5", {"sleepDuration": "5"}),
        ("--api-version 2", {"apiVersion": "2"}),
    ],
)
def test_words(args: str, words: Words) -> None:
    assert parse_words(args.split()) == words


@pytest.mark.parametrize("args", ["Ada", "--name Ada Bob", "-n 5", "--", "--=x"])
def test_a_value_without_a_name_is_refused(args: str) -> None:
    with pytest.raises(MalformedError, match="belongs to no input; write --name"):
        parse_words(args.split())


@pytest.mark.parametrize("args", [["--name", "\udcff"], ["--\udcff=1"]])
def test_bytes_that_are_no_text_are_refused(args: list[str]) -> None:
    with pytest.raises(MalformedError, match="is not UTF-8"):
        parse_words(args)


async def test_words_are_read_leniently_and_the_connection_is_a_terminal() -> None:
    async def add(a: int, tags: list[str], connection: Connection, fast: bool = False) -> list[Any]:
        return [a, tags, fast, connection.transport]

    words = parse_words(["--a", "5", "--tags", "x", "--fast"])
    reply = await run(dispatcher(Action(add)), "add", words)
    assert reply.value == [5, ["x"], True, "terminal"]


@pytest.mark.parametrize(("args", "answer"), [([], 2), (["--apiVersion", "1"], 1)])
async def test_the_version_is_asked_for_as_everywhere(args: list[str], answer: int) -> None:
    async def one() -> int:
        return 1

    async def two() -> int:
        return 2

    actions = Action(one, name="number", version=1), Action(two, name="number", version=2)
    reply = await run(dispatcher(*actions), "number", parse_words(args))
    assert reply.value == answer


async def test_what_does_not_fit_is_in_the_reply() -> None:
    async def add(a: int, b: int) -> int:
        return a + b

    reply = await run(dispatcher(Action(add)), "add", parse_words(["--a", "x"]))
    assert reply.error is not None
    assert [problem.path for problem in reply.error.problems] == ["a", "b"]


@pytest.mark.parametrize("fails", [False, True])
async def test_what_streams_is_shown_as_it_comes(fails: bool) -> None:
    async def count() -> AsyncIterator[int | Event]:
        yield 1
        assert shown == [1]
        yield Event(2, id="two")
        if fails:
            raise ActionError("no more", code="empty")

    shown: list[int] = []
    reply = await run_action(dispatcher(Action(count)), "count", {}, shown.append)
    assert shown == [1, 2]
    assert (reply.error.code if reply and reply.error else reply) == ("empty" if fails else None)
