"""How connections begin and end, who is slow, and what is bounded."""

import asyncio
import contextlib
import socket
import struct
from typing import Any

import pytest

from actionhero.errors import ListenError
from actionhero.settings import TcpSettings
from actionhero.transports.tcp import TcpServer
from tests.transports.serving import PATIENCE, eventually
from tests.transports.tcp_kit import Client, Start


@pytest.fixture
def start(start_tcp: Start) -> Start:
    return start_tcp


@pytest.fixture
async def client(start: Start) -> Client:
    return await (await start()).connect()


@pytest.mark.parametrize("line", ["quit", "exit", "close"])
async def test_goodbye(start: Start, line: str) -> None:
    kit = await start()
    client = await kit.connect()
    assert await client.ask(line) == {"status": "Bye!", "context": "response", "reason": "request"}
    assert await client.is_closed()
    await eventually(lambda: kit.stats.gauges["socketServer:numberOfActiveClients"] == 0)


async def test_goodbye_comes_after_what_runs(start: Start) -> None:
    kit = await start()
    client = await kit.connect()
    client.send("wait", "quit", "number")
    await eventually(lambda: kit.gate.entered == 1)
    kit.gate.opened.set()
    assert (await client.read())["waited"] == "x"
    assert (await client.read())["status"] == "Bye!"
    assert await client.is_closed()


@pytest.mark.parametrize("sign", [b"\x04", b"\xff\xf4\xff\xfd\x06"])
async def test_telnet_can_interrupt(client: Client, sign: bytes) -> None:
    client.writer.write(b"number\r\nhalf a li" + sign)
    assert (await client.read())["data"] == 42
    assert (await client.read())["status"] == "Bye!"
    assert await client.is_closed()


async def test_who_has_said_all_gets_the_answers(start: Start) -> None:
    kit = await start()
    client = await kit.connect()
    client.send("wait", "number")
    client.writer.write(b"hello name=Half")
    client.writer.write_eof()
    assert (await client.read())["data"] == 42
    kit.gate.opened.set()
    assert (await client.read())["waited"] == "x"
    assert await client.is_closed()
    assert kit.stats.tally["socketServer:numberOfRequests"] == 2


async def test_a_line_as_long_as_the_limit(start: Start) -> None:
    client = await (await start(line_bytes=1000)).connect()
    line = "hello name=".ljust(1000, "x")
    assert (await client.ask(line))["greeting"].endswith("xxx.")


async def test_a_line_that_is_too_long_is_told_and_ends_the_connection(start: Start) -> None:
    client = await (await start(line_bytes=1000)).connect()
    client.send("number", "x" * 500_000)
    assert (await client.read())["data"] == 42
    answer = await client.read()
    assert answer["error"]["code"] == "too_large"
    assert "1000 bytes" in answer["error"]["message"]
    assert answer["messageCount"] == 2
    assert await client.is_closed()


async def test_a_line_without_an_end_is_told_too(start: Start) -> None:
    client = await (await start(line_bytes=1000)).connect()
    client.writer.write(b"x" * 1001)
    assert (await client.read())["error"]["code"] == "too_large"
    assert await client.is_closed()


async def test_the_silent_are_sent_away(start: Start) -> None:
    client = await (await start(idle_timeout=0.05)).connect()
    client.writer.write(b"half a line")
    assert await client.read() == {
        "status": "Bye!",
        "context": "response",
        "reason": "idle timeout",
    }
    assert await client.is_closed()


async def test_who_waits_for_an_action_is_not_silent(start: Start) -> None:
    kit = await start(idle_timeout=0.3)
    client = await kit.connect()
    client.send("wait")
    await eventually(lambda: kit.gate.entered == 1)
    loop = asyncio.get_running_loop()
    end = loop.time() + 0.8
    await eventually(lambda: loop.time() > end)
    kit.gate.opened.set()
    assert (await client.read())["waited"] == "x"


