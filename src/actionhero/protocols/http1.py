"""HTTP/1.1 as messages: requests out of bytes, heads of replies into bytes.

A connection may be handed over to another protocol: see `UpgradeRequest`.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from msgspec import Struct

from actionhero.messages import Words


class UpgradeRequest(Struct, frozen=True):
    """A connection that asks to go on in another protocol.

    `transport` is the `asyncio.Transport`; it is reading, and all earlier requests are answered.
    `headers` has lower-case names, repeated ones joined by ", ". `head` is the request as bytes,
    with whatever came in after it. Call `on_lost` once, when the connection has ended.
    """

    transport: object
    path: str
    words: Words
    headers: Mapping[str, str]
    head: bytes
    peer: tuple[str, int]
    request_id: str
    on_lost: Callable[[], None]


Upgrade: TypeAlias = Callable[[UpgradeRequest], None]
"""Takes a connection over: sets its protocol on the transport and feeds it `head`.

To refuse, raise an `ActionHeroError` before touching the transport: it is answered over HTTP and
the connection closed.
"""
