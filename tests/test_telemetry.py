import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from actionhero.settings import LogSettings
from actionhero.telemetry import Mask, configure_logging, log_context

log = logging.getLogger("tests.telemetry")


@pytest.fixture(autouse=True)
def root() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_machine_reads_json(stderr: io.StringIO) -> None:
    configure_logging(LogSettings())
    log_context.set({"request_id": "r1"})
    log.warning("hello %s", "Ada", extra={"size": 3, "odd": object})
    (line,) = lines(stderr)
    assert line["message"] == "hello Ada"
    assert (line["level"], line["logger"]) == ("warning", "tests.telemetry")
    assert (line["request_id"], line["size"]) == ("r1", 3)


def test_an_exception_comes_with_its_trace(stderr: io.StringIO) -> None:
    configure_logging(LogSettings(format="json"))
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("it failed")
    assert "ValueError: broken" in lines(stderr)[0]["exception"]


def test_a_person_reads_text(stderr: io.StringIO) -> None:
    configure_logging(LogSettings(format="text"))
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("it failed", extra={"size": 3})
    first, *rest = stderr.getvalue().splitlines()
    assert first.endswith("error    it failed  size=3")
    assert rest[-1] == "ValueError: broken"


def test_no_client_writes_lines_of_its_own(stderr: io.StringIO) -> None:
    configure_logging(LogSettings(format="text"))
    log.error("bad name %s", "x\n12:00:00 info faked\x1b[31m", extra={"field": "a\r\nb"})
    assert len(stderr.getvalue().splitlines()) == 1
    assert "\x1b" not in stderr.getvalue()


def test_the_level_is_kept(stderr: io.StringIO) -> None:
    configure_logging(LogSettings(level="warning"))
    log.info("quiet")
    assert stderr.getvalue() == ""


def test_secrets_are_masked_at_any_depth(stderr: io.StringIO) -> None:
    configure_logging(LogSettings(format="json"), ["password", "api_key"])
    log.error(
        "asked",
        extra={"params": {"userPassword": "x", "list": [{"X-Api-Key": "y"}], "name": "Ada"}},
    )
    assert lines(stderr)[0]["params"] == {
        "userPassword": "[filtered]",
        "list": [{"X-Api-Key": "[filtered]"}],
        "name": "Ada",
    }


def test_a_mask_leaves_other_values() -> None:
    mask = Mask(["secret"])
    assert mask((1, "secret", None)) == [1, "secret", None]
    assert mask.hides("client_Secret")
    assert not mask.hides("name")
