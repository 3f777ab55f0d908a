"""A server whose WebSocket gives back what it gets, texts and binary messages: what a test suite
of frames needs. All else is the real server's."""

from __future__ import annotations

import sys

import uvloop

from actionhero import App, Settings, server
from actionhero.protocols.frames import BINARY, Assembler, Frame, write_frame
from actionhero.protocols.http1 import UpgradeRequest
from actionhero.settings import (
    GeneralSettings,
    StoreSettings,
    TaskSettings,
    TcpSettings,
    WebSettings,
    WebSocketSettings,
)
from actionhero.transports.websocket import WebSocketEndpoint
from actionhero.transports.ws_link import Link
from actionhero.transports.ws_session import Session

_MOST = 64 * 1024 * 1024
"""Bytes of the largest message: the suite sends 16 MiB."""


class EchoSession(Session):
    """Gives every text back, as soon as it has come."""

    __slots__ = ()

    def greet(self) -> None:
        """Say nothing."""

    def take(self, text: bytes) -> None:
        self._framer.send(text)

    receive = take


class EchoLink(Link):
    """Takes binary messages, too."""

    __slots__ = ()
    session_type = EchoSession

    def _is_welcome(self, frame: Frame) -> bool:
        return True

    def _assemble(self, frame: Frame) -> None:
        assembler = self._assembler or Assembler(_MOST, self._deflate)
        message = assembler.add(frame)
        self._assembler = assembler if message is None else None
        if message is None:
            return
        opcode, content = message
        if opcode != BINARY:
            self.session.receive(content)
            return
        self._outbox.flush()
        if self._deflate is None:
            self._transport.write(write_frame(BINARY, content))
        else:
            self._transport.write(self._press(BINARY, content, self._deflate))


class EchoEndpoint(WebSocketEndpoint):
    """Has its connections echo."""

    def accept(self, request: UpgradeRequest, link_type: type[Link] = EchoLink) -> None:
        super().accept(request, EchoLink)


def main() -> None:
    """Serve on a port of the loopback interface until told to stop."""
    server.WebSocketEndpoint = EchoEndpoint  # type: ignore[attr-defined]
    settings = Settings(
        general=GeneralSettings(name="echo"),
        web=WebSettings(port=int(sys.argv[1])),
        websocket=WebSocketSettings(message_bytes=_MOST, outstanding_bytes=_MOST),
        tcp=TcpSettings(enabled=False),
        tasks=TaskSettings(enabled=False),
        store=StoreSettings(url="embedded::memory:"),
    )
    echo = server.Server(App("echo"), settings)
    uvloop.run(echo.run(lambda: print("ready", flush=True)))


if __name__ == "__main__":
    main()
