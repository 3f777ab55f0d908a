from typing import Any

import pytest

from actionhero.protocols.http1_cookies import read_cookies, write_cookie


@pytest.mark.parametrize(
    ("field", "cookies"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1; b=2", {"a": "1", "b": "2"}),
        ("a=1;b=2", {"a": "1", "b": "2"}),
        ('a="1"', {"a": "1"}),
        ('a="', {"a": '"'}),
        ("a=b=c", {"a": "b=c"}),
        ("a=", {"a": ""}),
        ("a=1; a=2", {"a": "1"}),
        ("a; =b; ; c=1", {"c": "1"}),
    ],
)
def test_cookies_are_read(field: str, cookies: dict[str, str]) -> None:
    assert read_cookies(field) == cookies


def write(name: str = "a", value: str = "1", **given: Any) -> str:
    options: dict[str, Any] = {
        "max_age": None,
        "path": "/",
        "domain": None,
        "secure": False,
        "http_only": True,
        "same_site": "Lax",
    }
    return write_cookie(name, value, **{**options, **given})


def test_a_cookie() -> None:
    assert write() == "a=1; Path=/; HttpOnly; SameSite=Lax"
    whole = write(max_age=60, path="/x", domain="a.org", secure=True, http_only=False)
    assert whole == "a=1; Path=/x; Domain=a.org; Max-Age=60; Secure; SameSite=Lax"
    assert write("__Host-a", secure=True, same_site="None").endswith("SameSite=None")


@pytest.mark.parametrize(
    "given",
    [
        {"name": ""},
        {"name": "a b"},
        {"name": "a=b"},
        {"name": "a;b"},
        {"name": "a\r\nX: y"},
        {"name": "é"},
        {"value": "a b"},
        {"value": "a;b"},
        {"value": "a,b"},
        {"value": 'a"b'},
        {"value": "a\\b"},
        {"value": "a\r\nSet-Cookie: b=c"},
        {"value": "a\0"},
        {"value": "é"},
        {"value": "x" * 4096},
        {"path": "x"},
        {"path": ""},
        {"path": "/x; Domain=b.org"},
        {"path": "/x\r\n"},
        {"domain": ""},
        {"domain": "a.org; Secure"},
        {"domain": "a.org\n"},
        {"same_site": "none"},
        {"same_site": "Lax; Domain=b.org"},
        {"same_site": "None"},
        {"name": "__Secure-a"},
        {"name": "__host-a"},
        {"name": "__Host-a", "secure": True, "path": "/x"},
        {"name": "__Host-a", "secure": True, "domain": "a.org"},
    ],
    ids=repr,
)
def test_what_no_cookie_may_be(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"cookie|same_site"):
        write(**given)
