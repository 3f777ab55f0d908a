import pytest

from actionhero.errors import HttpProtocolError, SettingsError
from actionhero.protocols.http1_origins import ALL_HOSTS, Hosts, Origins, hosts_of


def is_allowed(hosts: Hosts, host: str) -> bool:
    try:
        hosts.check(host.encode())
    except HttpProtocolError as exc:
        return exc.status not in {400, 421}
    return True


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "127.0.0.53", "::1", "localhost", "0:0:0:0:0:0:0:1"]
)
def test_on_a_loopback_address_only_its_names_are_answered_to(address: str) -> None:
    hosts = hosts_of((), address)
    for host in (
        "localhost",
        "LOCALHOST:8080",
        "localhost.",
        "app.localhost:1",
        "127.0.0.1:8080",
        "[::1]",
        "[::1]:8080",
    ):
        assert is_allowed(hosts, host), host
    assert is_allowed(hosts, f"[{address}]:1" if ":" in address else f"{address}:1")
    for host in (
        "example.org",
        "localhost.example.org",
        "127.0.0.1.example.org",
        "127.0.0.1.nip.io:8080",
        "xlocalhost",
        "192.168.0.1",
        "[::2]",
        "",
        ":8080",
        "[::1",
    ):
        assert not is_allowed(hosts, host), host


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.0.1", "example.org", ""])
def test_elsewhere_all_hosts_are_answered_to(address: str) -> None:
    assert is_allowed(hosts_of((), address), "example.org")


def test_listed_hosts() -> None:
    hosts = hosts_of(("Example.org", "*.example.net", "[2001:db8::1]"), "127.0.0.1")
    for host in ("example.org", "EXAMPLE.ORG:80", "a.example.net", "a.b.example.net:1"):
        assert is_allowed(hosts, host), host
    assert is_allowed(hosts, "[2001:DB8::1]:80")
    for host in ("localhost", "a.example.org", "example.net", "aexample.net", "example.org.evil"):
        assert not is_allowed(hosts, host), host
    assert is_allowed(hosts_of(("*",), "127.0.0.1"), "evil.org")


@pytest.mark.parametrize(
    "host",
    [
        b"a b",
        b"a/b",
        b"a@b",
        b"a\x00",
        b"\xff",
        b"<a>",
        b"",
        b":80",
        b"a:b",
        b"a:1:2",
        b"[::1",
        b"a\n",
    ],
)
def test_what_is_no_host(host: bytes) -> None:
    with pytest.raises(HttpProtocolError, match="not a host") as caught:
        ALL_HOSTS.check(host)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "name", ["http://a.org", "a.org:80", "a.org/", "", "*.", "a*.org", "[a", "a b"]
)
def test_hosts_that_cannot_be_listed(name: str) -> None:
    with pytest.raises(SettingsError, match=r"web\.hosts"):
        Hosts((name,))


def origins(*names: str, credentials: bool = False) -> Origins:
    return Origins(names, credentials=credentials, max_age=600.0)


def lines(allowed: Origins, origin: str) -> bytes:
    return allowed.lines({b"origin": origin.encode()})


def test_a_listed_origin_is_named() -> None:
    allowed = origins("https://a.org", "HTTP://b.org:81")
    assert allowed.differ
    assert lines(allowed, "https://a.org").startswith(
        b"Access-Control-Allow-Origin: https://a.org\r\nAccess-Control-Expose-Headers: "
    )
    assert b"http://b.org:81\r\n" in lines(allowed, "http://b.org:81")
    assert b"Credentials" not in lines(allowed, "https://a.org")
    assert allowed.lines({}) == b""


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://a.org.evil",
        "https://evil-a.org",
        "https://evila.org",
        "https://sub.a.org",
        "http://a.org",
        "https://a.org:444",
        "https://a.org/",
        "https://A.org",
        "https://a.org\\evil",
        "",
        "*",
    ],
)
def test_one_that_looks_alike_is_not_named(origin: str) -> None:
    assert lines(origins("https://a.org", credentials=True), origin) == b""


def test_cookies_are_for_listed_ones_alone() -> None:
    allowed = origins("*", "https://a.org", credentials=True)
    assert b"Access-Control-Allow-Credentials: true\r\n" in lines(allowed, "https://a.org")
    for origin in ("https://b.org", "null"):
        assert lines(allowed, origin).startswith(b"Access-Control-Allow-Origin: *\r\n")
        assert b"Credentials" not in lines(allowed, origin)
    assert not origins("*").differ


@pytest.mark.parametrize(
    "name", ["null", "a.org", "https://a.org/", "https://", "https://a b", "", "https://a\r\nX: y"]
)
def test_origins_that_cannot_be_listed(name: str) -> None:
    with pytest.raises(SettingsError, match=r"web\.cors_origins"):
        origins(name)


def test_a_preflight() -> None:
    asked = {
        b"origin": b"https://a.org",
        b"access-control-request-method": b"PUT",
        b"access-control-request-headers": b"content-type, x-own",
    }
    allowed = origins("https://a.org")
    assert dict(allowed.preflight(asked)) == {
        "Access-Control-Allow-Methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
        "Access-Control-Allow-Headers": "content-type, x-own",
        "Access-Control-Max-Age": "600",
        "Vary": "Access-Control-Request-Method, Access-Control-Request-Headers",
    }
    asked[b"access-control-request-headers"] = b"a: b"
    assert "Access-Control-Allow-Headers" not in dict(allowed.preflight(asked))
    assert allowed.preflight({b"origin": b"https://a.org"}) == ()
    assert allowed.preflight({**asked, b"origin": b"https://b.org"}) == ()
