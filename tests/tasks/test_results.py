"""Results as they are kept and read. Waiting for them is tested with workers."""

import datetime
from typing import Any

import pytest
from msgspec import Raw, Struct

from actionhero.codec import decode_json
from actionhero.errors import DefinitionError, NoResultError, TaskCancelledError, TaskFailedError
from actionhero.tasks.results import MOST, Kept, compile_result, done_with, read_kept, read_result


class Point(Struct):
    x: int
    when: datetime.date


def told(text: bytes) -> Any:
    """What the store keeps, from the member that a worker sends."""
    return decode_json(b'{"state":"completed","name":"t","finished_at":1,' + text + b"}")


def kept(state: str, **more: Any) -> Kept:
    return Kept(state, "t", 1, **more)


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, b"null"), ([1, "a"], b'[1,"a"]'), (Point(1, datetime.date(2026, 1, 2)), None)],
)
def test_a_result_goes_and_comes(value: Any, text: bytes | None) -> None:
    sent = done_with(value).kept
    if text is not None:
        assert sent == b'"result":' + text

    def one() -> Any: ...

    one.__annotations__["return"] = type(value) if value is not None else None
    read = read_kept(b'{"state":"completed","name":"t","finished_at":1,' + sent + b"}")
    assert read_result(read, compile_result(one), "task") == value


@pytest.mark.parametrize("value", [object(), "x" * MOST, {(1, 2): 3}])
def test_what_cannot_be_kept_is_told_instead(value: Any) -> None:
    error = told(done_with(value).kept)["error"]
    assert error["type"] == "NoResultError"
    with pytest.raises(NoResultError, match="completed, but its result is not kept: it "):
        read_result(kept("completed", error=error), decode_json, "task")


def test_the_largest_is_kept() -> None:
    assert told(done_with("x" * (MOST - 2)).kept)["result"] == "x" * (MOST - 2)


@pytest.mark.parametrize(
    ("ended", "error", "said"),
    [
        (kept("failed", error={"type": "E", "message": "no"}), TaskFailedError, "failed: E: no"),
        (kept("failed"), TaskFailedError, "task failed$"),
        (kept("cancelled"), TaskCancelledError, "task was cancelled"),
        (
            kept("cancelled", error={"type": "Discard", "message": "too old"}),
            TaskCancelledError,
            "task was discarded: too old",
        ),
        (
            kept("cancelled", error={"type": "Absent", "message": "…"}),
            TaskCancelledError,
            "was given up: its server is gone",
        ),
        (kept("completed", result=Raw(b'"a"')), NoResultError, "not what its function promises"),
    ],
)
def test_how_it_ended_is_what_is_raised(ended: Kept, error: type[Exception], said: str) -> None:
    def one() -> int: ...  # type: ignore[empty-body]

    with pytest.raises(error, match=said):
        read_result(ended, compile_result(one), "task")


def test_a_function_that_promises_nothing_may_return_any_json() -> None:
    def one(): ...  # type: ignore[no-untyped-def]

    assert read_result(kept("completed", result=Raw(b"[1]")), compile_result(one), "task") == [1]


def test_what_cannot_be_read_cannot_be_promised() -> None:
    class Opaque: ...

    def one() -> Opaque: ...  # type: ignore[empty-body]

    one.__annotations__["return"] = Opaque
    with pytest.raises(DefinitionError, match="cannot be kept"):
        compile_result(one)
