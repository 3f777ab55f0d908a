"""The child processes of one worker, for tasks with `executor="process"`.

Rules
- They are started when there is something to run, as new programs (never forked from this one,
  which has threads), at most `most` of them, and live until the worker ends.
- A child runs one task at a time. One that is interrupted (a timeout, a cancellation) is killed.
  One that dies ends the run that it had, and nothing else. The next task gets another.
- What waits for a child, or for its module to be imported, is not yet running: no timeout counts.
- The errors of a run come back as they were, with their trace as the cause.
- On Linux the kernel kills a child when the *thread* that started it ends; that is the loop's.
"""

import asyncio
import contextlib
import contextvars
import logging
import os
import pickle
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

from msgspec import Struct

from actionhero.deadlines import Limit
from actionhero.errors import TaskError
from actionhero.tasks.importable import ImportPlace
from actionhero.tasks.outcomes import Done
from actionhero.workers.words import (
    SIZE,
    Load,
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
    read_to_parent,
)

_LAST_WORDS = 1.0
"""Seconds in which what a dead child had sent is still read."""
_GOODBYE = 2.0
"""Seconds that children have to end by themselves."""
_START = (
    "import sys; number, parent, *sys.path[:] = sys.argv[1:]; sys.argv[1:] = []; "
    "from actionhero.workers.child import main; main(int(number), int(parent))"
)

Tell = Callable[[float, str], None]


class ChildLostError(TaskError):
    """The process that ran a task ended under it: it was killed, crashed, or called `os._exit`."""

    code = "child_lost"


class ChildImportError(TaskError):
    """A child process cannot import a task. `described` is the error as a dead letter keeps it."""

    code = "child_import"

    def __init__(self, place: ImportPlace, described: bytes) -> None:
        super().__init__(f"a child process cannot import {place}")
        self.described = described


class RemoteError(TaskError):
    """An error of a child process that cannot be pickled. The one that is raised is of a class that
    bears the name of the real one, but is not the real one."""

    code = "remote"


class RemoteTraceError(Exception):
    """The cause of every error out of a child process: where it was raised there."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}\n"""'


class Ran(Struct):
    """What came of a run: the value (None if it was not wanted), and what the store keeps."""

    value: Any
    done: Done


