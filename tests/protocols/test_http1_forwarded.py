from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionhero.errors import HttpProtocolError, SettingsError
from actionhero.protocols.addresses import bucket_of
from actionhero.protocols.http1 import Peer
from actionhero.protocols.http1_forwarded import Proxies
from actionhero.protocols.http1_origins import ALL_HOSTS, Hosts

PROXY = Peer("10.0.0.1", 1234)


def behind(*trusted: str, **fields: str) -> Peer:
    """The client that a request comes from which the proxy has passed on."""
    proxies = Proxies(trusted or ("10.0.0.0/8",), ALL_HOSTS)
    headers = {
        b"x-forwarded-" + name.encode(): value.encode("latin-1") for name, value in fields.items()
    }
    return proxies.look_behind(PROXY, headers)


def client(forwarded_for: str, *trusted: str) -> str:
    return behind(*trusted, **{"for": forwarded_for}).ip


@pytest.mark.parametrize(
    ("ip", "is_trusted"),
    [
        ("10.0.0.1", True),
        ("10.255.0.1", True),
        ("11.0.0.1", False),
        ("::ffff:10.0.0.1", True),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("192.0.2.7", True),
        ("192.0.2.8", False),
        ("", False),
        ("nonsense", False),
    ],
)
def test_who_is_trusted(ip: str, is_trusted: bool) -> None:
    proxies = Proxies(("10.0.0.0/8", "2001:db8::/32", "192.0.2.7"), ALL_HOSTS)
    assert proxies.trust(Peer(ip, 1)) is is_trusted


def test_a_unix_socket_is_trusted_where_it_is_named() -> None:
    assert Proxies(("unix",), ALL_HOSTS).trust(Peer("", 0))
    assert not Proxies(("unix",), ALL_HOSTS).trust(Peer("10.0.0.1", 1))


@pytest.mark.parametrize("name", ["", "localhost", "10.0.0.1/8", "10.0.0", "*", "::/200"])
def test_what_is_no_address_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=r"web\.trusted_proxies"):
        Proxies((name,), ALL_HOSTS)


@pytest.mark.parametrize(
    ("field", "ip"),
    [
        ("203.0.113.5", "203.0.113.5"),
        ("1.1.1.1, 203.0.113.5", "203.0.113.5"),  # what is left of it the client has made up
        ("203.0.113.5, 10.0.0.2", "203.0.113.5"),
        ("1.1.1.1, 203.0.113.5, 10.0.0.2, 10.0.0.3", "203.0.113.5"),
        ("10.0.0.9, 10.0.0.2", "10.0.0.9"),  # proxies all the way
        ("203.0.113.5:4711", "203.0.113.5"),
        ("[2001:db8::5]:4711", "2001:db8::5"),
        ("[2001:db8::5]", "2001:db8::5"),
        ("2001:db8::5", "2001:db8::5"),
        ("::ffff:203.0.113.5", "203.0.113.5"),
        ("  203.0.113.5  ", "203.0.113.5"),
        ("", "10.0.0.1"),
        ("unknown", "10.0.0.1"),
        ("203.0.113.5, _hidden", "10.0.0.1"),
        ("203.0.113.5, unknown, 10.0.0.2", "10.0.0.2"),  # what is known up to the riddle
        ("203.0.113.5,", "10.0.0.1"),
        ("203.0.113.5, 999.1.1.1", "10.0.0.1"),
        ("fe80::1%<script>", "10.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("1" * 1000, "10.0.0.1"),
        ("é, \x80", "10.0.0.1"),
    ],
)
def test_the_client_is_the_first_from_the_right_that_is_no_proxy(field: str, ip: str) -> None:
    assert client(field) == ip


def test_without_fields_it_is_who_has_connected() -> None:
    assert behind() == PROXY


@pytest.mark.parametrize(
    ("field", "scheme"),
    [("https", "https"), ("HTTPS", "https"), ("http", "http"), ("", "http"), ("gopher", "http")],
)
def test_the_scheme_is_one_of_two(field: str, scheme: str) -> None:
    assert behind(proto=field).scheme == scheme


def test_scheme_and_host_are_of_the_proxy_that_saw_the_client() -> None:
    hops = {"for": "6.6.6.6, 203.0.113.5, 10.0.0.2"}
    seen = behind(proto="evil, https, http", host="evil.example, a.example, b", **hops)
    assert seen == Peer("203.0.113.5", 1234, "https", "a.example")
    seen = behind(proto="https", host="a.example", **hops)
    assert (seen.scheme, seen.host) == ("https", "a.example")
    seen = behind(proto="evil, https", host="evil.example, a.example", **{"for": "203.0.113.5"})
    assert (seen.scheme, seen.host) == ("https", "a.example")


def test_the_host_is_checked_like_any() -> None:
    proxies = Proxies(("10.0.0.1",), Hosts(("a.example",)))
    assert proxies.look_behind(PROXY, {b"x-forwarded-host": b"a.example:8443"}).host
    for host in (b"evil.example", b"a.example/", b"a.example evil"):
        with pytest.raises(HttpProtocolError):
            proxies.look_behind(PROXY, {b"x-forwarded-host": host})


ADDRESSES = st.ip_addresses().map(str) | st.sampled_from(["10.0.0.2", "unknown", "", "[::1]:8"])
FIELDS = st.binary(max_size=60) | st.lists(ADDRESSES, max_size=6).map(
    lambda parts: ", ".join(parts).encode()
)


@given(FIELDS, FIELDS, FIELDS)
def test_whatever_is_said_the_client_has_an_address(
    addresses: bytes, proto: bytes, host: bytes
) -> None:
    headers = {
        b"x-forwarded-for": addresses,
        b"x-forwarded-proto": proto,
        b"x-forwarded-host": host,
    }
    try:
        seen = Proxies(("10.0.0.0/8",), ALL_HOSTS).look_behind(PROXY, headers)
    except HttpProtocolError:
        return
    ip_address(seen.ip)
    assert bucket_of(seen.ip)
    assert seen.scheme in {"http", "https"}
    assert seen.host.isprintable()


@pytest.mark.parametrize(
    ("ip", "other", "are_one"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:0:aaaa::", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("", "", True),
    ],
)
def test_what_counts_as_one_address(ip: str, other: str, are_one: bool) -> None:
    assert (bucket_of(ip) == bucket_of(other)) is are_one
