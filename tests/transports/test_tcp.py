import asyncio
import contextlib
import json
import re
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from actionhero.errors import ListenError
from actionhero.settings import TcpSettings
from actionhero.transports.tcp import TcpServer
from tests.transports.serving import PATIENCE, Served, eventually

Answer: TypeAlias = dict[str, Any]


class Client:
    """A client that reads line by line."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.welcome: Answer = {}

    def send(self, *lines: str | bytes) -> None:
        """Send lines in one write."""
        parts = (line.encode() if isinstance(line, str) else line for line in lines)
        self.writer.write(b"".join(part + b"\r\n" for part in parts))

    async def read(self) -> Answer:
        line = await asyncio.wait_for(self.reader.readline(), PATIENCE)
        assert line.endswith(b"\r\n"), line
        answer: Answer = json.loads(line)
        return answer

    async def ask(self, line: str | bytes) -> Answer:
        self.send(line)
        return await self.read()

    async def rest(self) -> bytes:
        """All that comes until the server closes."""
        return await asyncio.wait_for(self.reader.read(), PATIENCE)

    async def is_closed(self) -> bool:
        """Whether the server says no more and closes; the client closes then, too."""
        rest = await self.rest()
        await self.aclose()
        return rest == b""

    async def aclose(self) -> None:
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


class Kit:
    """A server and its clients."""

    def __init__(self, served: Served, settings: TcpSettings) -> None:
        self.served = served
        self.gate = served.gate
        self.stats = served.stats
        self.server = TcpServer(settings, served.dispatcher, **served.guide)
        self.clients: list[Client] = []

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self.server.port, limit=2**22))
        self.clients.append(client)
        client.welcome = await client.read()
        return client

    async def aclose(self) -> None:
        for client in self.clients:
            await client.aclose()
        await self.server.drain(0.0)


Start: TypeAlias = Callable[..., Awaitable[Kit]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a server with the settings it is given."""
    kits = []

    async def start_one(**settings: Any) -> Kit:
        kit = Kit(Served(tmp_path), TcpSettings(port=0, **settings))
        kits.append(kit)
        await kit.server.start()
        return kit

    yield start_one
    for kit in kits:
        await kit.aclose()


@pytest.fixture
async def client(start: Start) -> Client:
    return await (await start()).connect()


async def test_the_greeting(client: Client) -> None:
    assert client.welcome == {"welcome": "Welcome", "room": None, "context": "api"}


async def test_an_action_in_words(client: Client) -> None:
    answer = await client.ask("hello name=Ada excited=true")
    assert re.fullmatch(r"\w+-\w+", answer.pop("messageId"))
    assert answer == {"greeting": "Hello, Ada!", "context": "response", "messageCount": 1}


async def test_an_action_in_json(client: Client) -> None:
    line = '{"action": "hello", "params": {"name": "Ada"}, "messageId": 9}'
    assert await client.ask(line) == {
        "greeting": "Hello, Ada.",
        "context": "response",
        "messageId": 9,
        "messageCount": 1,
    }


async def test_lf_ends_a_line_too(client: Client) -> None:
    client.writer.write(b"hello name=A\nhello name=B\n")
    assert {(await client.read())["greeting"] for _ in range(2)} == {"Hello, A.", "Hello, B."}


