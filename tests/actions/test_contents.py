"""Parameters that the body of an HTTP request fills."""

from typing import Any

import pytest

from actionhero import RawBody, UploadedFile
from actionhero.actions.contents import Contents, is_content
from actionhero.codec import compile_inputs
from actionhero.errors import InvalidInputError
from actionhero.messages import Call
from actionhero.uploads import Spool


def file(name: str) -> UploadedFile:
    return UploadedFile(name, "", Spool(lambda: None))


A, B = file("a"), file("b")


async def one(photo: UploadedFile) -> None: ...


async def perhaps(photo: UploadedFile | None = None) -> None: ...


async def several(photos: list[UploadedFile]) -> None: ...


async def raw(body: RawBody, id: int) -> None: ...


async def none(id: int) -> None: ...


def contents(function: Any) -> Contents:
    return Contents(function, compile_inputs(function, is_content).injected)


@pytest.mark.parametrize(
    ("function", "content", "wanted"),
    [
        (one, {"photo": [A]}, {"photo": A}),
        (perhaps, {"photo": [A]}, {"photo": A}),
        (perhaps, {"other": [A]}, {}),
        (perhaps, None, {}),
        (several, {"photos": [A, B]}, {"photos": [A, B]}),
        (raw, RawBody(b"a", "b"), {"body": RawBody(b"a", "b")}),
        (none, None, {}),
    ],
)
def test_what_a_call_brings(function: Any, content: object, wanted: dict[str, Any]) -> None:
    assert contents(function).read(Call("x", content=content)) == wanted


@pytest.mark.parametrize(
    ("function", "content", "code"),
    [
        (one, None, "missing"),
        (one, {}, "missing"),
        (one, RawBody(b""), "missing"),
        (one, {"photo": [A, B]}, "too_long"),
        (perhaps, {"photo": [A, B]}, "too_long"),
        (several, {"photos": []}, "missing"),
        (raw, None, "missing"),
        (raw, {}, "missing"),
    ],
)
def test_what_does_not_fit(function: Any, content: object, code: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        contents(function).read(Call("x", content=content))
    assert [problem.code for problem in caught.value.problems] == [code]


def test_a_request_without_a_body_has_an_empty_one() -> None:
    assert contents(raw).read(Call("x", headers={})) == {"body": RawBody(b"", "")}


def test_what_an_action_takes() -> None:
    assert (contents(one).files, contents(one).is_raw) == (frozenset({"photo"}), False)
    assert contents(several).files == {"photos"}
    assert not contents(raw).files
    assert contents(raw).is_raw
    assert not contents(none)
    assert [is_content(kind) for kind in (int, list[int], UploadedFile)] == [False, False, True]
