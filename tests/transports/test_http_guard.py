"""Who is answered, and who may read it: hosts, origins, and the fields that every reply has."""

from pathlib import Path

import pytest

from actionhero.errors import SettingsError
from tests.transports.http_kit import HELLO, Kit, Reply, serving

TARGET = "/api/hello?name=Ada"
ORIGIN = "https://a.org"
PREFLIGHT = (f"Origin: {ORIGIN}", "Access-Control-Request-Method: PUT")


async def get(kit: Kit, host: str, target: str = TARGET, *, more: str = "") -> Reply:
    head = f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n"
    return await kit.ask(head.encode())


async def test_on_loopback_only_its_names_are_answered_to(tmp_path: Path) -> None:
    async with serving(tmp_path, hosts=()) as kit:
        for host in ("localhost", f"127.0.0.1:{kit.server.port}", "[::1]:8080"):
            assert (await get(kit, host)).json() == HELLO
        for host in ("evil.org", "localhost.evil.org", "127.0.0.1.evil.org"):
            wire = await kit.connect()
            reply = await wire.ask(f"GET {TARGET} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            assert (reply.status, reply.json()["code"]) == (421, "http_protocol")
            assert await wire.read_end() == b""
        assert (await kit.ask(f"GET {TARGET} HTTP/1.0\r\n\r\n".encode())).json() == HELLO


async def test_the_host_of_an_absolute_target_counts(tmp_path: Path) -> None:
    async with serving(tmp_path, hosts=()) as kit:
        assert (await get(kit, "localhost", f"http://localhost{TARGET}")).json() == HELLO
        assert (await get(kit, "localhost", f"http://evil.org{TARGET}")).status == 421
        assert (await get(kit, "evil.org", f"http://localhost{TARGET}")).status == 421


async def test_a_websocket_is_refused_to_another_host(tmp_path: Path) -> None:
    upgrade = (
        "Upgrade: websocket\r\nConnection: Upgrade\r\nOrigin: http://evil.org\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    taken: list[object] = []
    async with serving(tmp_path, hosts=(), upgrades={"/ws": taken.append}) as kit:
        assert (await get(kit, "evil.org", "/ws", more=upgrade)).status == 421
    assert not taken


async def test_listed_hosts(tmp_path: Path) -> None:
    async with serving(tmp_path, hosts=("a.org", "*.b.org")) as kit:
        for host in ("a.org", "x.b.org:80"):
            assert (await get(kit, host)).json() == HELLO
        for host in ("localhost", "x.a.org"):
            assert (await get(kit, host)).status == 421


async def test_without_origins_no_reply_speaks_of_them(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        reply = await kit.get(TARGET, f"Origin: {ORIGIN}")
        assert not [name for name in reply.fields if name.startswith("access-control")]
        assert "vary" not in reply.fields
        reply = await kit.get(TARGET, *PREFLIGHT, method="OPTIONS")
        assert "access-control-allow-origin" not in reply.fields
        assert reply.fields["allow"]


async def test_listed_origins_may_read_every_reply(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "large").write_bytes(b"x" * 1_000_000)
    targets = (TARGET, "/api/refuse", "/api/nothing", "/public/a.txt", "/public/large", "/nothing")
    async with serving(
        tmp_path, cors_origins=(ORIGIN,), cors_credentials=True, compress=False
    ) as kit:
        for target in targets:
            reply = await kit.get(target, f"Origin: {ORIGIN}")
            assert reply.fields["access-control-allow-origin"] == ORIGIN
            assert reply.fields["access-control-allow-credentials"] == "true"
            assert reply.fields["vary"] == "Origin"
            for lines in ((), ("Origin: https://evil.org",), ("Origin: null",)):
                reply = await kit.get(target, *lines)
                assert "access-control-allow-origin" not in reply.fields
                assert reply.fields["vary"] == "Origin"


async def test_a_star_never_comes_with_credentials(tmp_path: Path) -> None:
    async with serving(tmp_path, cors_origins=("*",), cors_credentials=True) as kit:
        reply = await kit.get(TARGET, "Origin: https://any.org")
        assert reply.fields["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in reply.fields
        assert "vary" not in reply.fields


@pytest.mark.parametrize("target", ["/api/hello", "/api/users/7", "/api/nothing", "/public/a"])
async def test_a_preflight_is_answered_before_actions(tmp_path: Path, target: str) -> None:
    async with serving(tmp_path, cors_origins=(ORIGIN,)) as kit:
        lines = (*PREFLIGHT, "Access-Control-Request-Headers: x-own")
        reply = await kit.get(target, *lines, method="OPTIONS")
        assert (reply.status, reply.body) == (204, b"")
        assert reply.fields["access-control-allow-origin"] == ORIGIN
        assert "PUT" in reply.fields["access-control-allow-methods"]
        assert reply.fields["access-control-allow-headers"] == "x-own"
        assert reply.fields["access-control-max-age"] == "600"
        assert not kit.stats.tally.get("actions:processedActions:hello")
        evil = ("Origin: https://evil.org", PREFLIGHT[1])
        reply = await kit.get(target, *evil, method="OPTIONS")
        assert "access-control-allow-methods" not in reply.fields


async def test_the_fields_of_every_reply_are_a_setting(tmp_path: Path) -> None:
    async with serving(tmp_path) as kit:
        for target in (TARGET, "/nothing"):
            fields = (await kit.get(target)).fields
            assert fields["x-content-type-options"] == "nosniff"
            assert fields["referrer-policy"] == "strict-origin-when-cross-origin"
            assert fields["x-frame-options"] == "SAMEORIGIN"
    async with serving(tmp_path, security_headers=("X-Own: yes",)) as kit:
        fields = (await kit.get(TARGET)).fields
        assert fields["x-own"] == "yes"
        assert "x-frame-options" not in fields


@pytest.mark.parametrize(
    ("name", "value"), [("hosts", "a/b"), ("cors_origins", "a"), ("security_headers", "a")]
)
async def test_what_cannot_be_set_is_told_at_the_start(
    tmp_path: Path, name: str, value: str
) -> None:
    with pytest.raises(SettingsError, match=r"web\."):
        Kit(tmp_path, **{name: (value,)})  # type: ignore[arg-type]  # they are settings
