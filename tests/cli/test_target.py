"""Every way to say which app, and what is said where it is none."""

import os
from pathlib import Path

import pytest

from actionhero.cli.target import Project, find_app, find_project
from actionhero.errors import DefinitionError, TargetError

ONE = "from actionhero import App\napp = App('one')\n"
TWO = "from actionhero import App\na = App('a')\nb = App('b')\nc = a\n"


def name_of(target: str | None, folder: Path) -> str:
    return find_app(target, find_project(folder)).name


def refusal(target: str | None, folder: Path) -> str:
    with pytest.raises(TargetError) as caught:
        find_app(target, find_project(folder))
    return str(caught.value)


@pytest.mark.parametrize("target", ["one:app", "one", "one.py", "one.py:app", "./one.py"])
def test_module_or_file(target: str, folder: Path) -> None:
    (folder / "one.py").write_text(ONE)
    assert name_of(target, folder) == "one"


def test_a_file_elsewhere(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "elsewhere.py").write_text(ONE)
    assert name_of(str(folder / "sub" / "elsewhere.py"), folder) == "one"


@pytest.mark.parametrize("target", ["shop", "shop:app", "shop/", "shop/api.py", "shop.api:app"])
def test_a_package(target: str, folder: Path) -> None:
    (folder / "shop").mkdir()
    (folder / "shop" / "__init__.py").write_text("from shop.api import app\n")
    (folder / "shop" / "api.py").write_text(ONE)
    assert name_of(target, folder) == "one"


def test_the_same_app_under_two_names_is_one(folder: Path) -> None:
    (folder / "twice.py").write_text(ONE + "also = app\n")
    assert name_of("twice", folder) == "one"


def test_a_dotted_attribute(folder: Path) -> None:
    (folder / "nested.py").write_text(ONE + "class Site:\n    api = app\n")
    assert name_of("nested:Site.api", folder) == "one"


def test_pyproject_names_it_from_here_and_from_below(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert name_of(None, project) == "hello"
    (project / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(project / "deep" / "er")
    assert find_project() == Project(project, "hello:app")
    assert name_of(None, project / "deep" / "er") == "hello"


def test_modules_are_found_in_src(folder: Path) -> None:
    (folder / "src").mkdir()
    (folder / "src" / "insrc.py").write_text(ONE)
    assert name_of("insrc:app", folder) == "one"


def test_settings_alone_make_a_project(folder: Path) -> None:
    (folder / "actionhero.toml").touch()
    (folder / "sub").mkdir()
    assert find_project(folder / "sub") == Project(folder)


def test_a_pyproject_of_something_else_does_not(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    (folder / "sub").mkdir()
    assert find_project(folder / "sub") == Project(folder / "sub")


def test_no_target_says_what_to_write(folder: Path) -> None:
    said = refusal(None, folder)
    assert "which app?" in said
    assert '[tool.actionhero]\n  app = "hello:app"' in said


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nosuch:app", "there is no module 'nosuch' in "),
        ("nosuch.py", "there is no file nosuch.py; write module:app or a file"),
        ("no-such", "'no-such' is no module"),
        (":app", "'' is no module"),
        ("two", "two has several apps; say which: two:a or two:b"),
        ("two:x", "two has no 'x'"),
        ("one:ap", "one has no 'ap'; did you mean one:app?"),
        ("none", "none has no App; define one, as in `app = App('none')`"),
        ("none:x", "none:x is a int, not an App"),
        ("one.sub", "there is no module 'one.sub'"),
    ],
)
def test_what_is_no_app(target: str, said: str, folder: Path) -> None:
    (folder / "one.py").write_text(ONE)
    (folder / "two.py").write_text(TWO)
    (folder / "none.py").write_text("x = 1\n")
    assert said in refusal(target, folder)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import msgspec\n\nx = nosuch\n", "NameError: name 'nosuch' is not defined\n  bad.py:3"),
        ("def f(:\n", "SyntaxError: invalid syntax\n  bad.py:1\n    def f(:"),
        ("import nosuch\n", "ModuleNotFoundError: No module named 'nosuch'\n  bad.py:1"),
        ("import json\njson.loads('{')\n", "JSONDecodeError: Expecting property name"),
        ("raise ValueError\n", "bad cannot be imported: ValueError\n  bad.py:1"),
        ("from actionhero import nosuch\n", "ImportError: cannot import name 'nosuch'"),
    ],
)
def test_a_module_that_breaks_is_shown_where(code: str, said: str, folder: Path) -> None:
    (folder / "bad.py").write_text(code)
    shown = refusal("bad:app", folder)
    assert said in shown
    assert "bad.py:" in shown
    assert "Traceback" not in shown
    assert "(`python -c 'import bad'` shows the whole trace)" in shown


def test_the_place_is_in_the_users_code_not_in_a_library(folder: Path) -> None:
    (folder / "bad.py").write_text("import json\n\njson.loads('{')\n")
    assert "  bad.py:3\n    json.loads('{')" in refusal("bad", folder)


def test_a_bad_definition_is_told_in_its_own_words(folder: Path) -> None:
    (folder / "bad.py").write_text(ONE + "@app.action\ndef f() -> None: ...\n")
    with pytest.raises(DefinitionError, match="an action is an `async def`"):
        find_app("bad", find_project(folder))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool\n", "pyproject.toml cannot be read:"),
        ("[tool.actionhero]\napp = 5\n", 'app must be a text such as "hello:app", not 5'),
    ],
)
def test_a_pyproject_that_cannot_be_meant(text: str, said: str, folder: Path) -> None:
    (folder / "pyproject.toml").write_text(text)
    assert said in refusal(None, folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_pyproject_that_may_not_be_read(folder: Path) -> None:
    (folder / "pyproject.toml").touch(mode=0o000)
    assert "Permission denied" in refusal(None, folder)
