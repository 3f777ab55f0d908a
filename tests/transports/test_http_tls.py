"""HTTPS: shaking hands, and what TLS changes about how connections end."""

import asyncio
import contextlib
import logging
import os
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from actionhero.transports import http_link
from tests.certificates import Certificate, make_certificate
from tests.transports.http_kit import GET, HELLO, Kit, Wire, request, serving
from tests.transports.serving import PATIENCE, eventually

SIZE = 3_000_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(params=["openssl", "fallback"])
async def kit(
    request: pytest.FixtureRequest, made: Certificate, tmp_path: Path
) -> AsyncIterator[Kit]:
    """A server over TLS by aiofastnet's own engine, and by the one it has where Python brings its
    OpenSSL along."""
    async with serving(tmp_path, **made.settings) as kit:
        assert kit.server.tls is not None
        if request.param == "fallback":
            kit.server.tls.context._aiofastnet_force_fallback_ssl = True  # type: ignore[attr-defined]
        yield kit


async def connect(kit: Kit, made: Certificate) -> Wire:
    return await kit.connect(ssl=made.client(), server_hostname="localhost", limit=2**24)


async def silent(kit: Kit) -> Wire:
    """A client that does not speak TLS."""
    return await kit.connect()


def count(kit: Kit) -> int:
    return 0 if kit.server._state is None else kit.server._state.count


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_requests_are_answered(kit: Kit, made: Certificate, version: ssl.TLSVersion) -> None:
    context = made.client()
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols(["h2", "http/1.1"])
    wire = await kit.connect(ssl=context, server_hostname="localhost")
    tls = wire.writer.get_extra_info("ssl_object")
    assert tls.selected_alpn_protocol() == "http/1.1"
    for _ in range(3):
        assert (await wire.ask(GET)).json() == HELLO
    wire.send(GET * 5)
    for _ in range(5):
        assert (await wire.read_reply()).json() == HELLO


async def test_bodies_and_replies_of_any_size(kit: Kit, made: Certificate) -> None:
    wire = await connect(kit, made)
    body = b'{"value": "%b"}' % (b"x" * 900_000)
    reply = await wire.ask(
        request("POST", "/api/echo", "Content-Type: application/json", body=body)
    )
    assert len(reply.json()["value"]) == 900_000
    assert len((await wire.ask(request("GET", f"/api/large?size={SIZE}"))).body) >= SIZE
    assert (await wire.ask(GET)).json() == HELLO


async def test_large_files_come_whole(kit: Kit, made: Certificate, tmp_path: Path) -> None:
    content = os.urandom(SIZE)
    (tmp_path / "large").write_bytes(content)
    wire = await connect(kit, made)
    for _ in range(2):
        assert (await wire.ask(request("GET", "/public/large"))).body == content
    wire.send(request("GET", "/public/large", "Connection: close"))
    assert (await wire.read_reply()).body == content
    assert await wire.read_end() == b""


async def test_a_reader_who_stops_is_cut_off(made: Certificate, tmp_path: Path) -> None:
    (tmp_path / "huge").write_bytes(b"x" * 30_000_000)
    async with serving(tmp_path, write_timeout=0.1, **made.settings) as kit:
        wire = await kit.connect(ssl=made.client(), server_hostname="localhost", limit=1000)
        wire.send(request("GET", "/public/huge"))
        await eventually(lambda: count(kit) == 1)
        await eventually(lambda: count(kit) == 0)
        other = await connect(kit, made)
        assert (await other.ask(GET)).json() == HELLO


@pytest.mark.parametrize("last", ["Connection: close", "Host: b"])
async def test_the_end_is_told(kit: Kit, made: Certificate, last: str) -> None:
    """A reply after which the connection ends, and a refusal, both before close_notify."""
    wire = await connect(kit, made)
    wire.send(request("GET", "/api/hello?name=Ada", last))
    assert (await wire.read_reply()).status == (200 if "close" in last else 400)
    assert await wire.read_end() == b""
    await eventually(lambda: count(kit) == 0)


async def test_a_refusal_reaches_who_is_still_sending(kit: Kit, made: Certificate) -> None:
    wire = await connect(kit, made)
    head = request("POST", "/api/echo", "Content-Type: application/json", "Content-Length: 9999999")
    wire.send(head + b"x" * 5_000_000)
    assert (await wire.read_reply()).status == 413


async def test_what_runs_is_cancelled_when_the_client_takes_leave(
    kit: Kit, made: Certificate
) -> None:
    for leave in (take_leave, cut):
        kit.gate.entered = kit.gate.cancelled = 0
        wire = await connect(kit, made)
        wire.send(request("GET", "/api/wait"))
        await eventually(lambda: kit.gate.entered == 1)
        leave(wire)
        await eventually(lambda: kit.gate.cancelled == 1)
        await eventually(lambda: count(kit) == 0)


