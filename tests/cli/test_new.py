"""`actionhero new`: refusals that write nothing, and a project that holds."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from actionhero.cli.new import write_project
from actionhero.errors import SetupError

Run = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
MYPY_CACHE = ROOT / ".mypy_cache" / "new-project"  # kept: the framework is most of the work


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my-shop", "use letters, digits and _, for example my_shop"),
        ("Über shop", "use letters, digits and _, for example ber_shop"),
        ("2fast", "'2fast' cannot name a Python package"),
        ("", "'' cannot name a Python package"),
        ("../shop", "'../shop' cannot name a Python package"),
        ("class", "'class' is a word of Python"),
        ("match", "'match' is a word of Python"),
        ("json", "'json' is the name of another module"),
        ("actionhero", "'actionhero' is the name of another module"),
        ("tests", "'tests' is the name of another module"),
        ("msgspec", "'msgspec' is the name of another module"),
        ("a" * 41, "is too long"),
    ],
)
def test_a_name_that_cannot_be_writes_nothing(
    name: str, said: str, folder: Path, actionhero: Run
) -> None:
    code, _, err = actionhero("new", name)
    assert code == 2
    assert said in err
    assert list(folder.iterdir()) == []


def test_what_exists_is_left_alone(folder: Path, actionhero: Run) -> None:
    (folder / "shop").write_text("mine")
    code, _, err = actionhero("new", "shop")
    assert code == 2
    assert "exists already; choose another name or remove it" in err
    assert (folder / "shop").read_text() == "mine"
    assert len(list(folder.iterdir())) == 1


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="cannot write into"):
        write_project("shop", tmp_path / "nosuch" / "shop")


def test_a_failure_half_way_leaves_nothing(
    folder: Path, actionhero: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    code, _, err = actionhero("new", "shop")
    assert code == 2
    assert "No space left on device" in err
    assert list(folder.iterdir()) == []


def test_what_to_do_next_is_said(folder: Path, actionhero: Run) -> None:
    code, out, _ = actionhero("new", "shop")
    assert code == 0
    assert "cd shop\n  actionhero start" in out
    assert (folder / "shop" / "shop" / "app.py").is_file()
    assert not [path for path in folder.rglob("*") if "PACKAGE" in path.name]
    assert "PACKAGE" not in (folder / "shop" / "pyproject.toml").read_text()


@pytest.mark.timeout(240)
def test_the_project_passes_its_linters_its_types_and_its_tests(tmp_path: Path) -> None:
    write_project("shop", tmp_path / "shop")
    environment = {**os.environ, "PYTHONPATH": str(SRC), "MYPYPATH": str(SRC)}
    environment.pop("COVERAGE_PROCESS_START", None)
    for tool in (
        ["ruff", "check", "--no-cache", "."],
        ["ruff", "format", "--no-cache", "--check", "."],
        ["mypy", f"--cache-dir={MYPY_CACHE}"],
        ["pytest", "-q", "-p", "no:cacheprovider"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *tool],
            cwd=tmp_path / "shop",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )
        assert done.returncode == 0, f"{tool}: {done.stdout}{done.stderr}"