async def test_too_many_connections(start: Start) -> None:
    kit = await start(connections=1)
    first = await kit.connect()
    second = await kit.connect()
    assert second.welcome["error"]["code"] == "too_many_connections"
    assert await second.is_closed()
    assert (await first.ask("number"))["data"] == 42
    first.send("quit")
    await first.rest()
    await first.aclose()
    await eventually(lambda: kit.stats.gauges["socketServer:numberOfActiveClients"] == 0)
    assert (await kit.connect()).welcome["welcome"] == "Welcome"


def deaf_socket(port: int) -> socket.socket:
    """A client that takes little into its buffer and reads nothing."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", port))
    return deaf


async def test_who_does_not_read_is_not_read_from(start: Start) -> None:
    kit = await start(outstanding_bytes=50_000)
    other = await kit.connect()
    line = b"detailsView".ljust(999) + b"\n"
    with deaf_socket(kit.server.port) as deaf:
        deaf.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += deaf.send(line * 100)
                assert (await other.ask("number"))["data"] == 42
        taken = kit.stats.tally["socketServer:numberOfRequests"]
        assert taken * len(line) < sent
        # It reads after all: everything is answered, in order.
        deaf.setblocking(True)
        reader, writer = await asyncio.open_connection(sock=deaf.dup(), limit=2**22)
        await reader.readline()
        for count in range(1, sent // len(line) + 1):
            answer = await asyncio.wait_for(reader.readline(), PATIENCE)
            assert answer.endswith(b'"messageCount":%d}\r\n' % count)
        writer.close()


async def test_who_never_reads_is_dropped(start: Start) -> None:
    kit = await start(outstanding_bytes=50_000, write_timeout=0.05)
    with deaf_socket(kit.server.port) as deaf:
        deaf.sendall(b"wait size=8000000\n")
        await eventually(lambda: kit.gate.entered == 1)
        kit.gate.opened.set()
        await eventually(lambda: kit.stats.gauges["socketServer:numberOfActiveClients"] == 0)


async def test_what_running_actions_answer_is_bounded(start: Start) -> None:
    kit = await start(outstanding_bytes=50_000)
    with deaf_socket(kit.server.port) as deaf:
        deaf.sendall(b"wait size=8000000\n" * 2)
        await eventually(lambda: kit.gate.entered == 2)
        kit.gate.opened.set()
        await eventually(lambda: kit.stats.gauges["socketServer:numberOfActiveClients"] == 0)


async def test_an_action_goes_on_when_its_client_goes(start: Start) -> None:
    kit = await start()
    client = await kit.connect()
    client.send("wait")
    await eventually(lambda: kit.gate.entered == 1)
    linger = struct.pack("ii", 1, 0)  # close with a reset
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    await client.aclose()
    await eventually(lambda: kit.stats.gauges["socketServer:numberOfActiveClients"] == 0)
    draining = asyncio.create_task(kit.server.drain(PATIENCE))
    await asyncio.sleep(0)
    assert not draining.done()
    kit.gate.opened.set()
    await draining
    assert (kit.gate.left, kit.gate.cancelled) == (1, 0)


async def test_a_stop_says_goodbye_when_what_runs_has_answered(start: Start) -> None:
    kit = await start()
    idle, busy = await kit.connect(), await kit.connect()
    busy.send("wait")
    await eventually(lambda: kit.gate.entered == 1)
    draining = asyncio.create_task(kit.server.drain(PATIENCE))
    goodbye = {"status": "Bye!", "context": "response", "reason": "server shutdown"}
    assert await idle.read() == goodbye
    assert await idle.is_closed()
    busy.send("number")
    kit.gate.opened.set()
    assert (await busy.read())["waited"] == "x"
    assert await busy.read() == goodbye
    assert await busy.is_closed()
    await draining
    with pytest.raises(ConnectionRefusedError):
        await kit.connect()


async def test_a_stop_does_not_wait_for_ever(start: Start) -> None:
    kit = await start()
    client = await kit.connect()
    client.send("wait")
    await eventually(lambda: kit.gate.entered == 1)
    await kit.server.drain(0.05)
    assert kit.gate.cancelled == 1
    with contextlib.suppress(ConnectionResetError):
        assert await client.is_closed()
    await kit.server.drain(0.0)


async def test_a_file_is_sent_as_it_is(start: Start) -> None:
    kit = await start()
    content = bytes(range(256)) * 5000
    (kit.served.public / "a.bin").write_bytes(content)
    client = await kit.connect()
    client.send("wait", "file a.bin", "number", "quit")
    assert await asyncio.wait_for(client.reader.readexactly(len(content)), PATIENCE) == content
    assert (await client.read())["messageCount"] == 3
    kit.gate.opened.set()
    assert (await client.read())["messageCount"] == 1
    assert (await client.read())["status"] == "Bye!"


async def test_replies_wait_for_the_file(start: Start) -> None:
    kit = await start()
    content = b"x" * 3_000_000
    (kit.served.public / "a.bin").write_bytes(content)
    client = await kit.connect()
    client.send("file a.bin", "number", "paramsView")
    assert await asyncio.wait_for(client.reader.readexactly(len(content)), PATIENCE) == content
    assert {(await client.read())["messageCount"] for _ in range(2)} == {2, 3}


@pytest.mark.parametrize("name", ["missing.txt", "../secret", ".hidden", "a/../../secret"])
async def test_a_missing_file_is_told(start: Start, name: str) -> None:
    kit = await start()
    (kit.served.public.parent / "secret").write_text("secret")
    (kit.served.public / ".hidden").write_text("secret")
    client = await kit.connect()
    assert (await client.ask(f"file {name}"))["error"]["code"] == "not_found"
    assert (await client.ask("number"))["data"] == 42


async def test_who_does_not_read_a_file_is_dropped(start: Start) -> None:
    kit = await start(outstanding_bytes=50_000, write_timeout=0.05)
    (kit.served.public / "a.bin").write_bytes(b"x" * 20_000_000)
    with deaf_socket(kit.server.port) as deaf:
        deaf.sendall(b"file a.bin\n")
        await eventually(lambda: kit.stats.gauges.get("socketServer:numberOfActiveClients") == 1)
        await eventually(lambda: kit.stats.gauges["socketServer:numberOfActiveClients"] == 0)
    await kit.server.drain(PATIENCE)


async def test_a_client_that_goes_during_a_file(start: Start) -> None:
    kit = await start(outstanding_bytes=50_000)
    (kit.served.public / "a.bin").write_bytes(b"x" * 20_000_000)
    client = await kit.connect()
    client.send("file a.bin")
    await client.reader.readexactly(10)
    client.writer.transport.abort()
    await kit.server.drain(PATIENCE)


async def test_one_client_does_not_hold_up_others(start: Start) -> None:
    kit = await start()
    greedy, other = await kit.connect(), await kit.connect()
    greedy.writer.write(b"paramsView\n" * 20_000)
    answer = await other.ask("number")
    assert answer["data"] == 42
    assert kit.stats.tally["socketServer:numberOfRequests"] < 20_000
    for _ in range(20_000):
        await greedy.reader.readline()


async def test_it_listens_on_a_socket_that_is_given(start: Start) -> None:
    kit = await start()
    await kit.server.drain(0.0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        await kit.server.start([listener.dup()])
    assert kit.server.port == port


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "is in use by another program; stop that, or choose another port with --tcp-port"),
        ({"host": "192.0.2.1"}, "192.0.2.1 is not an address of this machine"),
        ({"host": "no.such.host.invalid"}, "no.such.host.invalid is not an address"),
    ],
)
async def test_why_it_cannot_listen(start: Start, settings: dict[str, Any], said: str) -> None:
    kit = await start()
    taken = TcpSettings(**{"port": kit.server.port, **settings})
    server = TcpServer(taken, kit.served.dispatcher, **kit.served.guide)
    with pytest.raises(ListenError) as caught:
        await server.start()
    assert said in caught.value.message