def take_leave(wire: Wire) -> None:
    wire.writer.close()


def cut(wire: Wire) -> None:
    """End the connection without close_notify."""
    wire.writer.transport.abort()


@pytest.mark.parametrize(
    "data",
    [GET, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\xff" * 600, b"\0", b"SSH-2.0"],
)
async def test_what_is_no_tls_ends_cleanly(
    kit: Kit, made: Certificate, data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "actionhero"):
        wire = await silent(kit)
        with contextlib.suppress(OSError, RuntimeError):  # it has been closed already
            for number in range(len(data)):
                wire.send(data[number : number + 1])
                await asyncio.sleep(0)
            wire.writer.write_eof()
        assert b"HTTP" not in await wire.read_end()
        await eventually(lambda: "HTTP: a connection did not come up" in caplog.text)
    loud = {one.levelname for one in caplog.records} - {"DEBUG"}
    assert loud <= {"WARNING"}, caplog.text  # of this client, whose writes were in vain
    assert (await (await connect(kit, made)).ask(GET)).json() == HELLO


async def test_a_client_who_does_not_trust_us_harms_nobody(kit: Kit, made: Certificate) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await kit.connect(ssl=ssl.create_default_context(), server_hostname="localhost")
    assert (await (await connect(kit, made)).ask(GET)).json() == HELLO


async def test_a_handshake_has_its_time(made: Certificate, tmp_path: Path) -> None:
    async with serving(tmp_path, header_timeout=0.1, **made.settings) as kit:
        mute, slow = await silent(kit), await silent(kit)
        slow.send(b"\x16\x03\x01\x02")
        assert await mute.read_end() == b""
        assert await slow.read_end() == b""


async def test_handshakes_count_as_connections(made: Certificate, tmp_path: Path) -> None:
    async with serving(tmp_path, connections=2, **made.settings) as kit:
        mute, wire = await silent(kit), await connect(kit, made)
        refused = await silent(kit)
        assert await refused.read_end() == b""
        assert (await wire.ask(GET)).json() == HELLO
        await mute.aclose()

        async def has_room() -> bool:
            try:
                return (await (await connect(kit, made)).ask(GET)).status == 200
            except OSError:
                return False

        async with asyncio.timeout(PATIENCE):
            while not await has_room():
                await asyncio.sleep(0.01)


async def test_a_drain_ends_handshakes_and_idle_connections(kit: Kit, made: Certificate) -> None:
    mute, idle, busy = await silent(kit), await connect(kit, made), await connect(kit, made)
    await idle.ask(GET)
    busy.send(request("GET", "/api/wait"))
    await eventually(lambda: kit.gate.entered == 1)
    drain = asyncio.create_task(kit.server.drain(PATIENCE))
    assert await mute.read_end() == b""
    assert await idle.read_end() == b""
    kit.gate.opened.set()
    reply = await busy.read_reply()
    assert reply.json() == {"waited": "yes"}
    assert reply.fields["connection"] == "close"
    assert await busy.read_end() == b""
    await drain


async def test_who_does_not_take_leave_holds_no_drain_up(
    made: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pools of clients do, who look at a connection only when they use it next."""
    monkeypatch.setattr(http_link, "_LINGER", 0.01)
    async with serving(tmp_path, header_timeout=0.4, idle_timeout=60, **made.settings) as kit:
        blocking = socket.create_connection(("127.0.0.1", kit.server.port))

        def ask() -> ssl.SSLSocket:
            tls = made.client().wrap_socket(blocking, server_hostname="localhost")
            tls.sendall(GET)
            assert tls.recv(10000).startswith(b"HTTP/1.1 200")
            return tls

        with await asyncio.to_thread(ask):
            async with asyncio.timeout(PATIENCE):
                await kit.server.drain(60.0)


async def test_certificates_are_exchanged_while_it_serves(tmp_path: Path) -> None:
    made, other = make_certificate(tmp_path), make_certificate(tmp_path, "other")
    trust = made.client()
    trust.load_verify_locations(other.certificate)

    async def serial(kit: Kit) -> tuple[Wire, object]:
        wire = await kit.connect(ssl=trust, server_hostname="localhost")
        peer = wire.writer.get_extra_info("peercert")
        return wire, peer["serialNumber"]

    async with serving(tmp_path, **made.settings) as kit:
        assert kit.server.tls is not None
        wire, first = await serial(kit)
        other.certificate.replace(made.certificate)
        other.key.replace(made.key)
        assert (await serial(kit))[1] == first
        kit.server.tls.reload()
        assert (await serial(kit))[1] != first
        assert (await wire.ask(GET)).json() == HELLO
