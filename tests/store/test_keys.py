"""The names of keys, and that no script leaves its slot."""

import asyncio
import re

import pytest

from actionhero.errors import DefinitionError
from actionhero.store.client import StoreClient
from actionhero.store.keys import QUEUE_KEYS, Keys, check_queue_name, is_room_name
from actionhero.store.room_scripts import Entry, Position, Retention, RoomScripts, position
from actionhero.store.task_scripts import Arrivals, Later, Occurring, QueueScripts, read_lua
from actionhero.tasks.record import new_record, record_head


def tag_of(key: str) -> str:
    found = re.search(r"\{(.+?)\}", key)
    assert found, key
    return found[1]


def test_every_key_begins_with_the_prefix() -> None:
    keys = Keys("shop")
    for key in (*keys.queue("mail").for_scripts, *keys.stats("s:1"), keys.cached("k"), keys.queues):
        assert key.startswith("shop:")


def test_all_keys_of_a_queue_share_one_tag() -> None:
    keys = Keys("shop").queue("mail")
    assert {tag_of(key) for key in keys.for_scripts} == {"mail"}
    assert {tag_of(keys.wake), tag_of(keys.wakes)} == {"mail"}


def test_all_keys_of_the_stats_share_one_tag() -> None:
    assert {tag_of(key) for key in Keys("shop").stats("host-1:ab")} == {"stats"}


def test_all_keys_of_a_room_share_one_tag() -> None:
    keys = Keys("shop")
    assert {tag_of(key) for key in keys.room("lobby:1")} == {"room:lobby:1"}
    of_all = (keys.room_names, *keys.room_server("s:1"), keys.inbox("g"))
    assert {tag_of(key) for key in of_all} == {"rooms"}


@pytest.mark.parametrize("name", ["lobby", "a:b/c#d@e.f+g-h_1", "x" * 100])
def test_names_that_a_room_may_have(name: str) -> None:
    assert is_room_name(name)


@pytest.mark.parametrize("name", ["", "a b", "{a}", "x" * 101, "é", "a\n", '"'])
def test_names_that_a_room_may_not_have(name: str) -> None:
    assert not is_room_name(name)


async def test_every_script_of_a_room_stays_in_its_slot(client: StoreClient) -> None:
    reader, writer = await asyncio.open_unix_connection(client.url.path)
    writer.write(b"MONITOR\r\n")
    assert await reader.readline() == b"+OK\r\n"
    scripts, keep = RoomScripts(client, Keys("app")), Retention(1, 1_000, announces=True)
    await scripts.create("r")
    await scripts.enter("s", 1_000, ["r"])
    await scripts.join("r", "s", [Entry("a", 0, b'{"id":"a"}'), Entry("b", 0, b'{"id":"b"}')], keep)
    at = position(await scripts.say("r", b"{}", keep))
    await scripts.read([("r", Position(at.epoch, 1), keep)], 10)
    await scripts.view("r", 10)
    await scripts.leave("r", "s", ["a"], keep)
    await scripts.clear("r", "s", keep)
    await scripts.beat("s", 0, is_new=True)
    await scripts.bury("s", ["r"])
    await scripts.open_inbox("g", "r", at, 1_000)
    await scripts.take("g", 1_000, [("r", at, at)])
    await scripts.destroy("r")
    await client.execute("ECHO", "-- marker --")
    of_room: set[str] = set()
    while b"-- marker --" not in (line := await reader.readline()):
        if b" lua] " in line:
            of_room.update(key.decode() for key in re.findall(rb'"(app:[^"]*)"', line))
    writer.close()
    await writer.wait_closed()
    assert {tag_of(key) for key in of_room} == {"room:r", "rooms"}
    assert len(of_room) > 6


def test_queues_do_not_share_keys() -> None:
    keys = Keys("shop")
    assert not set(keys.queue("mail").for_scripts) & set(keys.queue("mail.0").for_scripts)
    assert keys.queue("mail") is keys.queue("mail")


def test_the_scripts_name_the_keys_in_the_same_order() -> None:
    found = re.search(
        r"^local (DATA.*?) = unpack\(KEYS\)", read_lua("tasks"), re.MULTILINE | re.DOTALL
    )
    assert found
    names = [name.strip().lower() for name in found[1].split(",")]
    assert names == [key.rstrip(":") for key in QUEUE_KEYS]


