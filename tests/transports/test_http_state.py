import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from actionhero.protocols.http1_replies import Heads
from actionhero.settings import WebSettings
from actionhero.transports.http_answers import Answers
from actionhero.transports.http_connection import HttpConnection
from actionhero.transports.http_state import HttpState
from tests.transports.serving import PATIENCE


def state(**settings: Any) -> HttpState:
    bodies = SimpleNamespace(open=None)
    answers = SimpleNamespace(bodies_for=lambda *_: bodies)
    return HttpState(WebSettings(**settings), cast("Answers", answers), {}, Heads())


class Client:
    """All that a connection must be to be counted."""

    address = ""


async def test_the_turns_are_short_where_a_limit_is() -> None:
    assert state().period == 1.0
    assert state(write_timeout=0.2).period == pytest.approx(0.05)


async def test_nothing_is_due_before_its_time() -> None:
    made = state(idle_timeout=8.0)
    made.set_time(100.0)
    assert made.due(3.0) == 104.0  # it may begin just before the next turn
    assert made.idle_due == 109.0


async def test_connections_count_until_they_are_gone_also_elsewhere() -> None:
    made = state(connections=1)
    one = cast("HttpConnection", Client())
    made.connections.add(one)
    assert made.is_full
    on_lost = made.hand_over(one)
    assert (made.is_full, made.connections) == (True, set())
    on_lost()
    assert not made.is_full
    on_lost()
    made.connections.add(one)
    assert made.is_full


async def test_waiting_for_all_to_go() -> None:
    made = state()
    await made.wait_empty()
    one, two = (cast("HttpConnection", Client()) for _ in range(2))
    made.connections.update((one, two))
    waiting = asyncio.ensure_future(made.wait_empty())
    made.forget(one)
    await asyncio.sleep(0)
    assert not waiting.done()
    made.forget(two)
    await asyncio.wait_for(waiting, PATIENCE)
