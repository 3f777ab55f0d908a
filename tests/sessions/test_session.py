"""The session as a dict: what counts as changed."""

from datetime import UTC, datetime
from typing import Any

import pytest

from actionhero.errors import SessionError
from actionhero.sessions import Session
from actionhero.sessions.session import Changes


class NoHome:
    async def rotate(self, session: Session) -> None: ...
    async def destroy(self, session: Session) -> None: ...
    def csrf_token(self, session: Session) -> str:
        return "token"


def session_with(**encoded: bytes) -> Session:
    return Session(NoHome(), "id", encoded or None)


def test_it_is_a_dict() -> None:
    session = session_with(a=b"1", b=b'{"x":[]}')
    session["c"] = 3
    session["a"] = 0
    del session["b"]
    assert dict(session) == {"a": 0, "c": 3}
    assert (len(session), "b" in session, session.get("b")) == (2, False, None)
    assert session.setdefault("d", 4) == 4
    assert session.pop("c") == 3
    session["b"] = "back"
    assert dict(session) == {"a": 0, "b": "back", "d": 4}
    assert session.changes() == Changes({"a": b"0", "b": b'"back"', "d": b"4"}, [])
    session.clear()
    assert session.changes() == Changes({}, ["a", "b"])


def test_what_was_only_looked_at_has_not_changed() -> None:
    values: dict[str, bytes] = {"f": b"0.1", "l": b"[1,2]", "n": b"null", "s": '"ü"'.encode()}
    session = session_with(**values)
    assert dict(session) == {"f": 0.1, "l": [1, 2], "n": None, "s": "ü"}
    session["n"] = None
    assert session.changes() == Changes({}, [])


def test_changes_inside_a_value_are_noticed() -> None:
    session = session_with(deep=b'{"a":{"b":[1]}}')
    session["deep"]["a"]["b"].append(2)
    assert session.changes() == Changes({"deep": b'{"a":{"b":[1,2]}}'}, [])
    assert session.merged(session.changes()) == {"deep": b'{"a":{"b":[1,2]}}'}


def test_what_has_no_value_raises_as_a_dict_does() -> None:
    session = session_with(a=b"1")
    del session["a"]
    for name in ("a", "b"):
        with pytest.raises(KeyError):
            session[name]
    with pytest.raises(KeyError):
        del session["a"]


@pytest.mark.parametrize("name", ["", 1, None, b"x"])
def test_a_name_is_a_text(name: Any) -> None:
    with pytest.raises(SessionError, match="a name in a session"):
        session_with()[name] = 1


@pytest.mark.parametrize("value", [object(), {1, object()}, "\ud800"])
def test_a_value_is_json(value: Any) -> None:
    session = session_with()
    session["it"] = value
    with pytest.raises(SessionError, match=r"session\['it'\] cannot be kept"):
        session.changes()


def test_a_name_is_a_text_that_can_be_sent() -> None:
    session = session_with()
    session["\ud800"] = 1
    with pytest.raises(SessionError, match="cannot be kept"):
        session.changes()


def test_a_value_without_end_is_refused() -> None:
    session = session_with()
    session["it"] = loop = []  # type: ignore[var-annotated]
    loop.append(loop)
    with pytest.raises(SessionError):
        session.changes()


def test_values_come_back_as_json_does() -> None:
    session = session_with()
    session["when"] = datetime(2026, 1, 2, tzinfo=UTC)
    session["pair"] = (1, 2)
    assert session.changes().kept == {"when": b'"2026-01-02T00:00:00Z"', "pair": b"[1,2]"}


def test_it_shows_nothing() -> None:
    session = session_with(password=b'"secret"')
    assert session["password"] == "secret"
    assert repr(session) == "<Session with 1 values>"
    session = session_with()
    assert not session.is_begun
    assert session.csrf_token == "token"
    assert session.is_begun
