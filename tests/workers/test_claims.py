"""Outcomes as arguments of a tick."""

import pytest

from actionhero.tasks.outcomes import (
    CANCELLED,
    DONE,
    GIVEN_BACK,
    Discarded,
    Done,
    Failed,
    Outcome,
    Parked,
    Retrying,
)
from actionhero.workers.claims import Claim, Settlements

PLAIN = b'1no-1800000000000{"name":"x","params":{}}'
FLAGGED = b'1noD1800000000000{"name":"x","keep":1000,"params":{}}'
COPY = b'1nc-1800000000000{"name":"x","params":{}}'


def claim(id: bytes, token: str = "1", record: bytes = PLAIN) -> Claim:
    return Claim(id, token, record, None)


def test_plain_ones_go_by_token() -> None:
    settlements = Settlements()
    for id, token in ((b"a", "1"), (b"b", "2"), (b"c", "1")):
        settlements.add(claim(id, token), DONE)
    assert settlements.args() == [2, "1", 2, b"a", b"c", "2", 1, b"b", 0]
    assert settlements.count == 3


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (Retrying(1.5, b"e"), ("r", 1500, b"e")),
        (Failed(b"e"), ("f", 0, b"e")),
        (Parked(b"e"), ("x", 0, b"e")),
        (GIVEN_BACK, ("b", 0, b"")),
        (CANCELLED, ("c", 0, b"")),
        (Discarded(b"e"), ("c", 0, b"e")),
        (Done(b'"result":1'), ("d", 0, b'"result":1')),
    ],
)
def test_others_say_what_became_of_them(outcome: Outcome, said: tuple[str, int, bytes]) -> None:
    settlements = Settlements()
    settlements.add(claim(b"a", "7"), outcome)
    what, amount, text = said
    assert settlements.args() == [0, 1, what, b"a", "7", amount, text]
    assert settlements.gives_back == (outcome is GIVEN_BACK)


@pytest.mark.parametrize(
    "one",
    [
        claim(b"a", record=COPY),
        claim(b"a", record=FLAGGED),
        Claim(b"a", "1", PLAIN, b"1 0 "),
        Claim(b"a", "1", PLAIN, None, has_progress=True),
    ],
)
def test_what_leaves_more_than_a_record_is_not_plain(one: Claim) -> None:
    settlements = Settlements()
    settlements.add(one, DONE)
    assert settlements.args() == [0, 1, "d", b"a", "1", 0, b""]


def test_nothing_is_two_zeros() -> None:
    assert Settlements().args() == [0, 0]
    assert not Settlements().is_any
