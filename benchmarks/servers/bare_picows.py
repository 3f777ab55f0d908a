"""A bare WebSocket echo: picows on uvloop and nothing else. Ours is held against it."""

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


class Echo(WSListener):
    """Sends back what comes."""

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()
        else:
            transport.send(frame.msg_type, frame.get_payload_as_memoryview())


def accept(request: WSUpgradeRequest) -> WSListener:  # noqa: ARG001 (the library's signature)
    """Take any connection."""
    return Echo()


async def serve(port: int) -> None:
    """Serve on the loopback interface until the process is ended."""
    server = await ws_create_server(accept, "127.0.0.1", port)
    await asyncio.get_running_loop().create_future()
    server.close()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
