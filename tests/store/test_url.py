import msgspec
import pytest

from actionhero.errors import SettingsError
from actionhero.store.url import StoreUrl, parse_store_url


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("embedded:.actionhero", StoreUrl("embedded", path=".actionhero")),
        ("embedded:/var/lib/app", StoreUrl("embedded", path="/var/lib/app")),
        ("embedded:///var/lib/app", StoreUrl("embedded", path="/var/lib/app")),
        ("embedded:", StoreUrl("embedded")),
        ("embedded::memory:", StoreUrl("embedded")),
        ("valkey://host", StoreUrl("tcp", host="host")),
        (" valkey://host:7000/3 ", StoreUrl("tcp", host="host", port=7000, db=3)),
        ("redis://", StoreUrl("tcp", host="localhost")),
        ("REDIS://Host/", StoreUrl("tcp", host="host")),
        ("valkey://[::1]:7000", StoreUrl("tcp", host="::1", port=7000)),
        ("valkey://:p%40ss@h", StoreUrl("tcp", host="h", password="p@ss")),
        ("valkey://ada:pw@h", StoreUrl("tcp", host="h", username="ada", password="pw")),
        ("valkeys://h", StoreUrl("tcp", host="h", tls=True)),
        (
            "rediss://h?ssl_cert_reqs=none&ssl_ca_certs=/a/b",
            StoreUrl("tcp", host="h", tls=True, ssl_cert_reqs="none", ssl_ca_certs="/a/b"),
        ),
        ("unix:///run/valkey.sock", StoreUrl("unix", port=0, path="/run/valkey.sock")),
        (
            "unix://ada:pw@/run/a%20b.sock?db=2",
            StoreUrl("unix", "", 0, "/run/a b.sock", 2, "ada", "pw"),
        ),
    ],
)
def test_what_may_be_written(text: str, expected: StoreUrl) -> None:
    assert parse_store_url(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is not known"),
        ("localhost:6379", "is not known"),
        ("http://h", "valkey://host:6379/0"),
        ("sentinel://a,b/main", "Sentinel is planned"),
        ("cluster://a:7000", "Cluster is planned"),
        ("valkey://h:port", "[Pp]ort"),
        ("valkey://h:70000", "[Pp]ort"),
        ("valkey://h/first", "must be a number from 0, not 'first'"),
        ("valkey://h/-1", "must be a number"),
        ("unix:///s?db=x", "must be a number"),
        ("unix://", "absolute path"),
        ("unix:///s?data=1", "'data' is not known; there are: db"),
        ("valkeys://h?verify=no", "'verify' is not known; there are: ssl_cert_reqs"),
        ("valkeys://h?ssl_cert_reqs=maybe", "Invalid enum value 'maybe'"),
        ("valkey://h?ssl_cert_reqs=none", "only mean something with valkeys://"),
        ("valkey://[::1", "Invalid IPv6"),
    ],
)
def test_what_may_not(text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words.replace("://", ":\\/\\/")):
        parse_store_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "valkey://ada:s3cret@h:6379/0",
        "valkeys://:s3cret@h:6379/2",
        "unix://:s3cret@/run/s?db=1",
        "valkey://ada:s3cret@[::1]:6379/0",
    ],
)
def test_a_password_is_never_shown(text: str) -> None:
    url = parse_store_url(text)
    assert url.password == "s3cret"
    for shown in (repr(url), str(url), f"{url}", url.masked(), str(url.__rich_repr__())):
        assert "s3cret" not in shown
        assert "***" in shown
    assert parse_store_url(url.masked()) == msgspec.structs.replace(url, password="***")


@pytest.mark.parametrize(
    "text", ["vlkey://a:s3cret@h", "valkey://a:s3cret@h/x", "cluster://:s3cret@h"]
)
def test_nor_is_it_in_an_error(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_store_url(text)
    assert "s3cret" not in str(caught.value)


def test_masked_without_a_password() -> None:
    for text in (
        "embedded:.actionhero",
        "embedded::memory:",
        "valkey://h:6379/0",
        "unix:///s?db=3",
    ):
        assert parse_store_url(text).masked() == text
    assert parse_store_url("valkey://ada@h").masked() == "valkey://ada@h:6379/0"
