"""Letting another protocol have an HTTP connection (RFC 9110, 7.8)."""

import logging
from collections.abc import Callable

from actionhero.connections import new_id
from actionhero.errors import ActionHeroError, DrainingError, public_error
from actionhero.protocols.http1 import Request, UpgradeRequest
from actionhero.protocols.http1_fields import Headers, read_fields
from actionhero.transports.http_link import HttpLink
from actionhero.transports.http_state import HttpState

_log = logging.getLogger("actionhero.http")


def hand_over(
    state: HttpState,
    request: Request,
    head: bytes,
    link: HttpLink,
    on_lost: Callable[[], None],
) -> ActionHeroError | None:
    """Let the protocol that a request asks for have its connection; `head` is the request as
    bytes. What is to be answered over HTTP if it cannot, or will not; None if it has it now."""
    path, _, query = request.target.partition("?")
    try:
        if state.is_draining:
            raise DrainingError("the server is shutting down")
        asked = UpgradeRequest(
            transport=link.transport,
            path=path,
            words=read_fields(query) if query else {},
            headers=Headers(request.headers),
            head=head,
            peer=link.see_peer(request),
            request_id=new_id(),
            on_lost=on_lost,
        )
        state.upgrades[path](asked)
    except Exception as exc:
        if not isinstance(exc, ActionHeroError):
            _log.error("an upgrade failed", exc_info=exc)
        return public_error(exc)
    return None
