"""How the task scripts are put together and called."""

import pytest

from actionhero.errors import StoreReplyError
from actionhero.store.client import StoreClient
from actionhero.store.keys import Keys
from actionhero.store.task_scripts import SCRIPTS, Arrivals, Later, QueueScripts, load_scripts

RECORD = b'1no-{"name":"x","params":{}}'


def test_each_script_begins_with_the_keys_and_has_only_the_parts_it_uses() -> None:
    assert all("= unpack(KEYS)" in script.source for script in SCRIPTS.values())
    assert "local function duties()" in SCRIPTS["tick"].source
    assert "local function duties()" not in SCRIPTS["enqueue"].source


def test_another_prelude_makes_other_scripts() -> None:
    other = load_scripts("-- another clock\n")
    assert other["tick"].source.startswith("-- another clock\n")
    assert other["tick"].sha != SCRIPTS["tick"].sha
    assert load_scripts()["tick"].sha == SCRIPTS["tick"].sha


def test_arrivals_as_arguments() -> None:
    arrivals = Arrivals()
    arrivals.add_ready("n", "a", b"1no-A")
    arrivals.add_ready("h", "b", b"1ho-B")
    arrivals.add_ready("n", "c", b"1no-C")
    assert arrivals.is_plain
    arrivals.add_later(Later("d", b"1no-D", "in", 5))
    arrivals.add_later(Later("e", b"1no-E", "at", 6))
    assert arrivals.count == 5
    assert not arrivals.is_plain
    ready = ["b", b"1ho-B", "a", "c", b"1no-A", b"1no-C"]
    later = ["d", "e", b"1no-D", b"1no-E", "in", 5, "at", 6]
    assert arrivals.args() == [1, 2, 0, 2, 0, 0, *ready, *later]


async def test_a_store_that_lost_the_scripts_gets_them_again(client: StoreClient) -> None:
    scripts = QueueScripts(client, Keys("app").queue("q"))
    await client.execute("SCRIPT", "FLUSH")
    await scripts.register("a:1", 1000, [])
    by_hash, whole = scripts.renew_command("a:1", 1000)
    await client.execute("SCRIPT", "FLUSH")
    with pytest.raises(StoreReplyError):
        await client.execute(*by_hash)
    assert await client.execute(*whole) == 1
    assert await client.execute(*by_hash) == 1


async def test_the_clock_is_the_stores(client: StoreClient) -> None:
    scripts = QueueScripts(client, Keys("app").queue("q"))
    arrivals = Arrivals()
    arrivals.add_ready("n", "a", RECORD)
    before, _ = await client.execute("TIME")
    await scripts.enqueue(arrivals)
    shown = await scripts.show("a")
    after, _ = await client.execute("TIME")
    assert shown is not None
    stamp = int(shown.record[4:17])
    assert int(before) * 1000 <= stamp <= int(after) * 1000 + 1000


async def test_what_is_not_there_is_told(client: StoreClient) -> None:
    scripts = QueueScripts(client, Keys("app").queue("q"))
    assert await scripts.show("x") is None
    assert await scripts.cancel("x") == "unknown"
    assert await scripts.retry("x") == "unknown"
    assert await scripts.page("pending", 0, 10) == (0, [])
    assert await scripts.counts() == (0,) * 9
    assert await scripts.leave("x:1") == 0
    assert not await scripts.renew("x:1", 1000)
    assert (await scripts.tick(["x:1", 1, 1, 1, 3, 0, 0])).status == "lost"
