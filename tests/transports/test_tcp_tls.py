"""TCP over TLS, and what that changes about how clients begin and end."""

import asyncio
import logging
from pathlib import Path

import pytest

from tests.certificates import Certificate, make_certificate
from tests.transports.serving import eventually
from tests.transports.tcp_kit import Client, Kit, Start


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
async def kit(start_tcp: Start, made: Certificate) -> Kit:
    return await start_tcp(**made.settings)


@pytest.fixture
async def client(kit: Kit, made: Certificate) -> Client:
    return await connect(kit, made)


async def connect(kit: Kit, made: Certificate) -> Client:
    return await kit.connect(ssl=made.client(), server_hostname="localhost")


async def test_lines_are_answered(client: Client) -> None:
    assert (await client.ask("hello name=Ada"))["greeting"] == "Hello, Ada."
    for byte in b"hello name=Zoe\r\n":
        client.writer.write(bytes([byte]))
    assert (await client.read())["greeting"] == "Hello, Zoe."
    client.send(*["paramsView"] * 200)
    for count in range(3, 203):
        assert (await client.read())["messageCount"] == count


async def test_files_and_large_replies(client: Client, tmp_path: Path, kit: Kit) -> None:
    content = bytes(range(256)) * 4000
    (tmp_path / "a.bin").write_bytes(content)
    client.send("file a.bin")
    assert await client.reader.readexactly(len(content)) == content
    kit.gate.opened.set()
    assert len((await client.ask("wait size=900000"))["waited"]) == 900_000


@pytest.mark.parametrize(
    ("last", "said"),
    [(b"quit\r\n", "Bye!"), (b"\x04", "Bye!"), (b"\xff\xf4\xff\xfd\x06", "Bye!")],
)
async def test_the_end_is_told(client: Client, kit: Kit, last: bytes, said: str) -> None:
    client.writer.write(b"number\r\n" + last)
    assert (await client.read())["data"] == 42
    assert (await client.read())["status"] == said
    assert await client.is_closed()
    await eventually(lambda: len(kit.server.watch) == 0)


async def test_a_line_that_is_too_long_is_told(client: Client) -> None:
    client.send("x" * 500_000)
    assert (await client.read())["error"]["code"] == "too_large"
    assert await client.is_closed()


async def test_who_takes_leave_is_forgotten(
    kit: Kit, made: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a word in the log, and without answers: TLS ends both directions at once here."""
    for leave in (take_leave, cut):
        client = await connect(kit, made)
        client.send("number", "wait")
        assert (await client.read())["data"] == 42
        leave(client)
        await eventually(lambda: len(kit.server.watch) == 0)
    assert caplog.text == ""


def take_leave(client: Client) -> None:
    client.writer.close()


def cut(client: Client) -> None:
    client.writer.transport.abort()


async def test_a_stop_says_goodbye(kit: Kit, made: Certificate) -> None:
    busy, idle, mute = await connect(kit, made), await connect(kit, made), await mute_client(kit)
    busy.send("wait")
    await eventually(lambda: kit.gate.entered == 1)
    drain = asyncio.create_task(kit.server.drain(30.0))
    assert (await idle.read())["reason"] == "server shutdown"
    assert await idle.is_closed()
    assert await mute.rest() == b""
    kit.gate.opened.set()
    assert (await busy.read())["waited"] == "x"
    assert (await busy.read())["reason"] == "server shutdown"
    assert await busy.is_closed()
    await drain


async def mute_client(kit: Kit) -> Client:
    client = Client(*await asyncio.open_connection("127.0.0.1", kit.server.port))
    kit.clients.append(client)
    return client


async def test_who_speaks_no_tls_is_sent_away(
    kit: Kit, made: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "actionhero"):
        client = await mute_client(kit)
        client.send("hello name=Ada")
        assert b"greeting" not in await client.rest()
        await eventually(lambda: "TCP: a connection did not come up" in caplog.text)
    assert (await (await connect(kit, made)).ask("number"))["data"] == 42


async def test_handshakes_have_their_time(start_tcp: Start, made: Certificate) -> None:
    kit = await start_tcp(idle_timeout=0.1, **made.settings)
    assert await (await mute_client(kit)).rest() == b""


async def test_who_does_not_read_is_dropped(start_tcp: Start, made: Certificate) -> None:
    kit = await start_tcp(outstanding_bytes=1000, write_timeout=0.1, **made.settings)
    kit.gate.opened.set()
    client = await connect(kit, made)
    client.reader._transport.pause_reading()  # type: ignore[attr-defined]
    for _ in range(5):
        client.send("wait size=3000000")
    await eventually(lambda: len(kit.server.watch) == 0)
