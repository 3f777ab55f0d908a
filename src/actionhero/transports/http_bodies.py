"""Who takes in the bodies that are not simply kept: forms of several parts, and packed ones.

It is asked at the head of such a request alone, before any of its body is read, so that what will
be refused is not sent. What an action takes is known by its target.
"""

from collections.abc import Callable, Mapping

from actionhero.actions.dispatch import Dispatcher
from actionhero.errors import ActionHeroError, UnsupportedMediaError
from actionhero.protocols.http1 import BodySink, Limits, is_multipart
from actionhero.protocols.http1_gzip import Gunzip
from actionhero.settings import WebSettings

_GZIP = frozenset((b"gzip", b"x-gzip"))
_AS_IT_IS = frozenset((b"", b"identity"))


class Space:
    """The bytes that all forms under way may still take on the disk together."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


class Bodies:
    """The bodies of one server's requests. `action_of` finds the action that a method and target
    mean; it raises an `ActionHeroError` if that is none."""

    def __init__(
        self,
        settings: WebSettings,
        limits: Limits,
        dispatcher: Dispatcher,
        action_of: Callable[[str, str], str],
    ) -> None:
        self._settings = settings
        self._limits = limits
        self._dispatcher = dispatcher
        self._action_of = action_of
        self._space = Space(settings.upload_space)

    def open(self, method: str, target: str, headers: Mapping[bytes, bytes]) -> BodySink | None:
        """A `SinkOpener`. Raises `UnsupportedMediaError` for what is not read."""
        try:
            action = self._action_of(method, target)
        except ActionHeroError:
            return None  # that will be the answer
        if self._dispatcher.takes_raw(action):
            return None
        coding = headers.get(b"content-encoding", b"").strip().lower()
        if coding not in _AS_IT_IS:
            return self._unpack(coding, headers)
        return self._open_form(action, headers) if is_multipart(headers) else None

    def _unpack(self, coding: bytes, headers: Mapping[bytes, bytes]) -> BodySink:
        if coding not in _GZIP or is_multipart(headers) or not self._settings.gzip_bodies:
            shown = coding.decode("latin-1")
            raise UnsupportedMediaError(
                f"a body with Content-Encoding {shown!r} is not read here; send it as it is"
            )
        return Gunzip(self._limits)

    def _open_form(self, action: str, headers: Mapping[bytes, bytes]) -> BodySink:
        from actionhero.transports.http_uploads import Bounds, Upload  # its library is seldom used

        settings = self._settings
        wanted = self._dispatcher.files_of(action)
        total = settings.upload_bytes if wanted else settings.body_bytes
        bounds = Bounds(total, settings.body_bytes, settings.upload_memory)
        return Upload(headers[b"content-type"], bounds, self._space, wanted)
