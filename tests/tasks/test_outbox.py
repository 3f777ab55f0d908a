"""Gathering enqueues."""

import asyncio

import pytest

from actionhero.errors import StoreReplyError, StoreUnavailableError
from actionhero.store.client import StoreClient
from actionhero.store.task_scripts import Later
from actionhero.tasks import outbox
from actionhero.tasks.outbox import Outbox
from tests.tasks.lab import Lab, record


@pytest.fixture
async def box(lab: Lab) -> Outbox:
    return Outbox(lab.scripts)


async def test_what_one_turn_puts_in_is_one_call(box: Outbox, lab: Lab, store: StoreClient) -> None:
    await box.put_ready("n", "first", record())
    before = store.commands_answered
    ready = [box.put_ready("n", f"t{number}", record()) for number in range(10)]
    later = box.put_later(Later("later", record(), "in", 1000))
    await asyncio.gather(*ready, later)
    assert store.commands_answered == before + 1
    assert len(await lab.pending()) == 11
    assert await lab.state("later") == "delayed"


async def test_a_store_that_does_not_know_the_script_gets_its_text(box: Outbox, lab: Lab) -> None:
    await lab.client.execute("SCRIPT", "FLUSH")
    await box.put_ready("n", "1", record())
    assert await lab.pending() == ["1"]


async def test_a_call_is_bounded(
    box: Outbox, lab: Lab, store: StoreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "GATHERED", 4)
    await box.put_ready("n", "first", record())
    before = store.commands_answered
    await asyncio.gather(*(box.put_ready("n", f"t{number}", record()) for number in range(10)))
    assert store.commands_answered == before + 3
    monkeypatch.setattr(outbox, "BYTES", 10)
    before = store.commands_answered
    await asyncio.gather(*(box.put_ready("n", f"u{number}", record()) for number in range(2)))
    assert store.commands_answered == before + 2
    assert len(await lab.pending()) == 13


async def test_everybody_hears_of_an_error(box: Outbox, lab: Lab) -> None:
    await box.put_ready("n", "first", record())
    await lab.client.execute("SET", lab.keys.for_scripts[2], "not a list")
    await lab.client.execute("DEL", lab.keys.for_scripts[0])
    puts = [box.put_ready("n", f"t{number}", record()) for number in range(3)]
    for put in puts:
        with pytest.raises(StoreReplyError):
            await put


async def test_everybody_hears_when_the_store_is_away(box: Outbox, store: StoreClient) -> None:
    await store.aclose()
    puts = [box.put_ready("n", f"t{number}", record()) for number in range(3)]
    for put in puts:
        with pytest.raises(StoreUnavailableError):
            await put


async def test_whatever_goes_wrong_is_told_to_those_who_wait(
    box: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise LookupError("a fault of ours")

    await box.put_ready("n", "0", record())  # the store knows the script from now on
    monkeypatch.setattr(type(box._scripts), "enqueue_nowait", fail)
    with pytest.raises(LookupError):
        await asyncio.wait_for(box.put_ready("n", "1", record()), 20)
    monkeypatch.undo()
    monkeypatch.setattr(outbox, "Entered", fail)
    with pytest.raises(LookupError):
        await asyncio.wait_for(box.put_ready("n", "2", record()), 20)
