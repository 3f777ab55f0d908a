"""What running tasks say of their progress, on its way to the store.

The newest word of each task is kept and sent together with the others', at most every `INTERVAL`:
a tight loop that tells each step costs the store four commands a second, and so do a hundred such
tasks of one queue. Progress is only told: when the store is away it is dropped, and the task goes
on. What a task says that this server does not hold any more is refused by its token.
"""

import asyncio
import contextlib
import logging
import threading

from actionhero.codec import encode_json
from actionhero.errors import StoreError
from actionhero.store.task_scripts import QueueScripts
from actionhero.workers.claims import Claim

INTERVAL = 0.25
_log = logging.getLogger("actionhero.tasks")


class ProgressLine:
    """The way of one lane."""

    def __init__(self, scripts: QueueScripts, server: str) -> None:
        self._scripts = scripts
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._latest: dict[bytes, tuple[str, bytes]] = {}
        self._next = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._sending: asyncio.Task[None] | None = None
        self._is_closed = False

    def tell(self, claim: Claim, fraction: float, note: str) -> None:
        """A running task has come so far. May be called from its thread."""
        text = encode_json({"fraction": fraction, "note": note})
        if threading.get_ident() == self._thread:
            self._take(claim, text)
        else:
            with contextlib.suppress(RuntimeError):  # a thread may go on when the loop is closed
                self._loop.call_soon_threadsafe(self._take, claim, text)

    async def aclose(self) -> None:
        """Send no more. A thread that goes on may still tell."""
        self._is_closed = True
        self._latest.clear()
        if self._timer is not None:
            self._timer.cancel()
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)

    def _take(self, claim: Claim, text: bytes) -> None:
        if self._is_closed:
            return
        claim.has_progress = True
        self._latest[claim.id] = (claim.token, text)
        if self._timer is None:
            self._timer = self._loop.call_at(self._next, self._flush)

    def _flush(self) -> None:
        self._next = self._loop.time() + INTERVAL
        if self._sending is not None and not self._sending.done():
            self._timer = self._loop.call_at(self._next, self._flush)
            return
        self._timer = None
        latest, self._latest = self._latest, {}
        self._sending = self._loop.create_task(self._send(latest))

    async def _send(self, latest: dict[bytes, tuple[str, bytes]]) -> None:
        try:
            await self._scripts.progress(self._server, latest)
        except StoreError as exc:
            _log.debug("progress not told: %s", exc)
