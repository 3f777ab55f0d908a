"""Where work comes from: the trace and the request that a task was enqueued in.

An *origin* is a text that a task's record carries: a W3C `traceparent`, or the id of the request,
or both with a space between. What a client sends as `traceparent` is only taken if it is one by the
letter of the recommendation (https://www.w3.org/TR/trace-context/#traceparent-header).

OpenTelemetry is used where the program has loaded it, and never imported from here.
"""

import re
import sys
from typing import Any

_TRACEPARENT = re.compile(
    r"(?P<version>(?!ff)[0-9a-f]{2})-(?P<trace>(?!0{32})[0-9a-f]{32})"
    r"-(?P<span>(?!0{16})[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<rest>-.*)?"
)
_ID = re.compile(r"[!#-\[\]-~]{1,200}")
"""Printable ASCII without a space, a quote or a backslash: it stands in JSON as it is."""


def read_traceparent(text: str | bytes | None) -> str | None:
    """A `traceparent` as version 00 writes it; None if it is none. Of a later version the part is
    taken that all versions have."""
    if not text:
        return None
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    found = _TRACEPARENT.fullmatch(text)
    if found is None or (found["version"] == "00" and found["rest"]):
        return None
    return f"00-{found['trace']}-{found['span']}-{found['flags']}"


def make_origin(traceparent: str | None, request_id: str) -> str | None:
    """The origin of a request; None if nothing is known of it."""
    known = [traceparent] if traceparent else []
    if _ID.fullmatch(request_id):
        known.append(request_id)
    return " ".join(known) or None


def split_origin(origin: str | None) -> tuple[str | None, str]:
    """The `traceparent` of an origin, and its request's id."""
    if not origin:
        return None, ""
    first, _, rest = origin.partition(" ")
    trace = read_traceparent(first)
    return (None, origin) if trace is None else (trace, rest)


def origin_fields(origin: str | None) -> dict[str, str]:
    """What a log line says of an origin: `trace_id`, `parent_id`, `request_id`."""
    trace, request_id = split_origin(origin)
    fields = {}
    if trace is not None:
        _, fields["trace_id"], fields["parent_id"], _ = trace.split("-")
    if request_id:
        fields["request_id"] = request_id
    return fields


def opentelemetry_trace() -> str | None:
    """The `traceparent` of OpenTelemetry's current span, if there is one."""
    telemetry: Any = sys.modules.get("opentelemetry.trace")
    if telemetry is None:
        return None
    span = telemetry.get_current_span().get_span_context()
    if not span.is_valid:
        return None
    return f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}"


def resume_opentelemetry(origin: str) -> None:
    """Have the spans that the current context begins be children of the origin's."""
    telemetry: Any = sys.modules.get("opentelemetry.trace")
    contexts: Any = sys.modules.get("opentelemetry.context")
    trace, _ = split_origin(origin)
    if telemetry is None or contexts is None or trace is None:
        return
    _, trace_id, span_id, flags = trace.split("-")
    parent = telemetry.SpanContext(
        trace_id=int(trace_id, 16),
        span_id=int(span_id, 16),
        is_remote=True,
        trace_flags=telemetry.TraceFlags(int(flags, 16)),
    )
    contexts.attach(telemetry.set_span_in_context(telemetry.NonRecordingSpan(parent)))
