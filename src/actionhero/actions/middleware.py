"""Middleware as an onion: each layer runs around the next, the action at the core.

A middleware is `async def (invocation, proceed)`. What it awaits from `proceed()` is the action's
value; what it returns is the answer. It may refuse (raise `ActionError`), change the answer, or
answer without proceeding. Global layers are outside those of one action, in the order given.
"""

from collections.abc import Sequence
from typing import Any

from actionhero.actions.action import Handler, Invocation, Middleware


def wrap(core: Handler, layers: Sequence[Middleware]) -> Handler:
    """`core` inside all `layers`, the first one outermost."""
    handler = core
    for layer in reversed(layers):
        handler = _around(layer, handler)
    return handler


def _around(layer: Middleware, inner: Handler) -> Handler:
    async def handler(invocation: Invocation) -> Any:
        return await layer(invocation, lambda: inner(invocation))

    return handler
