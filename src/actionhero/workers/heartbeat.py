"""Keeps a server's leases, from a thread of its own with a connection of its own.

Rules
- Each lease is renewed three times in its length. Task code that keeps the event loop busy, or
  threads that do not let go of the interpreter for less than two thirds of a lease, lose nothing.
- The loop is watched: when it has not turned for `stuck_limit` seconds, the thread stops renewing.
  Then the tasks of this server lapse and run elsewhere, since here they never will.
- A lease that was lost is told to its lane, in the loop. A store that is away is no loss: the lease
  may well be there when it is back. Until then the thread asks every quarter of a second, which is
  well within what `lua/tasks_duties.lua` gives a server whose lease ran out.
- Whatever goes wrong, the thread goes on: without it this server would lose its tasks for ever.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from actionhero.errors import StoreError, StoreReplyError
from actionhero.store.lease_link import LeaseLink
from actionhero.store.link import Command, Reply
from actionhero.store.task_scripts import QueueScripts
from actionhero.store.url import StoreUrl

_log = logging.getLogger("actionhero.tasks")
_PULSE = 0.5
"""Seconds between two signs of life of the loop."""
_LEAST_TIMEOUT = 0.25
"""Seconds. A call may take a sixth of a lease: so a connection that went dead is given up and
replaced twice over between a renewal and the end of the lease."""
STUCK_LIMIT = 30.0
"""Seconds. Long enough for an import or a big computation by mistake on the loop; shorter than what
a user who waits for the tasks puts up with."""


class Lease(NamedTuple):
    """One queue's lease, and whom to tell when it is lost."""

    scripts: QueueScripts
    lost: Callable[[], None]


class Heartbeat:
    """The thread. `lease` and `stuck_limit` are in seconds; `url` tells where the store is now."""

    def __init__(
        self,
        server: str,
        url: Callable[[], StoreUrl],
        lease: float,
        stuck_limit: float = STUCK_LIMIT,
        told_stuck: Callable[[], None] = lambda: None,
    ) -> None:
        """`told_stuck` is called in the loop when it turns again after it had been stuck."""
        self._server = server
        self._told_stuck = told_stuck
        self._url = url
        self._lease = lease
        self._stuck_limit = stuck_limit
        self._loop = asyncio.get_running_loop()
        self._leases: dict[str, Lease] = {}
        self._link = LeaseLink(timeout=max(_LEAST_TIMEOUT, lease / 6))
        self._wake = threading.Event()
        self._is_stopped = False
        self._is_stuck = False
        self._complaint = ""
        self._last_pulse = time.monotonic()
        self._pulse_handle: asyncio.TimerHandle | None = None
        self._thread = threading.Thread(target=self._run, name="task leases", daemon=True)

    def start(self) -> None:
        """Begin to renew."""
        self._pulse()
        self._thread.start()

    async def stop(self) -> None:
        """Renew no more. The leases end by themselves."""
        self._is_stopped = True
        self._wake.set()
        if self._pulse_handle is not None:
            self._pulse_handle.cancel()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)

    def keep(self, queue: str, lease: Lease) -> None:
        """Renew this lease from now on."""
        self._leases[queue] = lease

    def drop(self, queue: str) -> None:
        """Renew it no more."""
        self._leases.pop(queue, None)

    def renew_now(self) -> None:
        """Do not wait for the next time."""
        self._wake.set()

    def _pulse(self) -> None:
        self._last_pulse = time.monotonic()
        self._pulse_handle = self._loop.call_later(_PULSE, self._pulse)

    # in the thread

    def _run(self) -> None:
        try:
            pause = self._lease / 3
            while not self._is_stopped:
                self._wake.wait(pause)
                self._wake.clear()
                if not self._is_stopped and self._loop_turns():
                    is_renewed = self._try_to_renew()
                    pause = self._lease / 3 if is_renewed else min(0.25, self._lease / 6)
        finally:
            self._link.close()

    def _try_to_renew(self) -> bool:
        try:
            return self._renew(dict(self._leases))
        except Exception:  # whatever it is, the next time is to come
            if not self._loop.is_closed():
                _log.exception("the leases could not be renewed; it is tried again")
            return False

    def _loop_turns(self) -> bool:
        stuck = time.monotonic() - self._last_pulse > self._stuck_limit
        if stuck and not self._is_stuck:
            _log.critical(
                "the event loop has not turned for %.0f s: this server's tasks are left to others; "
                "something blocks it (find it with `py-spy dump`, move it to a sync task)",
                self._stuck_limit,
            )
            self._loop.call_soon_threadsafe(self._told_stuck)
        self._is_stuck = stuck
        return not stuck

    def _renew(self, leases: dict[str, Lease]) -> bool:
        lease = round(self._lease * 1000)
        commands = [one.scripts.renew_command(self._server, lease) for one in leases.values()]
        try:
            replies = self._ask([by_hash for by_hash, _ in commands])
            again = [i for i, reply in enumerate(replies) if _is_unknown(reply)]
            for i, reply in zip(again, self._ask([commands[i][1] for i in again]), strict=True):
                replies[i] = reply
        except StoreError as error:
            _log.debug("leases not renewed: %s", error)
            return False
        except Exception as error:
            self._complain(f"the leases could not be renewed: {error!r}")
            return False
        is_well = True
        for queue, reply in zip(leases, replies, strict=True):
            is_well &= self._judge(queue, leases[queue], reply)
        if is_well:
            self._complaint = ""
        return is_well

    def _ask(self, commands: Sequence[Command]) -> list[Reply]:
        return self._link.execute_many(self._url(), commands) if commands else []

    def _judge(self, queue: str, lease: Lease, reply: Reply) -> bool:
        """Whether the store said what became of the lease."""
        if isinstance(reply, Exception):
            self._complain(f"the lease on queue {queue} could not be renewed: {reply}")
            return False
        if reply == 0 and not self._is_stopped:
            with contextlib.suppress(RuntimeError):  # the loop was closed, and all with it
                self._loop.call_soon_threadsafe(lease.lost)
        return True

    def _complain(self, complaint: str) -> None:
        if complaint != self._complaint:
            _log.error(complaint)
        self._complaint = complaint


def _is_unknown(reply: Reply) -> bool:
    return isinstance(reply, StoreReplyError) and reply.kind == "NOSCRIPT"