@pytest.mark.parametrize("name", ["mail", "Mail_2", "a-b.c", "x" * 64, "v1.beta"])
def test_names_that_a_queue_may_have(name: str) -> None:
    assert check_queue_name(name) == name


@pytest.mark.parametrize("name", ["", "a b", "{a}", "mail.0", "a/b", "-a", "x" * 65, "é"])
def test_names_that_a_queue_may_not_have(name: str) -> None:
    with pytest.raises(DefinitionError, match="no queue name"):
        check_queue_name(name)


async def test_every_script_stays_in_its_slot(client: StoreClient) -> None:
    """What the scripts touch, as the store itself tells it."""
    reader, writer = await asyncio.open_unix_connection(client.url.path)
    writer.write(b"MONITOR\r\n")
    assert await reader.readline() == b"+OK\r\n"
    await call_every_script(client)
    await client.execute("ECHO", "-- marker --")
    called: set[bytes] = set()
    touched: set[str] = set()
    while b"-- marker --" not in (line := await reader.readline()):
        if b" lua] " in line:
            called.add(line.split(b'"')[1].upper())
            touched.update(key.decode() for key in re.findall(rb'"(app:[^"]*)"', line))
    writer.close()
    await writer.wait_closed()
    assert {b"LPOP", b"HMGET", b"ZADD", b"LMOVE", b"HSCAN", b"LREM", b"SADD"} <= called
    assert len(touched) > 15
    assert {tag_of(key) for key in touched} == {"q"}


async def call_every_script(client: StoreClient) -> None:
    scripts = QueueScripts(client, Keys("app").queue("q"))
    once, everywhere = (
        new_record(record_head("work", "normal", scope, is_periodic=False), b"{}")
        for scope in ("any", "all")
    )
    sweep = new_record(record_head("sweep", "normal", "all", is_periodic=True), b"{}")
    arrivals = Arrivals()
    for number in range(4):
        arrivals.add_ready("n", f"t{number}", once)
    arrivals.add_later(Later("p", everywhere, "in", 0))
    arrivals.add_later(Later("later", once, "in", 60_000))
    await scripts.enqueue(arrivals)
    await scripts.enqueue_one("n", "t0", once)
    for server in ("a:1", "b:1", "b:2"):
        await scripts.register(server, 60_000, [Occurring("sweep", "1", sweep)])
    await asyncio.sleep(0.002)  # the interval of the periodic type
    reply = await scripts.tick(["a:1", 1, 3, 1, 3, 0, 0])
    assert reply.ids == [b"p@a:1", b"sweep#" + reply.ids[1].partition(b"#")[2], b"t0"]
    await scripts.tick(["a:1", 2, 2, 1, 3, 1, "1", 1, "t0", 2, "d", reply.ids[0], "1", 0, "",
                        "r", reply.ids[1], "1", 5, "{}"])  # fmt: skip
    await scripts.tick(["a:1", 3, 2, 1, 3, 0, 1, "f", "t1", "2", 0, "{}"])
    await scripts.tick(["a:1", 3, 2, 1, 3, 0, 1, "f", "t1", "2", 0, "{}"])
    await scripts.renew("a:1", 60_000)
    await scripts.reconcile("a:1", 99, {b"t2": "2"})
    assert await scripts.retry("t1") == "retried"
    assert await scripts.cancel("t1") == "cancelled"
    assert await scripts.cancel("later") == "cancelled"
    assert await scripts.show("t2") is not None
    for state in ("pending", "local", "delayed", "processing", "failed"):
        await scripts.page(state, 0, 10)
    await scripts.counts()
    await scripts.glance(10, 5)
    look = await scripts.look("failed", 10)
    assert await scripts.sweep("purge", look.found) == len(look.found)
    spec = "c:skip:skip:UTC:*_*_*_*_*"
    await scripts.register("a:1", 60_000, [Occurring("nightly", spec, sweep)])
    (planned,) = (one for one in await scripts.periodic() if one.name == "nightly")
    assert await scripts.fire("nightly", planned.next or 0, spec, None, [1]) == 1
    assert await scripts.stop("sweep") == (True, reply.ids[1].partition(b"@")[0].decode())
    await scripts.leave("b:1")
    await scripts.renew("a:1", 0)
    await scripts.tick(["b:2", 1, 0, 1, 1, 0, 0])
