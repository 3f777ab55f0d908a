import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from actionhero.settings import LogSettings
from actionhero.telemetry import (
    JsonFormatter,
    Mask,
    TextFormatter,
    configure_logging,
    log_context,
)

log = logging.getLogger("tests.telemetry")


@pytest.fixture(autouse=True)
def root() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_machine_reads_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings())
    token = log_context.set({"request_id": "r1"})
    log.warning("hello %s", "Ada", extra={"size": 3, "odd": object})
    log_context.reset(token)
    (line,) = lines(capsys)
    assert line["message"] == "hello Ada"
    assert (line["level"], line["logger"]) == ("warning", "tests.telemetry")
    assert (line["request_id"], line["size"]) == ("r1", 3)


def test_an_exception_comes_with_its_trace(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"))
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("it failed")
    assert "ValueError: broken" in lines(capsys)[0]["exception"]


def test_a_person_reads_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="text"))
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("it failed", extra={"size": 3})
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.endswith("error    it failed  size=3")
    assert rest[-1] == "  ValueError: broken"


def test_no_client_writes_lines_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="text"))
    log.error("bad name %s", "x\n12:00:00 info faked\x1b[31m", extra={"field": "a\r\nb"})
    (line,) = capsys.readouterr().err.splitlines()
    assert "\x1b" not in line


def test_the_level_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(level="warning"))
    log.info("quiet")
    assert capsys.readouterr().err == ""


def test_secrets_are_masked_at_any_depth(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(LogSettings(format="json"), ["password", "api_key"])
    log.error(
        "asked",
        extra={"params": {"userPassword": "x", "list": [{"X-Api-Key": "y"}], "name": "Ada"}},
    )
    assert lines(capsys)[0]["params"] == {
        "userPassword": "[filtered]",
        "list": [{"X-Api-Key": "[filtered]"}],
        "name": "Ada",
    }


def test_a_mask_leaves_other_values() -> None:
    mask = Mask(["secret"])
    assert mask((1, "secret", None)) == [1, "secret", None]
    assert mask.hides("client_Secret")
    assert not mask.hides("name")


@pytest.mark.parametrize("make", [TextFormatter, JsonFormatter])
def test_whatever_is_in_a_line_it_is_one_that_shows(
    make: Callable[[Mask], logging.Formatter],
) -> None:
    evil = "a\r\n12:00:00 error    forged \x1b[31m \x9b2J \x7f \u2028 \ud800 \U000e0001"
    try:
        raise ValueError(evil)
    except ValueError:
        trace = sys.exc_info()
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, "said %s", (evil,), trace)
    record.path, record.big = evil, 10**30
    text = make(Mask(())).format(record)
    first, *others = text.split("\n")
    assert first.isprintable()
    assert "forged" in first
    for line in others:
        assert line.isprintable()
        assert line.startswith("  ")
    if make is JsonFormatter:
        assert json.loads(text)["message"] == f"said {evil}"
