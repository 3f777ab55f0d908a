import asyncio
import logging
from typing import Any

import pytest

from actionhero.actions.action import Action, ActionVersions, Invocation, Middleware, Proceed
from actionhero.actions.dispatch import Dispatcher
from actionhero.clock import Rate
from actionhero.connections import Connection
from actionhero.deadlines import Deadlines
from actionhero.errors import (
    ActionError,
    InternalError,
    StoreUnavailableError,
    TooManyRequestsError,
)
from actionhero.limits import Limits
from actionhero.messages import Call, Reply, Transport
from actionhero.telemetry import JsonFormatter, Mask
from tests.counting import Counts


class Database:
    name = "db"


class Provided:
    def provides(self, kind: Any) -> bool:
        return kind is Database

    def provide(self, kind: Any) -> Any:
        return Database()


class NoLimits(Limits):
    def __init__(self) -> None:
        self.taken: list[tuple[str, str, Rate]] = []

    async def take(self, name: str, client: str, rate: Rate) -> None:
        self.taken.append((name, client, rate))
        if len(self.taken) > rate.uses:
            raise TooManyRequestsError("slow down", retry_after=3.0)


def dispatcher(*actions: Action, middleware: tuple[Middleware, ...] = ()) -> Dispatcher:
    names = {action.name for action in actions}
    return Dispatcher(
        {name: ActionVersions(a for a in actions if a.name == name) for name in names},
        provider=Provided(),
        middleware=middleware,
        deadlines=Deadlines(asyncio.get_running_loop()),
        limits=NoLimits(),
        stats=Counts(),
        default_timeout=30.0,
    )


async def run(
    action: Action,
    words: dict[str, str | list[str]] | None = None,
    transport: Transport = "http",
    **options: Any,
) -> Reply:
    return await dispatcher(action, **options).dispatch(
        Call(action.name, words or {}), Connection(transport)
    )


def code(reply: Reply) -> str:
    assert reply.error is not None
    return reply.error.code


async def hello(name: str = "you") -> str:
    return f"Hello, {name}"


async def test_an_action_answers() -> None:
    assert await run(Action(hello), {"name": "Ada"}) == Reply("Hello, Ada")


async def test_parameters_are_handed_in_by_type() -> None:
    async def who(db: Database, connection: Connection, x: int) -> tuple[str, str, int]:
        return db.name, connection.transport, x

    assert (await run(Action(who), {"x": "5"}, "tcp")).value == ("db", "tcp", 5)


async def test_an_unknown_action_is_told() -> None:
    reply = await dispatcher(Action(hello)).dispatch(Call("helo"), Connection("http"))
    assert code(reply) == "unknown_action"


async def test_a_transport_that_is_not_served_is_told() -> None:
    reply = await run(Action(hello, transports={"tcp"}))
    assert code(reply) == "unknown_action"
    assert "not served over http; use tcp" in str(reply.error)


async def test_python_reaches_every_action() -> None:
    assert (await run(Action(hello, transports={"tcp"}), transport="python")).error is None


@pytest.mark.parametrize(
    ("version", "body", "expected"),
    [
        (None, None, "two"),
        ("1", None, "one"),
        ("2", None, "two"),
        (None, b'{"apiVersion": 1}', "one"),
        (None, b'{"apiVersion": "2"}', "two"),
        ("3", None, "unknown_version"),
        (None, b'{"apiVersion": []}', "two"),
        (None, b"{nonsense", "malformed"),
    ],
)
async def test_a_version_is_chosen(version: str | None, body: bytes | None, expected: str) -> None:
    async def one() -> str:
        return "one"

    async def two() -> str:
        return "two"

    both = dispatcher(Action(one, name="x", version=1), Action(two, name="x", version=2))
    reply = await both.dispatch(Call("x", body=body, version=version), Connection("http"))
    assert (reply.value or code(reply)) == expected


async def test_wrong_inputs_are_told() -> None:
    async def f(x: int) -> int:
        return x

    reply = await run(Action(f), {"x": "many"})
    assert reply.error is not None
    assert reply.error.status == 422


async def test_an_error_of_the_action_is_answered() -> None:
    async def f() -> None:
        raise ActionError("no tea left", code="no_tea", status=418)

    reply = await run(Action(f))
    assert reply.error is not None
    assert (reply.error.code, reply.error.status, str(reply.error)) == (
        "no_tea",
        418,
        "no tea left",
    )


async def test_a_bug_is_logged_and_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    async def f() -> None:
        raise RuntimeError("secret detail")

    with caplog.at_level(logging.ERROR):
        reply = await run(Action(f))
    assert code(reply) == "internal_error"
    assert "secret" not in str(reply.error)
    assert "secret detail" in caplog.text
    assert "Traceback" in caplog.text


@pytest.mark.parametrize("body", [None, b'{"password": "hunter2", "n": 1}', b"[1]", b"{nonsense"])
async def test_a_bug_is_logged_with_its_inputs_and_without_secrets(
    body: bytes | None, capsys: pytest.CaptureFixture[str]
) -> None:
    async def f() -> None: ...

    async def layer(invocation: Invocation, proceed: Proceed) -> None:
        raise RuntimeError("broken")

    logger = logging.getLogger("actionhero.actions")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(Mask(["password"])))
    logger.addHandler(handler)
    try:
        call = Call("f", {"Password2": "swordfish", "name": "Ada"}, body)
        await dispatcher(Action(f), middleware=(layer,)).dispatch(call, Connection("http"))
    finally:
        logger.removeHandler(handler)
    line = capsys.readouterr().err
    assert '"name":"Ada"' in line
    assert "hunter2" not in line
    assert "swordfish" not in line


