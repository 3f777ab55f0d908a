"""A child process: runs the tasks of `executor="process"`, one at a time.

Rules
- It lives no longer than its server, however that ends: the kernel kills it (Linux), and it ends
  itself when the socket is closed.
- A signal to the whole group (Ctrl-C, a service manager's SIGTERM) is for the server alone, which
  decides what becomes of the tasks.
- Its log lines go to the server's handlers, with the fields of the task. A module that configures
  logging itself when it is imported has its own way here too.
- What it prints goes where the server's own output goes.
"""

import contextlib
import ctypes
import faulthandler
import logging
import os
import pickle
import queue
import signal
import socket
import sys
import threading
import traceback
from typing import Any, BinaryIO

from actionhero.codec import encode_json
from actionhero.errors import DefinitionError
from actionhero.tasks.importable import ImportPlace
from actionhero.tasks.outcomes import describe_error
from actionhero.tasks.record import read_troubles
from actionhero.tasks.results import done_with
from actionhero.tasks.task import Task, TaskDefinition
from actionhero.telemetry import TaskContext, extra_fields, log_context
from actionhero.workers.words import (
    SIZE,
    Load,
    Loaded,
    Logged,
    Raised,
    Returned,
    Run,
    Said,
    Setup,
    ToChild,
    ToParent,
    Unloadable,
    frame,
    read_to_child,
)

_PR_SET_PDEATHSIG = 1
_log = logging.getLogger("actionhero.tasks")


def main(descriptor: int, parent: int) -> None:
    """Serve the server at the other end of a socket until it closes it."""
    _die_with(parent)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # no SIG_IGN: what a task starts would inherit it
    with contextlib.suppress(RuntimeError, ValueError, OSError):  # a stderr that is no file
        faulthandler.enable()
    with socket.socket(fileno=descriptor) as line:
        line.setblocking(True)
        Child(line).serve()


class Child:
    """The loop of a child."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._writing = threading.Lock()
        self._inbox: queue.SimpleQueue[ToChild | None] = queue.SimpleQueue()
        self._is_busy = False
        self._found: dict[ImportPlace, TaskDefinition] = {}

    def serve(self) -> None:
        """Do as one is told."""
        reading = threading.Thread(target=self._read, name="server", daemon=True)
        reading.start()
        while (message := self._inbox.get()) is not None:
            match message:
                case Setup(levels):
                    self._take_logs(levels)
                case Load(place):
                    self._say(self._load(place))
                case Run():
                    self._say(self._run(message))
            self._is_busy = False

    def _read(self) -> None:
        """In a thread: the server may go while a task runs."""
        with contextlib.suppress(OSError), self._line.makefile("rb") as stream:
            while (text := _next(stream)) is not None:
                self._is_busy = True
                self._inbox.put(read_to_child(text))
        if self._is_busy:
            os._exit(1)
        self._inbox.put(None)

    def _say(self, message: ToParent) -> None:
        with self._writing:
            self._line.sendall(frame(message))

    def _take_logs(self, levels: dict[str, int]) -> None:
        logging.getLogger().handlers[:] = [_Forward(self)]
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)

    def _load(self, place: ImportPlace) -> ToParent:
        try:
            self._found[place] = _find(place)
            self._found[place].inputs  # noqa: B018  compiled now, not within the task's time
        except BaseException as exc:  # SystemExit too: it must not end us without a word
            return Unloadable(describe_error(exc))
        return Loaded()

    def _run(self, run: Run) -> ToParent:
        definition = self._found[run.place]
        log_context.set(TaskContext(definition.name, run.id, run.trace))
        try:
            value = definition.function(**self._arguments(definition, run))
        except BaseException as exc:
            return _raised(exc)
        return _returned(value, run)

    def _arguments(self, definition: TaskDefinition, run: Run) -> dict[str, Any]:
        values = definition.inputs.decode(run.params)
        arguments = definition.inputs.arguments(values)
        for name in definition.inputs.injected:
            arguments[name] = Task(
                definition, values, run.id, read_troubles(run.troubles), run.parent, self._tell
            )
        return arguments

    def _tell(self, fraction: float, note: str) -> None:
        self._say(Said(fraction, note))

    def forward(self, line: Logged) -> None:
        """Give a log line to the server."""
        self._say(line)


class _Forward(logging.Handler):
    """Sends records to the server."""

    def __init__(self, child: Child) -> None:
        super().__init__()
        self._child = child
        self._format = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            trace = self._format.formatException(record.exc_info) if record.exc_info else None
            self._child.forward(
                Logged(
                    record.name,
                    record.levelno,
                    record.pathname,
                    record.lineno,
                    record.funcName,
                    record.getMessage(),
                    trace,
                    record.created,
                    _sendable(extra_fields(record)),
                )
            )
        except Exception:
            self.handleError(record)


def _find(place: ImportPlace) -> TaskDefinition:
    found = place.find()
    if isinstance(found, TaskDefinition):
        return found
    if not callable(found):
        raise DefinitionError(f"there is no function at {place}")
    return TaskDefinition(found)


def _sendable(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields of any kind, as what msgpack takes."""
    try:
        encode_json(fields)
    except Exception:
        return {key: repr(value) for key, value in fields.items()}
    return fields


def _next(stream: BinaryIO) -> bytes | None:
    size = stream.read(SIZE)
    if len(size) < SIZE:
        return None
    text = stream.read(int.from_bytes(size, "big"))
    return text or None


def _returned(value: Any, run: Run) -> Returned:
    kept = done_with(value).kept if run.wants_kept else b""
    if not run.wants_value:
        return Returned(kept)
    try:
        return Returned(kept, pickle.dumps(value))
    except Exception as exc:  # a __reduce__ of the user's may raise anything
        _log.error(
            "what %s returned cannot be pickled, so what is around it sees None: %s",
            run.place,
            exc,
        )
        return Returned(kept)


def _raised(error: BaseException) -> Raised:
    try:
        message = str(error)
    except Exception as exc:
        message = f"(its message cannot be shown: {type(exc).__name__})"
    trace = "".join(traceback.format_exception(error))
    return Raised(type(error).__name__, _text(message), _text(trace.rstrip()), _pickled(error))


def _pickled(error: BaseException) -> bytes | None:
    """An error in a form that is known to be readable: many can be written only."""
    try:
        text = pickle.dumps(error)
        pickle.loads(text)  # noqa: S301  our own
    except Exception:
        return None
    return text


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _die_with(parent: int) -> None:
    """Have the kernel end us with our parent, even amid code that holds the interpreter."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
