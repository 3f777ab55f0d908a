"""What Primus 8 says beside the messages: how `ActionheroWebsocketClient.js` is spoken to.

Control messages are JSON strings that begin with `primus::`. The server asks for a sign of life by
`primus::ping::` and the time, which the client gives back with `pong`; a client that asks for its
id gets it; and before a close after which it is not to come back, it is told so.
"""

import time
from typing import Any

from actionhero.codec import decode_json, encode_json

PATH = "/primus"
LAST_WORD = b'"primus::server::close"'
_CONTROL = b'"primus::'
_ASKS_ID = b'"primus::id::'
_ERROR = b'{"error":{'
_SEPARATORS = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))


def describe(ping_interval: float) -> dict[str, Any]:
    """What `GET /primus/spec` answers; seconds between two pings."""
    return {
        "pingInterval": round(ping_interval * 1000),
        "pathname": PATH,
        "version": "8.0.9",
        "parser": "json",
        "transformer": "websockets",
    }


def is_control(text: bytes) -> bool:
    """Whether a text is Primus's own, and no message."""
    return text.startswith(_CONTROL)


def answer_control(text: bytes, id: str) -> bytes | None:
    """What a control message is answered for the connection `id`, if anything."""
    return encode_json(f"primus::id::{id}") if text.startswith(_ASKS_ID) else None


def ping() -> bytes:
    """Asks for a sign of life."""
    return b'"primus::ping::%d"' % round(time.time() * 1000)


def translate(text: bytes) -> bytes:
    """A message of ours in Primus's form: `error` is a string, and the two separators of lines that
    JavaScript once did not take within a string are escaped."""
    for sign, escaped in _SEPARATORS:
        if sign in text:
            text = text.replace(sign, escaped)
    if not text.startswith(_ERROR):
        return text
    told = decode_json(text)
    told["error"] = f"Error: {told['error']['message']}"
    return encode_json(told)
