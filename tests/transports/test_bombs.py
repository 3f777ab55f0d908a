"""What is little on the wire and much in memory, or deep: refused before it costs anything."""

import gzip
import json
import tracemalloc
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.transports import tcp_kit, ws_kit
from tests.transports.http_kit import HELLO, request, serving

DEEP = b"[" * 100_000
PIECE = 1_000_000


def fold(pieces: int) -> bytes:
    """Raw deflate that unfolds to so many million zeros: one flushed piece, again and again."""
    folding = zlib.compressobj(9, zlib.DEFLATED, -15)
    piece = folding.compress(bytes(PIECE)) + folding.flush(zlib.Z_FULL_FLUSH)
    return piece * pieces


@pytest.fixture
def memory() -> Iterator[None]:
    """Fails if more than 20 MB were held at one time."""
    tracemalloc.start()
    yield
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20_000_000


@pytest.mark.usefixtures("memory")
async def test_a_packed_body_does_not_unfold(tmp_path: Path) -> None:
    bomb = gzip.compress(b"")[:10] + fold(500)
    assert len(bomb) < 1_000_000
    lines = ("Content-Type: application/json", "Content-Encoding: gzip")
    async with serving(tmp_path, gzip_bodies=True) as kit:
        for body in (bomb, bomb[:20_000]):
            wire = await kit.connect()
            wire.send(request("POST", "/api/echo", *lines, body=body))
            assert (await wire.read_reply()).status == 413
            assert await wire.read_end() == b""
        packed = gzip.compress(b'{"name":"Ada"}')
        assert (await kit.ask(request("POST", "/api/hello", *lines, body=packed))).json() == HELLO


async def test_packed_bodies_are_not_read_unless_that_is_set(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        body = gzip.compress(b'{"name":"Ada"}')
        lines = ("Content-Type: application/json", "Content-Encoding: gzip")
        assert (await kit.ask(request("POST", "/api/hello", *lines, body=body))).status == 415


@pytest.mark.usefixtures("memory")
@pytest.mark.parametrize("is_whole", [True, False])
async def test_a_packed_message_does_not_unfold(is_whole: bool, start_ws: ws_kit.Start) -> None:
    kit = await start_ws()
    raw = await kit.open_raw(Sec_WebSocket_Extensions="permessage-deflate")
    bomb = fold(200)
    assert len(bomb) < 250_000
    if is_whole:
        raw.send(0x1, bomb, first=0xC0)
    else:
        raw.send(0x1, bomb[:100_000], first=0x40)
        raw.send(0x0, bomb[100_000:])
    assert await raw.read_close() == 1009


@pytest.mark.parametrize("body", [DEEP, b'{"numbers":' + DEEP, b'{"x":' * 100_000])
async def test_deep_json_is_refused(
    body: bytes, tmp_path: Path, start_ws: ws_kit.Start, start_tcp: tcp_kit.Start
) -> None:
    async with serving(tmp_path) as http:
        reply = await http.post("/api/echo", body)
        assert (reply.status, reply.json()["code"]) == (400, "malformed")
    raw = await (await start_ws()).open_raw()
    for text in (body, b'{"event":"action","params":' + body):
        assert "error" in await raw.ask(text)
    client = await (await start_tcp(line_bytes=10**6)).connect()
    assert "error" in await client.ask(body)
    answer = await client.ask(json.dumps({"action": "number"}))
    assert answer["data"] == 42  # it goes on
