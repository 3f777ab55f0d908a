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
    """The way into the queue of a store that knows the scripts."""
    made = Outbox(lab.scripts)
    await made.put_ready("n", "first", record())
    await asyncio.gather(*(made.put_ready("n", id, record()) for id in ("second", "third")))
    return made


async def test_what_one_turn_puts_in_is_one_call(box: Outbox, lab: Lab, store: StoreClient) -> None:
    before = store.commands_answered
    ready = [box.put_ready("n", f"t{number}", record()) for number in range(10)]
    later = box.put_later(Later("later", record(), "in", 1000))
    await asyncio.gather(*ready, later)
    assert store.commands_answered == before + 1
    assert len(await lab.pending()) == 13
    assert await lab.state("later") == "delayed"


async def test_a_store_that_does_not_know_the_script_gets_its_text(box: Outbox, lab: Lab) -> None:
    await lab.client.execute("SCRIPT", "FLUSH")
    await box.put_ready("n", "1", record())
    await asyncio.gather(*(box.put_ready("n", id, record()) for id in ("2", "3")))
    assert (await lab.pending())[-3:] == ["1", "2", "3"]


@pytest.mark.parametrize(("band", "place"), [("h", 0), ("n", 3), ("l", 3)])
async def test_one_that_is_alone_goes_to_its_band(
    box: Outbox, lab: Lab, band: str, place: int
) -> None:
    await box.put_ready(band, "alone", record())
    await box.put_ready(band, "alone", record())  # the same again changes nothing
    pending = await lab.pending()
    assert pending.count("alone") == 1
    assert pending.index("alone") == place


async def test_one_that_is_not_plain_takes_the_way_of_many(box: Outbox, lab: Lab) -> None:
    later = box.put_later(Later("later", record(), "in", 1000))
    await asyncio.gather(later, box.put_ready("n", "beside", record()))
    assert await lab.state("later") == "delayed"
    assert (await lab.pending())[-1] == "beside"


async def test_one_that_is_alone_hears_of_an_error(box: Outbox, lab: Lab) -> None:
    await lab.client.execute("DEL", lab.keys.for_scripts[2])
    await lab.client.execute("SET", lab.keys.for_scripts[2], "not a list")
    for id in ("known", "unknown"):
        with pytest.raises(StoreReplyError):
            await box.put_ready("n", id, record())
        await lab.client.execute("SCRIPT", "FLUSH")


async def test_one_that_is_alone_hears_when_the_store_is_away(
    box: Outbox, store: StoreClient
) -> None:
    await store.aclose()
    with pytest.raises(StoreUnavailableError):
        await box.put_ready("n", "alone", record())


async def test_a_caller_may_leave(box: Outbox, lab: Lab) -> None:
    put = box.put_ready("n", "alone", record())
    put.cancel()
    await box.put_ready("n", "other", record())
    assert (await lab.pending())[-2:] == ["alone", "other"]


async def test_a_call_is_bounded(
    box: Outbox, lab: Lab, store: StoreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "GATHERED", 4)
    before = store.commands_answered
    await asyncio.gather(*(box.put_ready("n", f"t{number}", record()) for number in range(10)))
    assert store.commands_answered == before + 3
    monkeypatch.setattr(outbox, "BYTES", 10)
    before = store.commands_answered
    await asyncio.gather(*(box.put_ready("n", f"u{number}", record()) for number in range(2)))
    assert store.commands_answered == before + 2
    assert len(await lab.pending()) == 15


async def test_everybody_hears_of_an_error(box: Outbox, lab: Lab) -> None:
    await lab.client.execute("DEL", lab.keys.for_scripts[0], lab.keys.for_scripts[2])
    await lab.client.execute("SET", lab.keys.for_scripts[2], "not a list")
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

    async def put(count: int) -> None:
        puts = [box.put_ready("n", f"t{number}", record()) for number in range(count)]
        for one in puts:
            with pytest.raises(LookupError):
                await asyncio.wait_for(one, 20)

    monkeypatch.setattr(type(box._scripts), "enqueue_one_nowait", fail)
    await put(1)
    monkeypatch.setattr(type(box._scripts), "enqueue_nowait", fail)
    await put(2)
    monkeypatch.undo()
    monkeypatch.setattr(outbox, "Entered", fail)
    await put(2)
