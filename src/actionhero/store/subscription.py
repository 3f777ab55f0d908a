"""Listening to channels (SUBSCRIBE), over a link of its own.

What is published while there is no connection is lost for this listener: that is what Valkey's
publish and subscribe gives. So a listener is told: after a reconnect, or when it read too slowly
and `MAX_UNREAD` messages piled up, it gets `GAP` in the place of what it may have missed.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from actionhero.errors import StoreError, StoreUnavailableError
from actionhero.store.dial import dial
from actionhero.store.link import Link

if TYPE_CHECKING:
    from actionhero.store.client import StoreClient

MAX_UNREAD = 10_000
_RETRY_EVERY = 0.5


class Published(NamedTuple):
    """One message. A `payload` of None is a gap: messages may have been missed."""

    channel: str
    payload: bytes | None


GAP = Published("", None)


class Subscription:
    """`async for channel, payload in subscription:` ends when it or its client is closed. Channels
    may come (`add`) and go (`remove`) meanwhile."""

    def __init__(self, client: "StoreClient", channels: Sequence[str], timeout: float) -> None:
        if not channels:
            raise ValueError("name at least one channel")
        self.channels = dict.fromkeys(channels)
        self.received = 0
        self._client = client
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._unread: deque[Published] = deque()
        self._arrived = asyncio.Event()
        self._confirmed: asyncio.Future[None] | None = None
        self._unconfirmed = 0
        self._adding: dict[str, deque[asyncio.Future[None]]] = {}
        self._link: Link | None = None
        self._returning: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def is_connected(self) -> bool:
        """Whether messages arrive at the moment."""
        return self._link is not None and self._link.lost is None

    async def start(self) -> None:
        """Connect and subscribe. Returns when every channel is confirmed."""
        self._link, _ = await dial(
            self._client.url,
            timeout=self._timeout,
            stall_timeout=self._timeout,
            on_lost=self._link_lost,
            on_push=self._take,
        )
        self._confirmed = self._loop.create_future()
        self._unconfirmed = len(self.channels)
        if not self.channels:
            self._confirmed.set_result(None)
            return
        # RESP3 confirms by a push for each channel and never answers the command itself.
        self._link.send_unanswered(("SUBSCRIBE", *self.channels))
        try:
            async with asyncio.timeout(self._timeout):
                await self._confirmed
        except TimeoutError:
            self._link.lose("the subscription was not confirmed")
            raise StoreUnavailableError("the subscription was not confirmed") from None

    async def add(self, channel: str) -> None:
        """Listen to one more. Returns when the store has confirmed it; what is published meanwhile
        arrives. Raises `StoreUnavailableError`; then the channel is not among them."""
        link = self._link
        if link is None or link.lost is not None:
            raise StoreUnavailableError("no connection for subscriptions")
        self.channels[channel] = None
        added: asyncio.Future[None] = self._loop.create_future()
        self._adding.setdefault(channel, deque()).append(added)
        link.send_unanswered(("SUBSCRIBE", channel))
        try:
            async with asyncio.timeout(self._timeout):
                await asyncio.shield(added)
        except (TimeoutError, StoreUnavailableError):
            self.channels.pop(channel, None)
            link.lose("a subscription was not confirmed")
            raise StoreUnavailableError("the subscription was not confirmed") from None

    def remove(self, channel: str) -> None:
        """Listen to it no more; what has arrived already is still given."""
        self.channels.pop(channel, None)
        if self._link is not None and self._link.lost is None:
            self._link.send_unanswered(("UNSUBSCRIBE", channel))

    def _take(self, push: list[Any]) -> None:
        kind = push[0]
        if kind == b"message":
            if len(self._unread) >= MAX_UNREAD:
                self._unread.clear()
                self._unread.append(GAP)
            self._unread.append(Published(push[1].decode(), push[2]))
            self.received += 1
            self._arrived.set()
        elif kind == b"subscribe":
            self._confirm(push[1].decode())

    def _confirm(self, channel: str) -> None:
        """The store answers in the order in which it was asked."""
        if self._unconfirmed:
            self._unconfirmed -= 1
            if not self._unconfirmed and self._confirmed is not None:
                _resolve(self._confirmed)
            return
        waiting = self._adding[channel]
        _resolve(waiting.popleft())
        if not waiting:
            del self._adding[channel]

    def _link_lost(self, link: Link, reason: str) -> None:
        adding, self._adding = self._adding, {}
        for added in (one for waiting in adding.values() for one in waiting):
            if not added.done():
                added.set_exception(StoreUnavailableError(reason))
                added.exception()  # whoever waited may be gone
        if self._confirmed is not None and not self._confirmed.done():
            self._confirmed.set_exception(StoreUnavailableError(reason))
        elif link is self._link and not self._is_closed:
            self._returning = self._loop.create_task(self._return())

    async def _return(self) -> None:
        while True:
            try:
                await self._client.wait_connected(3600)
                await self.start()
            except StoreError:
                await asyncio.sleep(_RETRY_EVERY)
            else:
                break
        self._unread.append(GAP)
        self._arrived.set()

    def __aiter__(self) -> "Subscription":
        return self

    async def __anext__(self) -> Published:
        while not self._unread:
            if self._is_closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._unread.popleft()

    async def aclose(self) -> None:
        """Stop listening; the iteration ends after what has already arrived."""
        self._is_closed = True
        self._arrived.set()
        self._client.forget(self)
        if self._returning is not None:
            self._returning.cancel()
            await asyncio.gather(self._returning, return_exceptions=True)
        if self._link is not None:
            self._link.lose("the subscription was closed")


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
