"""This server among those with members in rooms.

Rules
- It says that it lives three times in its lease. Whoever does so learns which are dead, and takes
  their members out of their rooms: so these have left within two leases.
- Before a room gets its first member of a server, it is written into that server's list, so that
  nothing is ever forgotten.
- A server whose time had run out, whose entry is gone (an emptied store), or that is not sure what
  the store has carried out of what it asked goes on by another name: it lets its members in again
  under that, and the old name is dead. So nobody can mistake the one for the other.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence

from actionhero.background import end_task
from actionhero.errors import StoreError
from actionhero.rooms.rules import RuleBook
from actionhero.store.room_scripts import RoomScripts

_log = logging.getLogger("actionhero.rooms")


class Presence:
    """The lease of one process. `return_members` lets all of them in under a new name; `occupied`
    tells the rooms where it has any."""

    def __init__(
        self,
        scripts: RoomScripts,
        book: RuleBook,
        server: str,
        lease: float,
        return_members: Callable[[], Awaitable[None]],
        occupied: Callable[[], set[str]],
    ) -> None:
        self._scripts = scripts
        self._book = book
        self._server = server
        self._lease = lease
        self._return_members = return_members
        self._occupied = occupied
        self._number = 0
        self._is_new = True
        self._is_uncertain = False
        self._entered: set[str] = set()
        self._beaten_at = 0.0
        self._nudged = asyncio.Event()
        self._beating: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()

    @property
    def name(self) -> str:
        """By which the store knows this server's members."""
        return f"{self._server}#{self._number}"

    async def start(self) -> None:
        """Live from now on; with a store that is away, when it is back."""
        if self._beating is None:
            self._beating = asyncio.create_task(self._beat_forever(), name="rooms lease")
            with contextlib.suppress(StoreError):
                await self._beat()

    async def aclose(self) -> None:
        """Live no more, and take what is left out of the rooms; a store that is away learns it by
        the lease."""
        if self._beating is None:
            return
        await end_task(self._beating)
        self._beating = None
        with contextlib.suppress(StoreError):
            await self._scripts.beat(self.name, 0, is_new=True)
            await self._reap(self.name)

    def nudge(self) -> None:
        """Look now: the store may be another, or another run of it."""
        self._nudged.set()

    def doubt(self) -> None:
        """What the store has of this server's members is not certain any more."""
        self._is_uncertain = True
        self.nudge()

    async def enter(self, room: str) -> None:
        """Before members join a room. Raises `StoreError`."""
        await self.start()
        if asyncio.get_running_loop().time() - self._beaten_at > self._lease:
            await self._beat()  # this process stood still
        if room not in self._entered:
            await self.enter_all([room])

    async def enter_all(self, rooms: Sequence[str]) -> None:
        """The same for several rooms, while it is known that this server lives."""
        self._entered.update(rooms)
        try:
            await self._scripts.enter(self.name, 0, rooms)
        except StoreError:
            self._entered.difference_update(rooms)
            raise

    @property
    def _milliseconds(self) -> int:
        return round(self._lease * 1000)

    async def _beat_forever(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._lease / 3):
                    await self._nudged.wait()
            self._nudged.clear()
            try:
                await self._beat()
                await self._tidy()
            except StoreError:
                await asyncio.sleep(min(1.0, self._lease / 10))
                self._nudged.set()
            except Exception:
                _log.exception("this server could not say that its members are in their rooms")

    async def _beat(self) -> None:
        async with self._turn:
            began = asyncio.get_running_loop().time()
            lives, dead = await self._scripts.beat(
                self.name, self._milliseconds, is_new=self._is_new
            )
            if self._is_new or not lives or self._is_uncertain:
                await self._begin(is_first=self._is_new and not self._is_uncertain)
            self._beaten_at = began
        for name in dead:
            if name != self.name:
                await self._reap(name)

    async def _begin(self, *, is_first: bool) -> None:
        """Let all members in, under another name but for the first time. What fails half-way is
        begun again under yet another."""
        old, rooms = self.name, sorted(self._entered)
        if not is_first:
            self._is_new = True
            self._number += 1
            self._entered.clear()
            await self._scripts.beat(self.name, self._milliseconds, is_new=True)
        self._is_uncertain = False
        try:
            await self._return_members()
        except StoreError:
            self._is_uncertain = True
            raise
        self._is_new = False
        if not is_first:
            await self._scripts.beat(old, 0, is_new=True)
            await self._scripts.enter(old, 0, rooms)
            await self._reap(old)

    async def _tidy(self) -> None:
        """Take rooms that have no members here off the list."""
        empty = self._entered - self._occupied()
        if empty:
            self._entered -= empty
            await self._scripts.bury(self.name, sorted(empty))

    async def _reap(self, name: str) -> None:
        """Take the members of a dead server out of its rooms."""
        while rooms := await self._scripts.rooms_of(name):
            await asyncio.gather(
                *(self._scripts.clear(room, name, self._book.rules(room).keep) for room in rooms)
            )
            await self._scripts.bury(name, rooms)
        await self._scripts.bury(name, ())
