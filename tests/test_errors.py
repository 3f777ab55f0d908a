import re

import pytest

from actionhero import errors
from actionhero.errors import (
    ActionError,
    ActionHeroError,
    ClientError,
    InputProblem,
    InvalidInputError,
    MethodNotAllowedError,
    StoreReplyError,
    StoreUnavailableError,
    TooManyRequestsError,
    public_error,
    wire_error,
)

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, ActionHeroError)
}


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn: dict[str, str | None] = {}
    above: dict[int, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"^(    [│ ├└─]*)([A-Z]\w+Error)\b", line)
        if found:
            depth = len(found[1])
            above[depth] = found[2]
            parents = [name for at, name in above.items() if at < depth]
            drawn[found[2]] = parents[-1] if parents else None
            above = {at: name for at, name in above.items() if at <= depth}
    bases = {name: kind.__mro__[1].__name__ for name, kind in CLASSES.items()}
    assert drawn == {**bases, "ActionHeroError": None}


@pytest.mark.parametrize("name", CLASSES)
def test_each_has_a_code_a_status_and_a_side(name: str) -> None:
    kind = CLASSES[name]
    assert re.fullmatch(r"[a-z_]+", kind.code)
    assert 400 <= kind.status <= 599
    assert kind.side == ("theirs" if issubclass(kind, (ActionError, ClientError)) else "ours")
    assert kind.__doc__


def test_an_error_of_the_tree_is_shown_and_others_are_not() -> None:
    own = ActionError("no tea", code="no_tea", status=418)
    assert public_error(own) is own
    hidden = public_error(KeyError("secret"))
    assert (hidden.code, hidden.status) == ("internal_error", 500)
    assert "secret" not in hidden.message


def test_an_action_error_has_a_status_of_failure() -> None:
    with pytest.raises(ValueError, match="status must be 400 to 599"):
        ActionError("fine", status=200)


def test_on_the_wire_details_appear_where_there_are_some() -> None:
    problem = InputProblem("a", "missing", "is required")
    assert wire_error(ActionError("no")) == {"code": "action_error", "message": "no"}
    assert wire_error(InvalidInputError((problem,))) == {
        "code": "invalid_input",
        "message": "a: is required",
        "details": (problem,),
    }


def test_what_some_carry() -> None:
    assert MethodNotAllowedError("no", ("GET",)).allow == ("GET",)
    assert TooManyRequestsError("slow", 2.0).retry_after == 2.0
    assert StoreReplyError("WRONGTYPE of value").kind == "WRONGTYPE"
    assert StoreUnavailableError("lost", maybe_done=True).maybe_done
