"""WebSocket at `/primus`, for `ActionheroWebsocketClient.js`: the same messages, in Primus's form.

Primus's signs of life are messages of its own, since a page cannot send WebSocket's own pings.
"""

from actionhero.messages import Push
from actionhero.protocols.frames import NORMAL
from actionhero.protocols.primus import LAST_WORD, answer_control, is_control, ping, translate
from actionhero.transports.starter import Rest
from actionhero.transports.ws_link import Link
from actionhero.transports.ws_session import Session


class PrimusSession(Session):
    """What a client of Primus says, and what it is told."""

    __slots__ = ()

    def _begin(self, text: bytes) -> Rest | None:
        if not is_control(text):
            return super()._begin(text)
        answer = answer_control(text, self.connection.id)
        if answer is not None:
            self._framer.send(answer)
        return None

    def end(self, code: int, reason: str) -> None:
        if code == NORMAL:  # the client asked; without this word it would come back
            self._framer.send(LAST_WORD)
        super().end(code, reason)


class PrimusLink(Link):
    """One connection of Primus."""

    __slots__ = ()
    session_type = PrimusSession

    def send(self, text: bytes) -> None:
        super().send(translate(text))

    def send_value(self, text: bytes) -> None:
        super().send_value(translate(text))

    def hear(self, push: Push) -> bool:
        return super().hear(Push(push.form("primus", translate)))

    def ask_for_life(self) -> None:
        super().send(ping())
