"""Calls between servers: a message on the channel of one or of all, and a reply on the caller's.

Rules
- Only what is registered is called, with typed inputs; all else is an error in the reply.
- A server runs at most `MOST` calls at once, and refuses more.
- Messages that are lost with a connection are not sent again: the caller is told "timeout", and
  knows whether to call again.
"""

import asyncio
import itertools
import logging
import secrets
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import msgspec
from msgspec import Raw

from actionhero.codec import encode_json
from actionhero.errors import (
    ActionHeroError,
    StoreError,
    TooLargeError,
    TooManyRequestsError,
    UnknownFunctionError,
)
from actionhero.peers.functions import Functions
from actionhero.peers.peer import Message, PeerEvent

if TYPE_CHECKING:
    from actionhero.store.client import StoreClient
    from actionhero.store.keys import Keys
    from actionhero.store.subscription import Subscription

MOST = 100
MESSAGE_BYTES = 1024 * 1024
"""The largest call or reply."""
_log = logging.getLogger("actionhero.peers")
_decode = msgspec.json.Decoder(Message).decode


class Calls:
    """What this process asks others, and what others ask of it (`functions`, if it serves)."""

    def __init__(self, store: "StoreClient", keys: "Keys", server: str) -> None:
        self._store = store
        self._keys = keys
        self._server = server
        self._functions: Functions | None = None
        self._subscription: Subscription | None = None
        self._reading: asyncio.Task[None] | None = None
        self._opening = asyncio.Lock()
        self._running: set[asyncio.Task[None]] = set()
        self._waiting: dict[str, asyncio.Queue[Message]] = {}
        self._watchers: set[asyncio.Queue[PeerEvent]] = set()
        self._prefix = secrets.token_hex(6)
        self._numbers = itertools.count(1)

    async def open(self, functions: Functions | None = None) -> None:
        """Listen. With `functions`, others may call these."""
        async with self._opening:
            self._functions = functions or self._functions
            if self._subscription is None:
                channels = self._keys.peer_channel(), self._keys.peer_channel(self._server)
                self._subscription = await self._store.subscribe(*channels)
                self._reading = asyncio.create_task(self._read(), name="peer messages")

    async def aclose(self) -> None:
        """Listen no more; what runs for others is cancelled."""
        if self._subscription is not None:
            await self._subscription.aclose()
        if self._reading is not None:
            await self._reading
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def ask(
        self, server: str, name: str, args: bytes, replies: int, seconds: float
    ) -> list[Message]:
        """Call on one server (or on all, `""`); up to so many replies, that came in time."""
        await self.open()
        id = f"{self._prefix}-{next(self._numbers)}"
        queue = self._waiting[id] = asyncio.Queue()
        reply_to = self._keys.peer_channel(self._server)
        message = Message("call", id=id, name=name, args=Raw(args), reply_to=reply_to)
        found: list[Message] = []
        try:
            await self._send(self._keys.peer_channel(server), message)
            async with asyncio.timeout(seconds):
                while len(found) < replies:
                    found.append(await queue.get())
        except TimeoutError:
            pass
        finally:
            del self._waiting[id]
        return found

    async def watch(self) -> AsyncIterator[PeerEvent]:
        """Who comes and goes, from now on."""
        queue: asyncio.Queue[PeerEvent] = asyncio.Queue()
        self._watchers.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._watchers.discard(queue)

    async def _send(self, channel: str, message: Message) -> None:
        text = encode_json(message)
        if len(text) > MESSAGE_BYTES:
            raise TooLargeError(
                f"a call of {message.name!r} has {len(text):,} bytes; at most {MESSAGE_BYTES:,} go"
            )
        await self._store.execute("PUBLISH", channel, text)

    async def _read(self) -> None:
        subscription = self._subscription
        if subscription is None:
            return
        async for _, payload in subscription:
            if payload is None:
                continue  # calls whose replies were missed end with their time
            try:
                self._take(_decode(payload))
            except (msgspec.MsgspecError, UnicodeDecodeError):
                _log.warning("a message of another server cannot be read: %.100r", payload)

    def _take(self, message: Message) -> None:
        match message.kind:
            case "reply":
                if queue := self._waiting.get(message.id):
                    queue.put_nowait(message)
            case "call":
                if self._functions is not None:
                    task = asyncio.create_task(self._answer(message), name="peer call")
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)
            case "joined" | "left":
                server = message.peer.id if message.peer else message.server
                for watcher in self._watchers:
                    watcher.put_nowait(PeerEvent(message.kind, server, message.peer))

    async def _answer(self, call: Message) -> None:
        reply = Message("reply", id=call.id, server=self._server)
        try:
            reply.value = Raw(await self._run(call))
        except ActionHeroError as exc:
            reply.error = {"code": exc.code, "message": exc.message}
        except Exception as exc:
            _log.exception("a peer's call of %s failed", call.name)
            reply.error = {"code": "internal_error", "message": f"{type(exc).__name__}: {exc}"}
        try:
            await self._send(call.reply_to, reply)
        except StoreError:
            _log.warning("the answer to a peer's call of %s could not be sent", call.name)

    async def _run(self, call: Message) -> bytes:
        if self._functions is None or call.name not in self._functions.names:
            raise UnknownFunctionError(f"no function {call.name!r} is registered for peers")
        if len(self._running) > MOST:
            raise TooManyRequestsError("too many calls of peers run here", retry_after=1.0)
        value = encode_json(await self._functions.call(call.name, bytes(call.args)))
        if len(value) > MESSAGE_BYTES - 1000:
            raise TooLargeError(f"the value of {call.name!r} has {len(value):,} bytes")
        return value
