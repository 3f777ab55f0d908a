"""The one client of the store.

Rules
- Ordinary commands share one link and are pipelined by themselves: what is asked in one turn of
  the loop goes out in one write.
- Fail fast. While there is no connection, and when too much waits already, a command fails at once
  with `StoreUnavailableError`. When the connection breaks, what was under way fails with
  `maybe_done=True`: it may have been carried out. Nothing is sent twice by the client.
- The client reconnects by itself, for ever, with jittered backoff. Each loss and each return is
  logged once.
- A command that blocks in the store (BLPOP, XREAD …) would hold up everyone behind it, so it goes
  over a link of its own. So does a subscription.
- A command slower than `command_timeout` (a long Lua script too) counts as a lost connection.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable

from actionhero.errors import StoreUnavailableError
from actionhero.store.blocking import BlockingLinks
from actionhero.store.dial import Engine, dial
from actionhero.store.link import Arg, Command, Link, Reply, Waiter
from actionhero.store.subscription import Subscription
from actionhero.store.url import StoreUrl, parse_store_url

__all__ = ["Arg", "Command", "Reply", "StoreClient"]

_log = logging.getLogger("actionhero.store")
_FIRST_DELAY = 0.05
_LONGEST_DELAY = 2.0
_ATTEMPT_TIMEOUT = 5.0
_FIRST_ATTEMPT = 1.0
"""Seconds that the very first attempt may take; then it is said that we wait."""

Hook = Callable[[], Awaitable[None]]
ReconnectHook = Callable[[], Awaitable[StoreUrl | None]]
"""May give another URL: where the store is now."""


class StoreClient:
    """A connection to the store that heals itself. Made by `StoreClient.connect` or `open_store`;
    belongs to the event loop it was made in."""

    def __init__(
        self,
        url: StoreUrl,
        *,
        on_reconnect: ReconnectHook | None = None,
        command_timeout: float = 5.0,
    ) -> None:
        self.url = url
        self.engine: Engine | None = None
        self.reconnects = 0
        self._loop = asyncio.get_running_loop()
        self._on_reconnect = on_reconnect
        self._on_close: list[Hook] = []
        self._command_timeout = command_timeout
        self._link: Link | None = None
        self._why_not = "it is not connected yet"
        self._connected = asyncio.Event()
        self._reconnecting: asyncio.Task[None] | None = None
        self._is_closed = False
        self._blocking = BlockingLinks(self._dial_blocking, command_timeout)
        self._subscriptions: set[Subscription] = set()

    @classmethod
    async def connect(
        cls,
        url: StoreUrl | str,
        *,
        on_reconnect: ReconnectHook | None = None,
        command_timeout: float = 5.0,
        connect_timeout: float = 10.0,
    ) -> "StoreClient":
        """A client that is connected. Tries for `connect_timeout` seconds (a store may start
        together with us), and says so when the first attempt failed.

        `on_reconnect` is awaited before each attempt but the first, so that whoever runs the store
        can start it again. Raises `StoreUnavailableError` if nobody answers, `StoreEngineError` for
        an engine we refuse, `StoreReplyError` for credentials the store refuses.
        """
        client = cls(
            parse_store_url(url) if isinstance(url, str) else url,
            on_reconnect=on_reconnect,
            command_timeout=command_timeout,
        )
        await client._connect_first(connect_timeout)
        return client

    # asking

    def execute(self, *command: Arg) -> "asyncio.Future[Reply]":
        """Ask for one command; await what it returns for the reply.

        Raises `StoreUnavailableError` at once if there is no connection; the future raises it if
        the connection breaks, and `StoreReplyError` if the store answers with an error.
        """
        link = self._link
        if link is None:
            raise StoreUnavailableError(self._refusal)
        return link.send(command)

    def execute_packed(self, packed: bytes, waiter: Waiter) -> None:
        """Ask at once by a packed command; `waiter` is told the reply. Raises as `execute`."""
        link = self._link
        if link is None:
            raise StoreUnavailableError(self._refusal)
        link.send_packed(packed, waiter)

    def flush(self) -> None:
        """Send at once what would go out at the end of this turn of the loop."""
        if self._link is not None:
            self._link.flush()

    def execute_many(self, commands: Iterable[Command]) -> "asyncio.Future[list[Reply]]":
        """Ask for several commands in one write; await it for all replies, in order.

        An error reply is one of the replies and is not raised. Not a transaction: other callers'
        commands may come between.
        """
        link = self._link
        if link is None:
            raise StoreUnavailableError(self._refusal)
        return link.send_many(list(commands))

    async def now(self) -> int:
        """The store's time, in milliseconds since the epoch. Raises what `execute` raises."""
        seconds, micros = await self.execute("TIME")
        return int(seconds) * 1000 + int(micros) // 1000

    async def execute_blocking(self, *command: Arg, timeout: float) -> Reply:
        """Ask for a command that blocks in the store, over a link of its own.

        `timeout` is how many seconds the command may block, and should be what the command itself
        was told; the reply is awaited `command_timeout` longer. When the caller is cancelled, the
        link is dropped: an element that the store popped in that same moment is lost with it, so
        let only wake-ups depend on a blocking pop.
        """
        if self._link is None:
            raise StoreUnavailableError(self._refusal)
        return await self._blocking.execute(command, timeout)

    async def subscribe(self, *channels: str) -> Subscription:
        """Listen to `channels`. Returns when the store has confirmed them."""
        if self._link is None:
            raise StoreUnavailableError(self._refusal)
        subscription = Subscription(self, channels, self._command_timeout)
        self._subscriptions.add(subscription)
        try:
            await subscription.start()
        except BaseException:
            await subscription.aclose()
            raise
        return subscription

    @property
    def is_connected(self) -> bool:
        return self._link is not None

    @property
    def commands_answered(self) -> int:
        """How many commands the current connection has answered."""
        return 0 if self._link is None else self._link.answered

    async def wait_connected(self, timeout: float) -> None:
        """Return as soon as there is a connection. Raises `StoreUnavailableError` after `timeout`
        seconds without one, and at once if the client was closed."""
        try:
            async with asyncio.timeout(timeout):
                await self._connected.wait()
        except TimeoutError:
            raise StoreUnavailableError(self._refusal) from None
        if self._is_closed:
            raise StoreUnavailableError(self._refusal)

    def call_at_close(self, hook: Hook) -> None:
        """Have `hook` awaited at the end of `aclose`, last come first."""
        self._on_close.append(hook)

    async def aclose(self) -> None:
        """Close every connection. Commands that still wait fail."""
        if self._is_closed:
            return
        self._is_closed = True
        self._why_not = "the client was closed"
        self._connected.set()
        if self._reconnecting is not None:
            self._reconnecting.cancel()
            await asyncio.gather(self._reconnecting, return_exceptions=True)
        for subscription in list(self._subscriptions):
            await subscription.aclose()
        self._blocking.close()
        if self._link is not None:
            self._link.lose("the client was closed")
        for hook in reversed(self._on_close):
            await hook()

    # coming and going

    @property
    def _refusal(self) -> str:
        return f"no connection to the store at {self.url.masked()}: {self._why_not}"

    async def _connect_first(self, timeout: float) -> None:
        deadline = self._loop.time() + timeout
        patience = _FIRST_ATTEMPT
        for delay in _delays():
            left = deadline - self._loop.time()
            try:
                await self._dial_shared(max(0.05, min(left, patience)))
            except StoreUnavailableError as error:
                if self._loop.time() + delay >= deadline:
                    raise
                if patience == _FIRST_ATTEMPT:
                    _log.warning("%s; waiting for it, up to %.3g s", error, timeout)
                patience = _ATTEMPT_TIMEOUT
                await asyncio.sleep(delay)
                await self._call_hook()
            else:
                return

    async def _call_hook(self) -> None:
        if self._on_reconnect is not None:
            self.url = await self._on_reconnect() or self.url

    async def _dial_shared(self, timeout: float) -> None:
        link, self.engine = await dial(
            self.url,
            timeout=timeout,
            stall_timeout=self._command_timeout,
            on_lost=self._link_lost,
        )
        self._link = link
        self._connected.set()
        if self.engine.eviction != "noeviction":
            _log.warning(
                "the store throws data away when its memory is full (maxmemory-policy is %s); "
                "set it to noeviction",
                self.engine.eviction,
            )

    def _link_lost(self, link: Link, reason: str) -> None:
        if link is not self._link:
            return
        self._link = None
        if self._is_closed:
            return
        self._why_not = reason
        self._connected.clear()
        _log.warning("lost the store at %s: %s", self.url.masked(), reason)
        self._reconnecting = self._loop.create_task(self._reconnect())

    async def _reconnect(self) -> None:
        began = self._loop.time()
        await asyncio.sleep(random.uniform(0, _FIRST_DELAY) if self._on_reconnect is None else 0)  # noqa: S311 - not a secret
        for delay in _delays():
            if await self._come_back():
                self.reconnects += 1
                _log.info("the store is back after %.2f s", self._loop.time() - began)
                return
            await asyncio.sleep(delay)

    async def _come_back(self) -> bool:
        try:
            await self._call_hook()
            await self._dial_shared(_ATTEMPT_TIMEOUT)
        except StoreUnavailableError as error:
            self._why_not = str(error)
            return False
        except Exception as error:
            # Not a passing matter, but the operator may mend it at any time: say it and try on.
            if str(error) != self._why_not:
                _log.error("the store does not come back: %s", error)
            self._why_not = str(error)
            return False
        return True

    async def _dial_blocking(self) -> Link:
        link, _ = await dial(
            self.url, timeout=_ATTEMPT_TIMEOUT, stall_timeout=self._command_timeout
        )
        return link

    def forget(self, subscription: Subscription) -> None:
        """A subscription tells that it is closed."""
        self._subscriptions.discard(subscription)


def _delays() -> Iterable[float]:
    """Seconds to wait between attempts: growing, jittered, without end."""
    longest = _FIRST_DELAY
    while True:
        yield random.uniform(longest / 2, longest)  # noqa: S311 - not a secret
        longest = min(longest * 2, _LONGEST_DELAY)
