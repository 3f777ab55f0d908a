"""The texts of all WebSocket connections on their way out: they leave together, at the end of a
turn of the loop.

A transport makes a system call of each write at once, and Python between two system calls finds the
processor's caches cold: sent one by one, a round trip took a third more.
"""

import asyncio
from typing import Protocol

_MOST = 500
"""Texts that wait for the end of the turn; one flood of messages may cause any number."""


class Sender(Protocol):
    """What can send a text at once."""

    def transmit(self, text: bytes) -> None: ...


class Outbox:
    """What waits for the end of the turn."""

    __slots__ = ("_loop", "texts")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.texts: list[tuple[Sender, bytes]] = []

    def add(self, sender: Sender, text: bytes) -> None:
        """Send `text` by the end of this turn, in the order of all that are added."""
        texts = self.texts
        if not texts:
            self._loop.call_soon(self.flush)
        texts.append((sender, text))
        if len(texts) > _MOST:
            self.flush()

    def flush(self) -> None:
        """Send all of them now."""
        texts, self.texts = self.texts, []
        for sender, text in texts:
            sender.transmit(text)
