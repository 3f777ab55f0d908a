"""A second of `make soak`, and how it judges."""

import asyncio

import pytest

from tests.soak import __main__ as soak
from tests.soak.load import ROUNDS, Place, expect, go_on
from tests.soak.state import Held, growth, left_over


async def test_each_kind_of_client_does_its_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak, "_WARM_UP", 0.2)
    monkeypatch.setattr(soak, "_SETTLE", 0.0)  # what is new is not what is left for good
    verdict = await soak.soak(0.2, 1)
    assert verdict.rounds.keys() == {one.__name__ for one in ROUNDS}
    names = tuple(verdict.rounds)
    assert not [fault for fault in verdict.faults if fault.startswith(names)]


def test_what_is_left_is_told() -> None:
    before = Held(50_000_000, 20, {"a": 1, "b": 2})
    assert not left_over(before, Held(90_000_000, 19, {"a": 1}))
    assert left_over(
        before, Held(50_000_000, 22, {"a": 1, "b": 5, "c": 1, "s:{stats}:global t:wait:0.05": 1})
    ) == [
        "2 descriptors are left",
        "the key b has 3 more",
        "key c",
    ]


def test_memory_that_grows_is_told() -> None:
    assert growth([50_000_000] * 3) is None
    assert growth([90_000_000] + [50_000_000 + n * 100_000 for n in range(40)]) is None
    told = growth([50_000_000 + n * 1_000_000 for n in range(40)])
    assert told == "memory grew from 64.5 to 84.5 MB"


async def test_a_round_that_fails_is_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    until = asyncio.Event()

    async def fail(place: Place) -> None:
        until.set()
        expect(1, 2)

    place = Place(1, 2)
    await go_on(place, fail, until)
    assert place.faults == ["fail: AssertionError('1 instead of 2')"]
    assert not soak.show(soak.Verdict({"fail": 1}, [1, 2], place.faults))
    assert "1 instead of 2" in capsys.readouterr().out
    assert soak.show(soak.Verdict({}, [], []))
