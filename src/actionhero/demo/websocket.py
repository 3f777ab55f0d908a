"""One action over WebSocket, for trying it from a shell:

python -m actionhero.demo.websocket ws://127.0.0.1:8080/ws hello name=Ada
"""

import asyncio
import sys
from collections.abc import Sequence

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from actionhero.codec import encode_json

_USAGE = "usage: python -m actionhero.demo.websocket URL ACTION [name=value ...]"


class Caller(WSListener):
    """Sends one message and prints what comes, until the answer to it; of a stream, all values."""

    def __init__(self, message: bytes) -> None:
        super().__init__()
        self._message = message

    def on_ws_connected(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT, self._message)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        text = frame.get_payload_as_bytes() if frame.msg_type == WSMsgType.TEXT else b""
        if text:
            sys.stdout.write(text.decode() + "\n")
        if b'"context":"response"' in text or frame.msg_type == WSMsgType.CLOSE:
            transport.send_close()
            transport.disconnect()


async def call(url: str, action: str, words: Sequence[str]) -> None:
    """Run `action` at `url` and print the greeting and the answer. Raises `OSError`."""
    params = dict(word.partition("=")[::2] for word in words)
    message = {"event": "action", "params": {"action": action, **params}, "messageId": 1}
    transport, _ = await ws_connect(lambda: Caller(encode_json(message)), url)
    await transport.wait_disconnected()


def main(args: Sequence[str]) -> int:
    """The exit code."""
    if len(args) < 2:
        sys.stderr.write(_USAGE + "\n")
        return 2
    try:
        asyncio.run(call(args[0], args[1], args[2:]))
    except OSError as exc:
        sys.stderr.write(f"error: cannot reach {args[0]}: {exc}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
