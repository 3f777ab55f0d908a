"""The targets of `make fuzz`, for a second: seeds, and what becomes of them by a few changes.

The same each time; `make fuzz` looks for what nobody thought of.
"""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import __main__ as fuzzing
from tests.fuzz.seeds import SEEDS
from tests.fuzz.targets import TARGETS, pieces

SIGNS = st.sampled_from(
    [b"\r\n", b"\n", b"\r", b"\0", b" ", b":", b";", b",", b'"', b"%", b"=", b"0", b"\xff", b"{"]
)


@st.composite
def changed(draw: st.DrawFn, seeds: list[bytes]) -> bytes:
    """A seed with some of it cut out, doubled, moved or replaced."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 20)))
        piece = draw(st.one_of(SIGNS, st.binary(max_size=4), st.just(data[start:end] * 2)))
        data = data[:start] + piece + data[end:]
    return data


def test_each_target_has_seeds_and_each_seed_is_taken() -> None:
    assert SEEDS.keys() == TARGETS.keys()
    for name, seeds in SEEDS.items():
        for seed in seeds:
            TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
def test_no_bytes_are_a_fault(name: str) -> None:
    @settings(
        max_examples=50,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of(changed(SEEDS[name]), st.binary(max_size=100)))
    def fuzz(data: bytes) -> None:
        TARGETS[name](data)

    fuzz()


def test_what_is_cut_is_the_whole() -> None:
    whole, cut = pieces(b"\x02\x00\x05" + b"abcdefghijklmnopq")
    assert whole == b"".join(cut) == b"abcdefghijklmnopq"
    assert cut[:3] == [b"abc", b"d", b"efghij"]
    assert pieces(b"") == (b"", [])


def test_without_the_fuzzer_it_says_so_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fuzzing, "TOOL", "no_such_fuzzer")
    assert fuzzing.main([]) == 1
    assert "not installed" in capsys.readouterr().err


def test_what_was_found_is_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fault = tmp_path / "crash-1"
    fault.write_bytes(b"GET")
    well = fuzzing.Outcome("lines", 10, 2, (), "", 0)
    assert fuzzing.show([well])
    for bad in (
        fuzzing.Outcome("http1", 10, 2, (fault,), "an AssertionError", 77),
        fuzzing.Outcome("http1", 0, 2, (), "no module", 1),
    ):
        assert not fuzzing.show([well, bad])
        assert bad.said in capsys.readouterr().out
