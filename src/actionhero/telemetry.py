"""Logs: text for a person on a terminal, one JSON object a line for a machine.

What a client sent is masked where its name says it is a secret (`general.filtered_params`), and
control characters are escaped, so that no client writes log lines of its own; a trace is indented,
so that nothing in it looks like a line either.
"""

import datetime
import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from typing import Any, Protocol, TypeAlias

import msgspec
from msgspec import Struct

from actionhero.settings import LogSettings
from actionhero.tracing import make_origin, opentelemetry_trace, origin_fields, split_origin

MASK = "[filtered]"
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class Loggable(Protocol):
    """What tells its fields when a line is logged; most of what runs logs none."""

    def log_fields(self) -> Mapping[str, Any]: ...


LogContext: TypeAlias = Mapping[str, Any] | Loggable

log_context: ContextVar[LogContext] = ContextVar("actionhero_log_context")
"""Fields added to every log line of the running task, such as its request or task id."""


def current_fields() -> Mapping[str, Any]:
    """The fields of what runs."""
    context = log_context.get({})
    return context if isinstance(context, Mapping) else context.log_fields()


class TaskContext(Struct, gc=False):
    """The context of a running task. `from_where` is the origin it was enqueued in (`tracing`)."""

    task: str
    task_id: str
    from_where: str | None = None

    def log_fields(self) -> dict[str, str]:
        """What each line says."""
        return {
            "task": self.task,
            "task_id": self.task_id,
            **origin_fields(self.from_where),
        }

    def origin(self) -> str | None:
        """Where the tasks come from that this one enqueues: from where it comes itself."""
        return self.from_where


def current_origin() -> str | None:
    """Where the work comes from that is begun now, for a task's record."""
    context = log_context.get(None)
    if context is None and "opentelemetry.trace" not in sys.modules:
        return None
    tell = getattr(context, "origin", None)
    trace, request_id = split_origin(tell() if tell is not None else None)
    return make_origin(opentelemetry_trace() or trace, request_id)


def configure_logging(settings: LogSettings, filtered: Iterable[str] = ()) -> None:
    """Send all logs of the process to standard error. Calling it again replaces what was set."""
    mask = Mask(filtered)
    as_text = settings.format == "text" or (settings.format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(TextFormatter(mask) if as_text else JsonFormatter(mask))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.level.upper())


class Mask:
    """Replaces the values of secrets. A name is one if it contains a filtered word."""

    def __init__(self, filtered: Iterable[str]) -> None:
        self._words = tuple(word.lower() for word in filtered)

    def hides(self, name: str) -> bool:
        """Whether a value of this name must not be shown."""
        lowered = name.lower().replace("-", "_")
        return any(word in lowered for word in self._words)

    def __call__(self, value: Any) -> Any:
        """`value` with every secret inside replaced."""
        if isinstance(value, Mapping):
            return {
                key: MASK if self.hides(str(key)) else self(item) for key, item in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self(item) for item in value]
        return value


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `time`, `level`, `logger`, `message`, then the fields."""

    def __init__(self, mask: Mask) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": _moment(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **self._mask(_fields(record)),
        }
        if trace := _trace_of(record, self):
            line["exception"] = trace
        return _escape(_encode(line), _as_json)


class TextFormatter(logging.Formatter):
    """`12:00:01 warning  message  key=value`, and the trace beneath."""

    def __init__(self, mask: Mask) -> None:
        super().__init__()
        self._mask = mask

    def format(self, record: logging.LogRecord) -> str:
        fields = "".join(
            f"  {key}={_printable(value)}" for key, value in self._mask(_fields(record)).items()
        )
        line = (
            f"{_moment(record):%H:%M:%S} {record.levelname.lower():8}"
            f" {_printable(record.getMessage())}{fields}"
        )
        if trace := _trace_of(record, self):
            line += "".join(f"\n  {_printable(one)}" for one in trace.split("\n"))
        return line


def extra_fields(record: logging.LogRecord) -> dict[str, Any]:
    """The fields that a line was given by `extra=`."""
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    return {**current_fields(), **extra_fields(record)}


def _trace_of(record: logging.LogRecord, formatter: logging.Formatter) -> str | None:
    """The trace of a line; one that comes from another process has it as text."""
    return formatter.formatException(record.exc_info) if record.exc_info else record.exc_text


def _moment(record: logging.LogRecord) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(record.created, datetime.UTC).astimezone()


def _printable(value: Any) -> str:
    return _escape(str(value), _as_python)


def _escape(text: str, escape: Callable[[str], str]) -> str:
    """A text with all that does not show escaped: new lines, what steers terminals, and such."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else escape(char) for char in text)


def _as_python(char: str) -> str:
    return repr(char)[1:-1]


def _as_json(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))


def _encode(line: dict[str, Any]) -> str:
    """A line as JSON, whatever is in it."""
    try:
        return msgspec.json.encode(line, enc_hook=repr).decode()
    except (ValueError, TypeError, OverflowError, RecursionError):
        return _encode_anything(line)


def _encode_anything(line: dict[str, Any]) -> str:
    """Half a character, an endless number: slow, and seldom."""
    import json

    return json.dumps(line, default=repr, skipkeys=True)
