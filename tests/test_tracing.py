"""Where work comes from: read strictly, carried in records, shown in logs."""

import sys
import types
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actionhero.messages import Call
from actionhero.telemetry import TaskContext, current_origin, log_context
from actionhero.tracing import (
    make_origin,
    origin_fields,
    read_traceparent,
    resume_opentelemetry,
    split_origin,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"


@pytest.fixture(autouse=True)
def context() -> Iterator[None]:
    token = log_context.set({})
    yield
    log_context.reset(token)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (PARENT, PARENT),
        (PARENT.encode(), PARENT),
        (f"cc-{TRACE}-{SPAN}-01-what-comes-later", PARENT),
        (f"cc-{TRACE}-{SPAN}-01", PARENT),
        (None, None),
        ("", None),
        (PARENT.upper(), None),
        (f"{PARENT}-more", None),
        (f"ff-{TRACE}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE}-{SPAN}", None),
        (f"cc-{TRACE}-{SPAN}-01.more", None),
        (f" {PARENT}", None),
        (f"{PARENT}\n", None),
        (b"\xff\xfe", None),
    ],
)
def test_a_traceparent_is_read_by_the_letter(text: Any, read: str | None) -> None:
    assert read_traceparent(text) == read


@given(st.text() | st.binary())
def test_what_is_read_is_safe_in_json(text: str | bytes) -> None:
    for origin in (read_traceparent(text), make_origin(None, str(text))):
        assert origin is None or (origin.isascii() and not set(origin) & set('"\\ \n\0'))


@pytest.mark.parametrize(
    ("trace", "request_id", "origin"),
    [
        (PARENT, "r-1", f"{PARENT} r-1"),
        (PARENT, "", PARENT),
        (None, "r-1", "r-1"),
        (None, "", None),
        (None, 'r"1', None),
        (None, "r 1", None),
    ],
)
def test_an_origin_is_a_trace_and_a_request(
    trace: str | None, request_id: str, origin: str | None
) -> None:
    assert make_origin(trace, request_id) == origin
    if origin is not None:
        assert split_origin(origin) == (trace, request_id)


def test_log_lines_name_the_origin() -> None:
    trace = {"trace_id": TRACE, "parent_id": SPAN}
    assert origin_fields(f"{PARENT} r-1") == {**trace, "request_id": "r-1"}
    assert origin_fields(None) == {}
    call = Call("hello", request_id="r-1", headers={b"traceparent": PARENT.encode()})
    assert call.log_fields() == {"action": "hello", "request_id": "r-1", **trace}
    assert TaskContext("t", "1", "r-1").log_fields() == {
        "task": "t",
        "task_id": "1",
        "request_id": "r-1",
    }


def test_what_runs_says_where_its_tasks_come_from() -> None:
    assert current_origin() is None
    log_context.set(Call("a", request_id="r-1", headers={b"traceparent": PARENT.encode()}))
    assert current_origin() == f"{PARENT} r-1"
    log_context.set(Call("a", request_id="r-1", headers={b"traceparent": b"no such"}))
    assert current_origin() == "r-1"
    log_context.set(TaskContext("t", "1", f"{PARENT} r-1"))
    assert current_origin() == f"{PARENT} r-1"
    log_context.set(TaskContext("t", "1", 'not "ours"'))
    assert current_origin() is None


class OpenTelemetry:
    """Its modules, as far as they are used."""

    def __init__(self) -> None:
        self.attached: list[Any] = []
        self.current = types.SimpleNamespace(is_valid=False)
        self.trace = types.SimpleNamespace(
            get_current_span=lambda: types.SimpleNamespace(get_span_context=lambda: self.current),
            SpanContext=lambda **fields: fields,
            TraceFlags=int,
            NonRecordingSpan=lambda context: context,
            set_span_in_context=lambda span: span,
        )
        self.context = types.SimpleNamespace(attach=self.attached.append)


@pytest.fixture
def opentelemetry(monkeypatch: pytest.MonkeyPatch) -> OpenTelemetry:
    loaded = OpenTelemetry()
    monkeypatch.setitem(sys.modules, "opentelemetry.trace", loaded.trace)
    monkeypatch.setitem(sys.modules, "opentelemetry.context", loaded.context)
    return loaded


def test_a_span_of_opentelemetry_goes_first(opentelemetry: OpenTelemetry) -> None:
    log_context.set(TaskContext("t", "1", f"{PARENT} r-1"))
    assert current_origin() == f"{PARENT} r-1"
    opentelemetry.current = types.SimpleNamespace(
        is_valid=True, trace_id=1, span_id=2, trace_flags=1
    )
    assert current_origin() == f"00-{1:032x}-{2:016x}-01 r-1"


def test_spans_of_a_task_are_children_of_its_origin(opentelemetry: OpenTelemetry) -> None:
    resume_opentelemetry("r-1")
    assert opentelemetry.attached == []
    resume_opentelemetry(f"{PARENT} r-1")
    assert opentelemetry.attached == [
        {
            "trace_id": int(TRACE, 16),
            "span_id": int(SPAN, 16),
            "is_remote": True,
            "trace_flags": 1,
        }
    ]


def test_without_opentelemetry_there_is_nothing_to_resume() -> None:
    resume_opentelemetry(PARENT)
