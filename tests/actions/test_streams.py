"""Actions that stream, through the funnel."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest

from actionhero.actions.action import Action, ActionVersions, Invocation, Middleware, Proceed
from actionhero.actions.dispatch import Dispatcher
from actionhero.actions.streams import Stream
from actionhero.connections import Connection
from actionhero.deadlines import Deadlines
from actionhero.errors import (
    ActionError,
    ActionHeroError,
    DefinitionError,
    DrainingError,
    UnknownActionError,
)
from actionhero.messages import Call, Event, Reply
from tests.actions.test_dispatch import NoLimits, Provided, code
from tests.counting import Counts


class House:
    """A dispatcher, and what it counts."""

    def __init__(
        self, *actions: Action, middleware: tuple[Middleware, ...] = (), timeout: float = 30.0
    ) -> None:
        self.stats = Counts()
        self.limits = NoLimits()
        self.connection = Connection("http", "1.2.3.4")
        names = {action.name for action in actions}
        self.dispatcher = Dispatcher(
            {name: ActionVersions(a for a in actions if a.name == name) for name in names},
            provider=Provided(),
            middleware=middleware,
            deadlines=Deadlines(asyncio.get_running_loop()),
            limits=self.limits,
            stats=self.stats,
            default_timeout=timeout,
        )

    async def reply(self, name: str = "count", **call: Any) -> Reply:
        return await self.dispatcher.dispatch(Call(name, **call), self.connection)

    async def stream(self, name: str = "count", **call: Any) -> Stream:
        reply = await self.reply(name, **call)
        assert isinstance(reply.value, Stream), reply
        return reply.value

    @property
    def pending(self) -> tuple[int, int]:
        return self.dispatcher.pending, self.connection.pending_actions

    @property
    def processed(self) -> int:
        return self.stats.tally["actions:processedActions"]


async def count(to: int = 3) -> AsyncIterator[int]:
    for number in range(1, to + 1):
        yield number


async def for_ever() -> AsyncIterator[int]:
    yield 1
    await asyncio.Event().wait()


async def restless() -> AsyncIterator[int]:
    number = 0
    while True:
        yield (number := number + 1)


async def test_it_gives_its_values_and_counts_as_one_action() -> None:
    house = House(Action(count))
    stream = await house.stream(words={"to": "2"})
    assert house.pending == (1, 1)
    assert house.processed == 0
    assert [value async for value in stream] == [1, 2]
    assert house.pending == (0, 0)
    assert house.stats.tally["actions:processedActions:count"] == house.processed == 1
    assert house.connection.total_actions == 1
    assert [value async for value in stream] == []


async def test_it_is_refused_as_any_action_is() -> None:
    house = House(Action(count, transports={"tcp"}), Action(count, name="typed"))
    assert code(await house.reply()) == "unknown_action"
    assert code(await house.reply("typed", words={"to": "many"})) == "invalid_input"
    assert code(await house.reply("typed", version="2")) == "unknown_version"
    stream = await house.stream("typed")
    assert code(await house.reply("typed")) == "too_many_requests"
    await stream.aclose()
    house.dispatcher.is_draining = True
    assert code(await house.reply("typed")) == "shutting_down"
    assert house.pending == (0, 0)


@pytest.mark.parametrize(("version", "expected"), [("1", "one"), ("2", [1]), (None, [1])])
async def test_versions_may_stream_or_not(version: str | None, expected: object) -> None:
    async def one() -> str:
        return "one"

    async def two() -> AsyncIterator[int]:
        yield 1

    house = House(Action(one, name="x", version=1), Action(two, name="x", version=2))
    value = (await house.reply("x", version=version)).value
    assert ([one async for one in value] if isinstance(value, Stream) else value) == expected
    assert house.processed == 1


async def test_its_rate_is_limited() -> None:
    house = House(Action(count, rate_limit="1/s"))
    await (await house.stream()).aclose()
    assert code(await house.reply()) == "too_many_requests"


async def test_what_it_raises_is_told() -> None:
    async def fail(early: bool) -> AsyncIterator[int]:
        if not early:
            yield 1
        raise ActionError("no more", code="empty")

    house = House(Action(fail))
    for early, expected in (("true", []), ("false", [1])):
        stream = await house.stream("fail", words={"early": early})
        values = [await anext(stream) for _ in expected]
        with pytest.raises(ActionError, match="no more"):
            await anext(stream)
        assert values == expected
    assert house.pending == (0, 0)


async def test_what_it_did_not_mean_to_raise_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> AsyncIterator[int]:
        yield 1
        raise RuntimeError("a secret")

    stream = await House(Action(fail)).stream("fail")
    with pytest.raises(ActionHeroError) as raised:
        assert [value async for value in stream] == [1]
    assert raised.value.code == "internal_error"
    assert "secret" not in str(raised.value)
    assert "action failed: a secret" in caplog.text


async def test_its_own_time_limit_bounds_all_of_it() -> None:
    house = House(Action(for_ever, timeout=0.02))
    stream = await house.stream("for_ever")
    with pytest.raises(ActionHeroError, match=r"did not finish within 0\.02 s") as raised:
        assert [value async for value in stream] == [1]
    assert raised.value.code == "action_timeout"
    assert house.stats.tally["actions:timedOut"] == 1


async def test_a_time_limit_holds_for_one_that_never_waits() -> None:
    stream = await House(Action(restless, timeout=0.02)).stream("restless")
    with pytest.raises(ActionHeroError, match="did not finish"):
        async for _ in stream:
            pass


async def test_the_servers_time_limit_bounds_only_what_comes_before() -> None:
    async def slow(invocation: Invocation, proceed: Proceed) -> object:
        if invocation.call.words:
            await asyncio.Event().wait()
        return await proceed()

    house = House(Action(for_ever), middleware=(slow,), timeout=0.02)
    assert code(await house.reply("for_ever", words={"slow": "true"})) == "action_timeout"
    stream = await house.stream("for_ever")
    assert await anext(stream) == 1
    waiting = asyncio.ensure_future(anext(stream))
    assert await asyncio.wait({waiting}, timeout=0.06) == (set(), {waiting})
    stream.stop()
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_its_own_timeout_error_is_a_failure_like_any() -> None:
    async def fail() -> AsyncIterator[int]:
        raise TimeoutError("of something else")
        yield 1

    with pytest.raises(ActionHeroError) as raised:
        await anext(await House(Action(fail, timeout=20)).stream("fail"))
    assert raised.value.code == "internal_error"


async def test_middleware_sees_its_values() -> None:
    async def doubled(values: AsyncIterator[int]) -> AsyncIterator[int]:
        async for value in values:
            yield 2 * value

    async def double(invocation: Invocation, proceed: Proceed) -> object:
        assert invocation.action.is_stream
        return doubled(await proceed())

    stream = await House(Action(count), middleware=(double,)).stream()
    assert [value async for value in stream] == [2, 4, 6]


async def test_middleware_may_refuse_or_answer_itself() -> None:
    async def guard(invocation: Invocation, proceed: Proceed) -> object:
        if "to" in invocation.call.words:
            raise ActionError("no", code="forbidden")
        await proceed()
        return "none today"

    house = House(Action(count), middleware=(guard,))
    assert code(await house.reply(words={"to": "1"})) == "forbidden"
    assert (await house.reply()).value == "none today"
    assert house.pending == (0, 0)
    assert house.processed == 2


async def test_closing_reaches_the_action_behind_its_middleware() -> None:
    ends = []

    async def source() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)
            ends.append("source")

    async def passed(values: AsyncIterator[int]) -> AsyncIterator[int]:
        try:
            async for value in values:
                yield value
        finally:
            ends.append("layer")

    async def layer(invocation: Invocation, proceed: Proceed) -> object:
        return passed(await proceed())

    stream = await House(Action(source), middleware=(layer,)).stream("source")
    assert await anext(stream) == 1
    await stream.aclose()
    assert ends == ["layer", "source"]


async def test_values_of_another_kind_are_streamed_too() -> None:
    class Pair:
        async def __anext__(self) -> int:
            raise StopAsyncIteration

        def __aiter__(self) -> "Pair":
            return self

    async def layer(invocation: Invocation, proceed: Proceed) -> object:
        return Pair()

    stream = await House(Action(count), middleware=(layer,)).stream()
    assert [value async for value in stream] == []


@pytest.mark.parametrize("error", [None, DrainingError("bye")])
async def test_it_is_called_off_where_it_waits(error: DrainingError | None) -> None:
    house = House(Action(for_ever))
    stream = await house.stream("for_ever")
    assert await anext(stream) == 1
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    stream.stop(error)
    stream.stop(DrainingError("too late"))
    with pytest.raises(DrainingError if error else StopAsyncIteration):
        await waiting
    assert house.pending == (0, 0)


async def test_it_is_called_off_between_two_values() -> None:
    ended = False

    async def source() -> AsyncIterator[int]:
        nonlocal ended
        try:
            yield 1
            yield 2
        finally:
            ended = True

    stream = await House(Action(source)).stream("source")
    assert await anext(stream) == 1
    stream.stop()
    assert [value async for value in stream] == []
    assert ended


async def test_it_is_cancelled_with_who_asks() -> None:
    house = House(Action(for_ever))
    stream = await house.stream("for_ever")

    async def ask() -> None:
        async for _ in stream:
            pass

    asking = asyncio.ensure_future(ask())
    while house.pending != (1, 1) or stream._waiting is None:
        await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert house.pending == (0, 0)


async def test_one_that_never_waits_lets_others_have_their_turn() -> None:
    stream = await House(Action(restless)).stream("restless")
    turns = 0

    async def other() -> None:
        nonlocal turns
        while turns < 3:
            turns += 1
            await asyncio.sleep(0)

    working = asyncio.ensure_future(other())
    async for _ in stream:
        if working.done():
            break
    await stream.aclose()
    assert turns == 3


async def test_one_that_will_not_end_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def stubborn() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            yield 2

    house = House(Action(stubborn))
    stream = await house.stream("stubborn")
    assert await anext(stream) == 1
    with caplog.at_level(logging.ERROR):
        await stream.aclose()
    assert "a stream could not be closed: async generator ignored GeneratorExit" in caplog.text
    assert house.pending == (0, 0)


async def test_one_that_is_forgotten_is_not_under_way() -> None:
    house = House(Action(count))
    stream: Stream | None = await house.stream()
    assert house.pending == (1, 1)
    assert stream is not None
    stream = None
    gc.collect()
    assert house.pending == (0, 0)


async def test_it_runs_in_the_task_that_asks() -> None:
    async def limited() -> AsyncIterator[int]:
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            yield 1
            await group.create_task(asyncio.sleep(0))
            yield 2

    async with contextlib.aclosing(await House(Action(limited)).stream("limited")) as stream:
        assert [value async for value in stream] == [1, 2]


def test_it_is_no_task() -> None:
    assert "task" not in Action(count).transports
    with pytest.raises(DefinitionError, match="what streams its values cannot be a task"):
        Action(count, transports={"task"})


async def test_it_is_not_enqueued() -> None:
    with pytest.raises(UnknownActionError, match="count: what streams its values cannot be a task"):
        await Action(count)().enqueue()


@pytest.mark.parametrize("text", ["a\nb", "a\rb", "a\0b"])
def test_an_event_breaks_no_line(text: str) -> None:
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        Event(1, id=text)
    with pytest.raises(ValueError, match="CR, LF or NUL"):
        Event(1, event=text)


@pytest.mark.parametrize("name", ["end", "error"])
def test_an_event_has_not_the_name_of_an_end(name: str) -> None:
    with pytest.raises(ValueError, match="ends a stream"):
        Event(1, event=name)
