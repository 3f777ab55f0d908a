"""A bare broadcast: picows on uvloop, which sends what one client says to all of them."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from picows import (
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_create_server,
)

_everybody: set[WSTransport] = set()


class Member(WSListener):
    """Hears what anybody says."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        _everybody.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        _everybody.discard(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
            return
        text = frame.get_payload_as_bytes()
        for member in _everybody:
            member.send(WSMsgType.TEXT, text)


def accept(request: WSUpgradeRequest) -> WSListener:  # noqa: ARG001 (the library's signature)
    """Take any connection."""
    return Member()


async def serve(port: int) -> None:
    """Serve on the loopback interface until the process is ended."""
    server = await ws_create_server(accept, "127.0.0.1", port)
    await asyncio.get_running_loop().create_future()
    server.close()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
