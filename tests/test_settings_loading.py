"""Sources, their precedence, and what is said about a setting that cannot be."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from actionhero.errors import SettingsError
from actionhero.settings import Settings
from actionhero.settings_loading import Given, find_line, load_settings


def load(
    folder: Path, toml: str = "", env: str | None = None, *flags: Given, **variables: str
) -> Settings:
    if toml:
        (folder / "actionhero.toml").write_text(toml)
    return load_settings(folder, variables, flags, env)


def refusal(
    folder: Path, toml: str = "", env: str | None = None, *flags: Given, **variables: str
) -> str:
    with pytest.raises(SettingsError) as caught:
        load(folder, toml, env, *flags, **variables)
    return str(caught.value)


def test_nothing_written_gives_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(tmp_path) == Settings()


def test_each_source_wins_over_the_one_before(tmp_path: Path) -> None:
    toml = "[web]\nport = 1\nheaders = 1\nconnections = 1\npipelined = 1\n"
    toml += "[env.production.web]\nheaders = 2\nconnections = 2\npipelined = 2\n"
    flag = Given("web", "pipelined", 4, "--pipelined")
    variables = {"ACTIONHERO_WEB__CONNECTIONS": "3", "ACTIONHERO_WEB__PIPELINED": "3"}
    web = load(tmp_path, toml, "production", flag, **variables).web
    assert (web.port, web.headers, web.connections, web.pipelined) == (1, 2, 3, 4)


def test_an_overlay_holds_only_in_its_environment(tmp_path: Path) -> None:
    toml = "[env.production.web]\nport = 80\n"
    assert load(tmp_path, toml).web.port == Settings().web.port
    by_variable = load(tmp_path, toml, ACTIONHERO_ENV="production")
    assert (by_variable.web.port, by_variable.env) == (80, "production")
    assert load(tmp_path, toml, "test", ACTIONHERO_ENV="production").env == "test"


@pytest.mark.parametrize(
    ("written", "seconds"), [('"1h30m"', 5400.0), ('"500ms"', 0.5), ("7", 7.0), ("0.5", 0.5)]
)
def test_durations_are_texts_or_seconds(tmp_path: Path, written: str, seconds: float) -> None:
    assert load(tmp_path, f"[general]\nshutdown_timeout = {written}\n").general == (
        load(tmp_path, ACTIONHERO_GENERAL__SHUTDOWN_TIMEOUT=written.strip('"')).general
    )
    assert load(tmp_path).general.shutdown_timeout == seconds


def test_lists_are_comma_separated_in_the_environment(tmp_path: Path) -> None:
    loaded = load(tmp_path, ACTIONHERO_TASKS__QUEUES="mail, video,,")
    assert loaded.tasks.queues == ("mail", "video")
    assert load(tmp_path, '[tasks]\nqueues = ["mail"]\n').tasks.queues == ("mail",)


def test_words_are_converted_in_the_environment_only(tmp_path: Path) -> None:
    assert load(tmp_path, ACTIONHERO_TCP__ENABLED="false").tcp.enabled is False
    assert "must be true or false" in refusal(tmp_path, '[tcp]\nenabled = "false"\n')
    assert "must be a whole number" in refusal(tmp_path, '[tcp]\nport = "5000"\n')


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("\n[web]\nprot = 1\n", "actionhero.toml:3: there is no setting web.prot; did you mean"),
        ("[wbe]\nport = 1\n", "actionhero.toml:2: there is no section wbe; did you mean web?"),
        ("[nonsense]\n", "actionhero.toml:1: there is no section nonsense; there are general,"),
        ("port = 1\n", "actionhero.toml:1: port = 1 stands in no section; settings are"),
        ("web = 3\n", "actionhero.toml:1: web = 3 stands in no section"),
        ("web.port = 70000\n", "actionhero.toml:1: web.port is 70000; it must be a whole number"),
        ("[web]\nport = true\n", "actionhero.toml:2: web.port is True; it must be a whole number"),
        ("[web]\nheaders = 0\n", "web.headers is 0; it must be a whole number, 1 or more"),
        ("[web]\nhost = 1\n", "actionhero.toml:2: web.host is 1; it must be a text"),
        ('[log]\nlevel = "loud"\n', "it must be one of debug, info, warning, error"),
        ('[tasks]\nlease = "soon"\n', "actionhero.toml:2: tasks.lease is 'soon'; it must be a dur"),
        ("[tasks]\nlease = 0\n", "tasks.lease is 0; it must be a duration above zero"),
        ("[tasks]\nlease = -1\n", "tasks.lease is -1; it must be a duration above zero"),
        ("[tasks]\nlease = nan\n", "tasks.lease is nan; it must be a duration above zero"),
        ("[tasks]\nlease = true\n", "tasks.lease is True; it must be a duration above zero"),
        ("[tasks]\nlease = [1]\n", "tasks.lease is [1]; it must be a duration above zero"),
        ('[tasks]\nqueues = "mail"\n', "tasks.queues is 'mail'; it must be a list of texts"),
        ("[tasks]\nqueues = [1]\n", "tasks.queues is [1]; it must be a list of texts"),
        ('env = "production"\n', "actionhero.toml:1: env is chosen by --env or ACTIONHERO_ENV"),
        ("[env]\nproduction = 1\n", "actionhero.toml:2: production = 1 stands in no section"),
        ("[env.test.web]\nprot = 1\n", "actionhero.toml:2: there is no setting web.prot; did you"),
        ("[env.test]\nport = 1\n", "actionhero.toml:2: port = 1 stands in no section; settings"),
        ("[web]\nport = \n", "actionhero.toml:2:8: this is not TOML: Invalid value"),
        ("[web]\nport = 1\nport = 2\n", "actionhero.toml:3:9: this is not TOML: Cannot overwrite"),
    ],
)
def test_a_mistake_in_the_file(tmp_path: Path, toml: str, said: str) -> None:
    assert said in refusal(tmp_path, toml)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("ACTIONHERO_WEB__PORT", "80a", "ACTIONHERO_WEB__PORT: web.port is '80a'; it must be"),
        ("ACTIONHERO_WEB__PROT", "1", "ACTIONHERO_WEB__PROT: there is no setting web.prot; did"),
        ("ACTIONHERO_WBE__PORT", "1", "ACTIONHERO_WBE__PORT: there is no section wbe; did you"),
        ("ACTIONHERO_WEB_PORT", "1", "ACTIONHERO_WEB_PORT: section and key are joined by two"),
        ("ACTIONHERO_TASKS__LEASE", "x" * 99, "ACTIONHERO_TASKS__LEASE: tasks.lease is 'xxx"),
    ],
)
def test_a_mistake_in_the_environment(tmp_path: Path, name: str, value: str, said: str) -> None:
    assert said in refusal(tmp_path, "", None, **{name: value})


def test_variables_that_are_not_settings_are_left_alone(tmp_path: Path) -> None:
    others: Mapping[str, str] = {
        "ACTIONHERO_WEB_PORT": "tcp://10.0.0.1:80",
        "ACTIONHERO_WEB_SERVICE_HOST": "10.0.0.1",
        "ACTIONHERO_HOME": "/srv",
        "PATH": "",
    }
    assert load(tmp_path, **others).web.port == Settings().web.port


def test_a_mistake_in_a_flag_names_the_flag(tmp_path: Path) -> None:
    flag = Given("web", "port", "80a", "--port")
    assert refusal(tmp_path, "", None, flag).startswith("--port: web.port is '80a'; it must be")


def test_an_unknown_environment_is_refused_once_there_are_any(tmp_path: Path) -> None:
    assert load(tmp_path, "", "prodution").env == "prodution"
    toml = "[env.staging.web]\nport = 80\n"
    assert "did you mean staging?" in refusal(tmp_path, toml, "stagin")
    assert "it has staging" in refusal(tmp_path, toml, "xyz")
    assert load(tmp_path, toml, "production").env == "production"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "actionhero.toml"
    path.write_bytes(b"[web]\nhost = '\xff'\n")
    assert "is not UTF-8 (byte 14)" in refusal(tmp_path)
    path.unlink()
    path.mkdir()
    assert "cannot be read" in refusal(tmp_path)


def test_relative_paths_mean_the_folder_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = load(tmp_path, ACTIONHERO_WEB__FILE_ROOTS="reports,/srv/reports")
    assert elsewhere.store.url == f"embedded:{tmp_path}/.actionhero"
    assert elsewhere.web.public == f"{tmp_path}/public"
    assert elsewhere.web.file_roots == (f"{tmp_path}/reports", "/srv/reports")
    monkeypatch.chdir(tmp_path)
    assert load(tmp_path).store.url == "embedded:.actionhero"


@pytest.mark.parametrize("url", ["valkey://db:6379/0", "embedded::memory:", "embedded:/srv/x"])
def test_a_store_that_is_no_relative_path_is_left_as_it_is(tmp_path: Path, url: str) -> None:
    assert load(tmp_path, ACTIONHERO_STORE__URL=url).store.url == url


@pytest.mark.parametrize(
    ("text", "table", "key", "line"),
    [
        ("[web]\nport = 1", ("web",), "port", 2),
        ("# x\n[ web ]\n\n port=1", ("web",), "port", 4),
        ("[tcp]\nport = 1\n[web]\nport = 1", ("web",), "port", 4),
        ("web.port = 1", ("web",), "port", 1),
        ("[tcp]\n[web]\nhost = 1\n", ("web",), "port", 2),
        ("web = {port = 1}", ("web",), "port", 1),
        ('["env"."a b".web]\nport = 1', ("env", "ab", "web"), "port", 2),
        ("", ("web",), "port", 0),
    ],
)
def test_the_line_of_a_setting(text: str, table: tuple[str, ...], key: str, line: int) -> None:
    assert find_line(text, table, key) == line


def test_a_secret_that_cannot_be_one_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "actionhero.toml").write_text("[session]\nsecret = 123454321\n")
    with pytest.raises(SettingsError, match=r"session\.secret is not one; it must be a text") as e:
        load_settings(tmp_path, {})
    assert "123454321" not in str(e.value)
