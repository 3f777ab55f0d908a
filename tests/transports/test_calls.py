import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actionhero.connections import Connection
from actionhero.errors import TooManyRequestsError
from actionhero.messages import Call, Reply
from actionhero.transports.calls import Calls, Running
from tests.transports.serving import PATIENCE, Served, eventually

TRAILER = b',"context":"response","messageId":1}'


class Outlet:
    """Where streams may always flow."""

    is_flowing = True

    def __init__(self) -> None:
        self.values: list[bytes] = []

    def narrow(self) -> None: ...

    def send_value(self, text: bytes) -> None:
        self.values.append(text)


class Kit:
    def __init__(self, public: Path) -> None:
        self.served = Served(public)
        self.running = Running()
        self.texts: list[bytes] = []
        self.outlet = Outlet()
        self.connection = Connection("tcp", max_pending=2)
        self.calls = Calls(
            self.running,
            self.served.dispatcher,
            self.served.stats,
            self.connection,
            self.texts.append,
            self.outlet,
        )

    def run(self, action: str) -> None:
        self.calls.run(Call(action), TRAILER)


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    kit = Kit(tmp_path)
    yield kit
    kit.running.close()


async def test_a_call_is_answered(kit: Kit) -> None:
    kit.run("number")
    await eventually(lambda: bool(kit.texts))
    assert json.loads(kit.texts[0]) == {"data": 42, "context": "response", "messageId": 1}
    assert kit.calls.pending == 0
    assert kit.running.tasks == set()


async def test_calls_run_beside_each_other_up_to_a_limit(kit: Kit) -> None:
    kit.run("wait")
    kit.run("wait")
    assert kit.calls.pending == 2
    with pytest.raises(TooManyRequestsError, match="you have too many pending requests"):
        kit.run("number")
    await eventually(lambda: kit.served.gate.entered == 2)
    kit.served.gate.opened.set()
    await eventually(lambda: len(kit.texts) == 2)
    kit.run("number")
    await eventually(lambda: len(kit.texts) == 3)


async def test_other_work_may_have_sent_its_answer_itself(kit: Kit) -> None:
    async def work(value: int) -> Reply | None:
        return Reply(value) if value else None

    kit.calls.start(TRAILER, work, 5)
    kit.calls.start(TRAILER, work, 0)
    await eventually(lambda: len(kit.texts) == 2)
    assert kit.texts == [b'{"data":5' + TRAILER, b""]


async def test_draining_waits(kit: Kit) -> None:
    await kit.running.drain(PATIENCE)
    kit.run("wait")
    draining = asyncio.create_task(kit.running.drain(PATIENCE))
    await eventually(lambda: kit.served.gate.entered == 1)
    assert not draining.done()
    kit.served.gate.opened.set()
    await draining
    assert len(kit.texts) == 1


async def test_draining_cancels_what_is_late(kit: Kit) -> None:
    kit.run("wait")
    await eventually(lambda: kit.served.gate.entered == 1)
    await kit.running.drain(0.0)
    assert kit.served.gate.cancelled == 1
    assert kit.texts == []
    assert (kit.calls.pending, kit.running.tasks) == (0, set())


async def test_calls_that_never_wait_share_a_task_and_others_have_their_own(kit: Kit) -> None:
    for action in ("task", "task", "wait", "task", "wait", "task"):
        other = Calls(
            kit.running,
            kit.served.dispatcher,
            kit.served.stats,
            Connection("tcp"),
            kit.texts.append,
            kit.outlet,
        )
        other.run(Call(action), TRAILER)
    await eventually(lambda: len(kit.texts) == 4)
    tasks = [json.loads(text)["data"] for text in kit.texts]
    assert [tasks.index(task) for task in tasks] == [0, 0, 2, 3]
    await eventually(lambda: len(kit.running.tasks) == 2)
    kit.served.gate.opened.set()
    await eventually(lambda: len(kit.texts) == 6)


@pytest.mark.parametrize("action", ["leave_variable", "leave_incomparable", "leave_cancelled"])
async def test_nothing_goes_over_from_one_call_to_the_next(kit: Kit, action: str) -> None:
    for _ in range(2):
        kit.run(action)
    await eventually(lambda: len(kit.texts) == 2)
    assert [json.loads(text)["data"] for text in kit.texts] == ["clean", "clean"]
    kit.run("sleep")
    await eventually(lambda: len(kit.texts) == 3)
    assert json.loads(kit.texts[2])["data"] == "slept"


async def test_the_log_context_is_that_of_the_call(kit: Kit) -> None:
    kit.run("logged")
    kit.run("number")
    await eventually(lambda: len(kit.texts) == 2)
    assert json.loads(kit.texts[0])["data"] == "logged"


async def test_a_stream_that_begins_when_the_client_has_gone_is_closed(kit: Kit) -> None:
    kit.run("flood")
    kit.calls.leave()
    await eventually(lambda: kit.calls.pending == 0)
    assert kit.outlet.values == []


async def test_a_stream_that_begins_when_the_server_stops_is_refused(kit: Kit) -> None:
    kit.run("flood")
    kit.running.stop_streams()
    await eventually(lambda: len(kit.texts) == 1)
    assert json.loads(kit.texts[0])["error"]["code"] == "shutting_down"
    assert kit.outlet.values == []
