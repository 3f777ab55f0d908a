"""Errors as dead letters keep them."""

from actionhero.codec import decode_json
from actionhero.tasks.outcomes import describe_error


def raised(message: str) -> BaseException:
    try:
        raise ValueError(message)
    except ValueError as exc:
        return exc


def test_an_error_has_its_type_message_and_trace() -> None:
    told = decode_json(describe_error(raised("no")))
    assert (told["type"], told["message"]) == ("ValueError", "no")
    assert "in raised" in told["traceback"]


def test_what_is_kept_is_bounded() -> None:
    assert len(describe_error(raised("x" * 100_000))) < 12_000


def test_half_a_character_does_no_harm() -> None:
    assert decode_json(describe_error(raised("\ud83d")))["type"] == "ValueError"


def test_an_error_that_cannot_tell_itself_is_told_of() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    told = decode_json(describe_error(Mute()))
    assert told["type"] == "Mute"
    assert "cannot be shown" in told["message"]
