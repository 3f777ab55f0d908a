from typing import Any

import pytest

from actionhero.actions.action import Action
from actionhero.actions.routes import METHODS, Match, Routes
from actionhero.errors import (
    DefinitionError,
    MalformedError,
    MethodNotAllowedError,
    NotFoundError,
    UnknownActionError,
)


async def nothing() -> None: ...


def action(name: str, *routes: str, **options: Any) -> Action:
    return Action(nothing, routes, name=name, **options)


ROUTES = Routes(
    [
        action("users", "GET /users", "POST /users"),
        action("user", "GET /users/{id}", "PUT,PATCH /users/{id}"),
        action("me", "GET /users/me"),
        action("deep", "GET /users/{id}/posts/{post}"),
        action("root", "GET /"),
        action("secret", transports={"tcp"}),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "name", "words"),
    [
        ("GET", "/users", "users", {}),
        ("GET", "/users/", "users", {}),
        ("POST", "/users", "users", {}),
        ("GET", "/users/5", "user", {"id": "5"}),
        ("HEAD", "/users/5", "user", {"id": "5"}),
        ("PATCH", "/users/5", "user", {"id": "5"}),
        ("GET", "/users/me", "me", {}),
        ("GET", "/users/me/posts/7", "deep", {"id": "me", "post": "7"}),
        ("GET", "/users/a%2Fb/posts/%C3%A9", "deep", {"id": "a/b", "post": "é"}),
        ("GET", "/", "root", {}),
        ("DELETE", "/user", "user", {}),
        ("DELETE", "/users", "users", {}),
    ],
)
def test_a_request_finds_its_action(
    method: str, path: str, name: str, words: dict[str, str]
) -> None:
    found = ROUTES.match(method, path)
    assert (found.action, found.words) == (name, words)


@pytest.mark.parametrize("path", ["/nobody", "/secret", "/a%20b"])
def test_an_unknown_name_is_an_unknown_action(path: str) -> None:
    with pytest.raises(UnknownActionError, match="is not a known action"):
        ROUTES.match("GET", path)


@pytest.mark.parametrize("path", ["/users/5/posts", "/a/b/c", "/users//posts/1"])
def test_an_unknown_path_is_not_found(path: str) -> None:
    with pytest.raises(NotFoundError, match="no route"):
        ROUTES.match("GET", path)


def test_a_wrong_method_tells_the_right_ones() -> None:
    with pytest.raises(MethodNotAllowedError) as caught:
        ROUTES.match("DELETE", "/users/5")
    assert caught.value.allow == ("GET", "HEAD", "PUT", "PATCH", "OPTIONS")
    with pytest.raises(MethodNotAllowedError) as caught:
        ROUTES.match("TRACE", "/user")
    assert caught.value.allow == METHODS


def test_a_path_that_is_not_utf8_is_malformed() -> None:
    with pytest.raises(MalformedError, match="not UTF-8"):
        ROUTES.match("GET", "/users/%ff")


def test_the_methods_of_a_path_are_known() -> None:
    assert ROUTES.methods("/users/5/posts/1") == ("GET", "HEAD", "OPTIONS")
    assert ROUTES.methods("/user") == METHODS
    assert ROUTES.methods("/x/y") == ()


def test_versions_share_a_route_or_have_their_own() -> None:
    routes = Routes(
        [
            action("a", "GET /a/{x}", "GET /old/a", version=1),
            action("a", "GET /a/{x}", version=2),
        ]
    )
    assert routes.match("GET", "/a/1") == Match("a", {"x": "1"}, None)
    assert routes.match("GET", "/old/a") == Match("a", {}, "1")


@pytest.mark.parametrize(
    ("route", "message"),
    [
        ("/users", "is not a route"),
        ("GET users", "is not a route"),
        ("FETCH /users", "FETCH"),
        ("GET /users/{id", "whole segment"),
        ("GET /users/x{id}", "whole segment"),
        ("GET /{id}/{id}", "named twice"),
    ],
)
def test_a_wrong_route_is_refused_with_its_place(route: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message) as caught:
        Routes([action("x", route)])
    assert "test_routes.py:" in str(caught.value)


def test_two_actions_cannot_share_a_route() -> None:
    with pytest.raises(DefinitionError, match="already the route of"):
        Routes([action("a", "GET /x"), action("b", "GET /x")])