class Processes:
    """At most `most` children."""

    def __init__(self, most: int) -> None:
        self._places = asyncio.Semaphore(most)
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()

    async def run(self, run: Run, limit: Limit, tell: Tell | None) -> Ran:
        """Run it in a child; `limit` counts from when it really begins.

        Raises what the function raises, `ChildLostError`, `ChildImportError`.
        """
        async with self._child(run.place) as child:
            with limit:
                answer = await child.ask(run, tell)
        if isinstance(answer, Raised):
            raise _error_of(answer)
        assert isinstance(answer, Returned)  # noqa: S101
        value = None if answer.value is None else pickle.loads(answer.value)  # noqa: S301  our own
        return Ran(value, Done(answer.kept))

    async def aclose(self) -> None:
        """Let those that are idle end, and kill the rest."""
        children = list(self._all)
        for child in children:
            if child in self._idle:
                child.dismiss()
            else:
                child.kill()
        ending = [child.ended for child in children]
        if ending:
            await asyncio.wait(ending, timeout=_GOODBYE)
        for child in children:
            child.kill()
        await asyncio.gather(*ending, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def _child(self, place: ImportPlace) -> AsyncIterator["_Child"]:
        """A child that has imported `place`, for one run."""
        async with self._places:
            child = self._take_idle(place) or await self._start()
            try:
                if place not in child.loaded:
                    await child.load(place)
                yield child
            finally:
                if child.is_ready:
                    self._idle.append(child)
                else:
                    child.kill()

    def _take_idle(self, place: ImportPlace) -> "_Child | None":
        self._idle = [child for child in self._idle if child.is_ready]
        if not self._idle:
            return None
        best = next((one for one in self._idle if place in one.loaded), self._idle[-1])
        self._idle.remove(best)
        return best

    async def _start(self) -> "_Child":
        child = await _Child.start()
        self._all.add(child)
        child.ended.add_done_callback(lambda _: self._all.discard(child))
        return child


class _Child:
    """One child, as its server sees it. `ended` is done when it is gone."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._writer = writer
        self._answer: asyncio.Future[ToParent] | None = None
        self._tell: Tell | None = None
        self._context = contextvars.copy_context()
        self.loaded: set[ImportPlace] = set()
        self.is_lost = False
        listening = asyncio.create_task(self._listen(reader), name="listen to a child")
        self.ended = asyncio.create_task(self._watch(listening), name="watch a child")

    @classmethod
    async def start(cls) -> "_Child":
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours)
            words = (str(theirs.fileno()), str(os.getpid()), *sys.path)
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable,
                    *("-c", _START, *words),
                    stdin=asyncio.subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                )
            except BaseException:
                writer.close()
                raise
        child = cls(process, reader, writer)
        child._send(Setup(_levels()))
        return child

    @property
    def is_ready(self) -> bool:
        """Whether it lives and does nothing."""
        return self._answer is None and not self.is_lost

    async def load(self, place: ImportPlace) -> None:
        """Have it import something."""
        answer = await self.ask(Load(place), None)
        if isinstance(answer, Unloadable):
            raise ChildImportError(place, answer.error)
        self.loaded.add(place)

    async def ask(self, message: ToChild, tell: Tell | None) -> ToParent:
        """Its answer. Raises `ChildLostError`. Interrupted, it is no longer ready."""
        self._answer = asyncio.get_running_loop().create_future()
        self._tell = tell
        self._context = contextvars.copy_context()
        if self.is_lost:
            self._fail(None)
        else:
            self._send(message)
        answer = await self._answer
        self._answer = None
        return answer

    def dismiss(self) -> None:
        """Let it end by itself."""
        self._writer.close()

    def kill(self) -> None:
        """End it at once."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                # Popen's own `kill` may take the exit code away from whoever waits for it
                os.kill(self._process.pid, signal.SIGKILL)

    def _send(self, message: ToChild) -> None:
        self._writer.write(frame(message))

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                size = int.from_bytes(await reader.readexactly(SIZE), "big")
                self._hear(read_to_parent(await reader.readexactly(size)))

    def _hear(self, message: ToParent) -> None:
        match message:
            case Said(fraction, note):
                if self._tell is not None:
                    self._tell(fraction, note)
            case Logged():
                self._context.run(_log_again, message, self._process.pid)
            case _:
                if self._answer is not None and not self._answer.done():
                    self._answer.set_result(message)

    async def _watch(self, listening: "asyncio.Task[None]") -> None:
        ending = asyncio.create_task(self._process.wait(), name="wait for a child")
        await asyncio.wait({ending, listening}, return_when=asyncio.FIRST_COMPLETED)
        # what it said last is still there; or it has closed the socket, and is of no more use
        await asyncio.wait({ending, listening}, timeout=_LAST_WORDS)
        self.kill()
        code = await ending
        listening.cancel()
        self.is_lost = True
        self._writer.close()
        self._fail(code)

    def _fail(self, code: int | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ChildLostError(_how_it_ended(code)))


def _levels() -> dict[str, int]:
    """The levels of all loggers that have one of their own."""
    levels = {"": logging.getLogger().level}
    for name, one in logging.Logger.manager.loggerDict.items():
        if isinstance(one, logging.Logger) and one.level:
            levels[name] = one.level
    return levels


def _log_again(line: Logged, process: int) -> None:
    logger = logging.getLogger(line.logger)
    if not logger.isEnabledFor(line.level):
        return
    record = logger.makeRecord(
        *(line.logger, line.level, line.path, line.line, line.message, (), None, line.function),
        extra=line.fields,
    )
    record.created, record.process, record.exc_text = line.created, process, line.trace
    logger.handle(record)


def _error_of(raised: Raised) -> BaseException:
    """The error that a child's function raised, or one that stands for it."""
    error: BaseException | None = None
    if raised.error is not None:
        with contextlib.suppress(Exception):  # what could be read there may not be here
            error = pickle.loads(raised.error)  # noqa: S301  our own
    if error is None:
        kind = type(raised.kind, (RemoteError,), {})
        error = kind(raised.message)
        error.add_note("(it cannot be pickled, so this stands for it; retry_for does not know it)")
    error.__cause__ = RemoteTraceError(raised.trace)
    return error


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "the process that should run it had ended"
    if code >= 0:
        return f"the process that ran it ended under it, with the exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = ": perhaps it took too much memory" if -code == signal.SIGKILL else ""
    return f"the process that ran it was ended by {name}{hint}"