async def test_a_store_that_is_away_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def f() -> None:
        raise StoreUnavailableError("the store is away")

    with caplog.at_level(logging.INFO):
        reply = await run(Action(f))
    assert reply.error is not None
    assert reply.error.status == 503
    assert not caplog.records


async def test_an_action_over_its_time_is_cancelled() -> None:
    cancelled = asyncio.Event()

    async def f() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    reply = await run(Action(f, timeout="10ms"))
    assert code(reply) == "action_timeout"
    assert cancelled.is_set()


async def test_a_timeout_error_of_the_action_is_a_bug_of_its_own() -> None:
    async def f() -> None:
        raise TimeoutError("of a database")

    assert code(await run(Action(f))) == "internal_error"


async def test_a_cancelled_call_stays_cancelled_and_is_counted_out() -> None:
    started = asyncio.Event()

    async def f() -> None:
        started.set()
        await asyncio.Event().wait()

    one = dispatcher(Action(f))
    connection = Connection("tcp")
    task = asyncio.create_task(one.dispatch(Call("f"), connection))
    await started.wait()
    assert (one.pending, connection.pending_actions) == (1, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (one.pending, connection.pending_actions) == (0, 0)


@pytest.mark.parametrize("waits", [True, False])
async def test_a_cancellation_that_is_not_the_calls_own_is_a_failure(waits: bool) -> None:
    async def f() -> None:
        if waits:
            await asyncio.sleep(0)
        raise asyncio.CancelledError

    one = dispatcher(Action(f))
    reply = await one.dispatch(Call("f"), Connection("tcp"))
    assert isinstance(reply.error, InternalError)
    assert one.pending == 0


async def test_what_never_waits_is_answered_at_once() -> None:
    async def f() -> int:
        return 1

    async def g() -> int:
        await asyncio.sleep(0)
        return 2

    one = dispatcher(Action(f), Action(g))
    connection = Connection("tcp")
    assert one.begin(Call("f"), connection) == Reply(1)
    assert one.begin(Call("missing"), connection) != Reply(1)
    begun = one.begin(Call("g"), connection)
    assert not isinstance(begun, Reply)
    assert (one.pending, connection.pending_actions) == (1, 1)
    assert await begun == Reply(2)
    assert (one.pending, connection.pending_actions) == (0, 0)


async def test_actions_that_look_at_their_connection_are_known() -> None:
    async def f(name: str) -> None:
        return None

    async def g(connection: Connection) -> None:
        return None

    async def layer(invocation: Invocation, proceed: Proceed) -> Any:
        return await proceed()

    one = dispatcher(
        Action(f, name="plain"),
        Action(g, name="injected"),
        Action(f, name="layered", middleware=[layer]),
        Action(f, name="limited", rate_limit="1/s"),
    )
    names = ("plain", "injected", "layered", "limited")
    assert [one.sees_connection(name) for name in names] == [False, True, True, True]


async def test_a_connection_has_a_limit_of_pending_actions() -> None:
    release = asyncio.Event()

    async def f() -> None:
        await release.wait()

    one = dispatcher(Action(f))
    connection = Connection("tcp", max_pending=2)
    running = [asyncio.create_task(one.dispatch(Call("f"), connection)) for _ in range(2)]
    while one.pending < 2:
        await asyncio.sleep(0)
    assert code(await one.dispatch(Call("f"), connection)) == "too_many_requests"
    release.set()
    assert [reply.error for reply in await asyncio.gather(*running)] == [None, None]


async def test_a_draining_server_takes_no_more() -> None:
    one = dispatcher(Action(hello))
    one.is_draining = True
    assert code(await one.dispatch(Call("hello"), Connection("http"))) == "shutting_down"


async def test_a_rate_holds_for_each_client_address() -> None:
    one = dispatcher(Action(hello, rate_limit="2/m"))
    connection = Connection("http", "127.0.0.1")
    replies = [await one.dispatch(Call("hello"), connection) for _ in range(3)]
    assert [reply.error and reply.error.status for reply in replies] == [None, None, 429]
    assert (await one.dispatch(Call("hello"), Connection("python"))).error is None


async def test_middleware_is_an_onion() -> None:
    trace: list[str] = []

    def layer(name: str) -> Middleware:
        async def around(invocation: Invocation, proceed: Proceed) -> Any:
            trace.append(f"{name} before {invocation.action.name}")
            value = await proceed()
            trace.append(f"{name} after")
            return f"{name}({value})"

        return around

    action = Action(hello, middleware=[layer("own")])
    reply = await run(action, middleware=(layer("first"), layer("second")))
    assert reply.value == "first(second(own(Hello, you)))"
    assert trace == [
        "first before hello",
        "second before hello",
        "own before hello",
        "own after",
        "second after",
        "first after",
    ]


async def test_a_middleware_may_refuse_and_sees_errors() -> None:
    async def refuse(invocation: Invocation, proceed: Proceed) -> Any:
        raise ActionError("not you", code="forbidden", status=403)

    async def soften(invocation: Invocation, proceed: Proceed) -> Any:
        try:
            return await proceed()
        except ActionError as exc:
            return exc.code

    assert code(await run(Action(hello), middleware=(refuse,))) == "forbidden"
    assert (await run(Action(hello), middleware=(soften, refuse))).value == "forbidden"