async def test_a_line_may_come_byte_by_byte(client: Client) -> None:
    for byte in b"hello name=Ada\r\n":
        client.writer.write(bytes([byte]))
        await client.writer.drain()
    assert (await client.read())["greeting"] == "Hello, Ada."


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("number", {"data": 42}),
        ("nothing", {"data": None}),
        ("empty", {}),
        ("numbers tags=1 tags=2", {"data": [1, 2]}),
        ('{"action": "numbers", "params": {"tags": [1]}}', {"data": [1]}),
        ("second", {"version": 2}),
        ("second apiVersion=1", {"data": 42}),
        ('{"action": "second", "params": {"apiVersion": 1}}', {"data": 42}),
    ],
)
async def test_values(client: Client, line: str, fields: Answer) -> None:
    answer = await client.ask(line)
    assert {key: value for key, value in answer.items() if not key.startswith("message")} == {
        **fields,
        "context": "response",
    }


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("nope", "unknown_action", "'nope' is not a known action"),
        ('{"action": "nope"}', "unknown_action", "'nope'"),
        ('{"params": {}}', "unknown_action", "no action was named"),
        ("{}", "unknown_action", "no action was named"),
        ("hello", "invalid_input", "name: is required"),
        ("hello name=Ada loose", "malformed", "'loose' is not written as name=value"),
        ("hello name=Ada excited=maybe", "invalid_input", "excited"),
        ('{"action": "hello", "params": {"name": 5}}', "invalid_input", "name"),
        ('{"action": "hello", "params": []}', "malformed", "object"),
        ("second apiVersion=7", "unknown_version", "no version '7'"),
        ("refuse", "forbidden", "you may not"),
        ("{", "malformed", "byte 1"),
        ('{"action": }', "malformed", "byte 11"),
        ('{"action": "hello", "params": {"name": NaN}}', "malformed", "byte 39"),
        ('{"a":' * 10_000, "malformed", "nested too deeply"),
        (b"hello name=\xff", "malformed", "not UTF-8 at byte 11"),
        ("paramAdd", "malformed", "write `paramAdd name=value`"),
        ("paramAdd k", "malformed", "write `paramAdd name=value`"),
        ("paramView", "malformed", "write `paramView name`"),
        ("file", "malformed", "write `file name`"),
        ("roomAdd r", "not_yet", "rooms are not there yet"),
        ("say r hello", "not_yet", "rooms are not there yet"),
    ],
)
async def test_errors_are_answered_and_the_connection_stays(
    client: Client, line: str | bytes, code: str, said: str
) -> None:
    answer = await client.ask(line)
    assert answer["error"]["code"] == code
    assert said in answer["error"]["message"]
    assert (answer["context"], answer["messageCount"]) == ("response", 1)
    assert isinstance(answer["messageId"], str)
    assert (await client.ask("hello name=Ada"))["greeting"] == "Hello, Ada."


async def test_all_input_errors_come_at_once(client: Client) -> None:
    answer = await client.ask('{"action": "numbers", "params": {"tags": ["a", "b"]}}')
    assert [one["path"] for one in answer["error"]["details"]] == ["tags[0]", "tags[1]"]


@pytest.mark.parametrize("action", ["broken", "unencodable", "surrogate"])
async def test_faults_of_ours_tell_nothing(client: Client, action: str) -> None:
    answer = await client.ask(action)
    assert answer["error"]["code"] == "internal_error"
    assert "secret" not in str(answer)
    assert (await client.ask("number"))["data"] == 42


async def test_the_error_of_an_unreadable_message_has_its_id(client: Client) -> None:
    answer = await client.ask('{"action": 5, "messageId": 7}')
    assert (answer["error"]["code"], answer["messageId"]) == ("malformed", 7)


async def test_sticky_params_hold_until_they_are_deleted(client: Client) -> None:
    assert (await client.ask("paramAdd name=Ada"))["status"] == "OK"
    assert (await client.ask("hello"))["greeting"] == "Hello, Ada."
    assert (await client.ask("hello name=Bob"))["greeting"] == "Hello, Bob."
    assert (await client.ask("hello"))["greeting"] == "Hello, Ada."
    assert (await client.ask('{"action": "hello"}'))["greeting"] == "Hello, Ada."
    replaced = await client.ask('{"action": "hello", "params": {}}')
    assert replaced["error"]["code"] == "invalid_input"
    answer = await client.ask("paramsView")
    assert answer["params"] == answer["data"] == {"name": "Ada"}
    assert (await client.ask("paramDelete name"))["status"] == "OK"
    assert (await client.ask("hello"))["error"]["code"] == "invalid_input"


async def test_a_call_has_the_params_of_its_line(client: Client) -> None:
    await client.ask("paramAdd name=Ada")
    client.send("hello", "paramDelete name", "hello name=Bob", "paramAdd name=Eve")
    answers = {answer["messageCount"]: answer for answer in [await client.read() for _ in range(4)]}
    assert answers[2]["greeting"] == "Hello, Ada."
    assert answers[4]["greeting"] == "Hello, Bob."


async def test_sticky_params_are_bounded(start: Start) -> None:
    client = await (await start(params=2, line_bytes=50)).connect()
    await client.ask("paramAdd a=1")
    await client.ask("paramAdd b=1")
    assert (await client.ask("paramAdd c=1"))["error"]["code"] == "too_large"
    await client.ask("paramAdd a=" + "x" * 39)
    assert (await client.ask("paramAdd b=" + "x" * 39))["error"]["code"] == "too_large"


