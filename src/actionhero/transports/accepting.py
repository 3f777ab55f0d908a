"""Accepting connections: the one place where listening sockets are read.

- Some are accepted in a turn of the loop; other connections come in between. Of a socket that
  several servers listen on it is one, so that each gets its share.
- When the system has no more file descriptors (or memory) for us, accepting pauses and goes on by
  itself. Who connects meanwhile waits in the kernel's queue. The loops do this each in its own
  way: asyncio logs once for every place in that queue, uvloop closes those who wait without a
  word, aiofastnet 1.2 fails while it pauses and so spins. That is why it is done here. It is said
  when it begins, and at most once a minute.
- What a connection needs before it is one (a TLS handshake) takes a task, which ends with us.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable
from functools import partial

from actionhero.transports.listening import Doors

_BATCH = 100
"""Connections that are accepted in one turn of the loop."""
PAUSE = 0.25
"""Seconds until accepting is tried again."""
_SILENCE = 60.0
"""Seconds in which nothing more is said of it."""
_SHORTAGES = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))

_log = logging.getLogger("actionhero.transports")


class Acceptor:
    """Accepts what comes through `doors`, which it owns from now on.

    `connect` makes a connection of an accepted socket, and is awaited until it is up; it may raise
    `OSError`. `name` is that of the transport in the log, `setting` says what bounds its number.
    With `is_instant` that is not cut short: cancelled there, uvloop closes the socket without
    telling the protocol that may have it already.
    """

    def __init__(
        self,
        doors: Doors,
        connect: Callable[[socket.socket], Awaitable[asyncio.BaseTransport]],
        *,
        name: str,
        setting: str,
        is_instant: bool = False,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._doors = doors
        self._connect = connect
        self._name = name
        self._setting = setting
        self._is_instant = is_instant
        self._is_closed = False
        self._pauses: dict[socket.socket, asyncio.TimerHandle] = {}
        self._coming: set[asyncio.Task[None]] = set()
        self._silent_until = 0.0
        self._batch = 1 if doors.are_shared else _BATCH
        for sock in doors.sockets:
            sock.setblocking(False)
            self._watch(sock)

    def close(self) -> None:
        """Accept nothing more, and drop what is not connected yet."""
        self._is_closed = True
        for pause in self._pauses.values():
            pause.cancel()
        for sock in self._doors.sockets:
            self._loop.remove_reader(sock)
        self._doors.close()
        if not self._is_instant:
            for task in self._coming:
                task.cancel()

    def _watch(self, sock: socket.socket) -> None:
        self._pauses.pop(sock, None)
        self._loop.add_reader(sock, self._accept, sock)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(self._batch):
            try:
                sock, _ = listening.accept()
            except BlockingIOError:
                return
            except OSError as exc:
                if exc.errno in _SHORTAGES:
                    self._pause(listening, exc)
                    return
                continue  # that one is gone already, or a firewall forbids it
            self._take(sock)

    def _take(self, sock: socket.socket) -> None:
        task = self._loop.create_task(self._bring_up(sock), name="accept")
        self._coming.add(task)
        task.add_done_callback(partial(self._forget, sock))

    def _forget(self, sock: socket.socket, task: asyncio.Task[None]) -> None:
        self._coming.discard(task)
        if task.cancelled():  # which may be before it began
            sock.close()

    async def _bring_up(self, sock: socket.socket) -> None:
        try:
            sock.setblocking(False)
            transport = await self._connect(sock)
            if self._is_closed:
                transport.close()
        except OSError as exc:  # gone already, it speaks no TLS, or it took too long
            _log.debug("%s: a connection did not come up: %s", self._name, exc)
            sock.close()

    def _pause(self, sock: socket.socket, shortage: OSError) -> None:
        """Accept nothing for a while: the socket would stay readable and the loop would spin."""
        self._loop.remove_reader(sock)
        self._pauses[sock] = self._loop.call_later(PAUSE, self._watch, sock)
        now = self._loop.time()
        if now >= self._silent_until:
            self._silent_until = now + _SILENCE
            _log.error(
                "%s accepts no connections until others are closed: %s; raise the limit of open "
                "files (ulimit -n), or set %s below it",
                self._name,
                shortage.strerror,
                self._setting,
            )
