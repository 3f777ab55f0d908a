"""What one client says and is told."""

import re

import pytest

from tests.transports.serving import eventually
from tests.transports.tcp_kit import Answer, Client, Start


@pytest.fixture
def start(start_tcp: Start) -> Start:
    return start_tcp


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
        ("roomAdd r x", "malformed", "write `roomAdd room`"),
        ("say r hello", "malformed", "this connection is in no room"),
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