async def test_an_id_that_is_added_is_that_of_the_next_reply(client: Client) -> None:
    """What `actionhero-node-client` does before each message."""
    client.send("paramAdd messageId=one", "detailsView", "paramAdd messageId=two", "hello name=Ada")
    answers = {
        answer["messageCount"]: answer["messageId"]
        for answer in [await client.read() for _ in range(4)]
    }
    assert answers[1] not in {"one", "two"}
    assert (answers[2], answers[3], answers[4]) == ("one", "one", "two")


async def test_an_id_in_json_is_for_that_line_only(client: Client) -> None:
    await client.ask("paramAdd messageId=sticky")
    assert (await client.ask('{"action": "number", "messageId": 1}'))["messageId"] == 1
    assert (await client.ask('{"action": "number", "params": {"messageId": 2}}'))["messageId"] == 2
    assert (await client.ask('{"action": "number", "params": {}}'))["messageId"] == "sticky"
    assert (await client.ask("number"))["messageId"] == "sticky"
    assert (await client.ask("paramsDelete"))["messageId"] == "sticky"
    assert (await client.ask("number"))["messageId"] != "sticky"


async def test_messages_are_counted_when_they_are_read(start: Start) -> None:
    kit = await start()
    client = await kit.connect()
    client.send("wait", "number", "nope", "{", "", "paramsView")
    answers = [await client.read() for _ in range(4)]
    assert {answer["messageCount"] for answer in answers} == {2, 3, 4, 5}
    kit.gate.opened.set()
    assert (await client.read())["messageCount"] == 1
    assert kit.stats.tally["socketServer:numberOfRequests"] == 5


async def test_verbs_are_answered_in_order(client: Client) -> None:
    client.send(*(f"paramAdd n={n}" for n in range(500)))
    assert [(await client.read())["messageCount"] for _ in range(500)] == list(range(1, 501))


async def test_verbs_do_not_wait_for_actions(start: Start) -> None:
    kit = await start()
    client = await kit.connect()
    client.send("wait")
    await eventually(lambda: kit.gate.entered == 1)
    details = await client.ask("detailsView")
    assert details["data"]["pendingActions"] == 1
    kit.gate.opened.set()
    assert (await client.read())["waited"] == "x"
    details = await client.ask("detailsView")
    assert details["data"]["pendingActions"] == 0
    assert details["data"]["totalActions"] == 1


async def test_details(start: Start) -> None:
    kit = await start()
    client = await kit.connect()
    await client.ask("paramAdd name=Ada")
    answer = await client.ask("detailsView")
    data = answer["data"]
    assert data["id"] == (await client.ask("whoami"))["id"]
    assert (data["remoteIP"], data["params"]) == ("127.0.0.1", {"name": "Ada"})
    assert data["remotePort"] == client.writer.get_extra_info("sockname")[1]
    assert answer["details"]["data"] == data
    assert kit.stats.gauges["socketServer:numberOfActiveClients"] == 1


async def test_documentation(client: Client) -> None:
    assert {"name": "hello"} in (await client.ask("documentation"))["data"]


async def test_more_requests_than_may_be_pending_are_refused(start: Start) -> None:
    kit = await start(pending=2)
    client = await kit.connect()
    client.send("wait", "wait", "wait", "number")
    for _ in range(2):
        error = (await client.read())["error"]
        assert error["code"] == "too_many_requests"
        assert error["message"] == "you have too many pending requests"
    assert kit.stats.tally["actions:actionsNotProcessed"] == 2
    kit.gate.opened.set()
    assert {(await client.read())["messageCount"] for _ in range(2)} == {1, 2}
    assert (await client.ask("number"))["data"] == 42


async def test_a_reply_makes_room_for_the_next_request(start: Start) -> None:
    client = await (await start(pending=1)).connect()
    for _ in range(100):
        assert (await client.ask("number"))["data"] == 42


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
    kit = await start(idle_timeout=0.02)
    client = await kit.connect()
    client.send("wait")
    await eventually(lambda: kit.gate.entered == 1)
    loop = asyncio.get_running_loop()
    end = loop.time() + 0.2
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
        await kit.server.start(listener.dup())
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
