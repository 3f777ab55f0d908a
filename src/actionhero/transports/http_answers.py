"""From a request to its answer: which action, file or probe it means, and what came of it.

`/api/<action>` and the declared routes below `/api` run actions; `/public/...` are files; the
probes (`/healthz`, …) have paths of their own; `/` shows the way. Every error is answered as
problem details, and only those of our tree are shown to the client.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Container, Coroutine, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from msgspec import structs

from actionhero.actions.dispatch import Dispatcher
from actionhero.actions.routes import Match, Routes
from actionhero.actions.streams import Stream
from actionhero.codec import encode_json
from actionhero.connections import Connection, FileReply
from actionhero.errors import (
    ActionHeroError,
    HttpProtocolError,
    MethodNotAllowedError,
    NotFoundError,
    UnknownActionError,
    public_error,
)
from actionhero.messages import Call, Reply, Words
from actionhero.protocols.http1 import METHODS, Limits, Peer, Request
from actionhero.protocols.http1_fields import (
    JSON,
    read_content_type,
    read_fields,
    read_form,
    read_path,
)
from actionhero.protocols.http1_origins import Origins
from actionhero.protocols.http1_replies import NO_TYPE, Answer, problem
from actionhero.settings import WebSettings
from actionhero.transports.http_bodies import Bodies
from actionhero.transports.http_events import StreamAnswer
from actionhero.transports.http_files import FileAnswer, StaticFiles
from actionhero.transports.http_packing import LARGEST, codings
from actionhero.transports.http_replies import (
    RequestConnection,
    choose_coding,
    shape,
    show,
)
from actionhero.uploads import RawBody

if TYPE_CHECKING:
    from actionhero.transports.http_uploads import Upload

Probe: TypeAlias = Callable[[], tuple[int, object]]
AnyAnswer: TypeAlias = Answer | FileAnswer | StreamAnswer

_READING = ("GET", "HEAD", "OPTIONS")
_WELCOME = {
    "message": "An ActionHero server. Its actions answer at /api/<name>.",
    "files": "Put an index.html into the public folder and it is shown here.",
}
_log = logging.getLogger("actionhero.http")


class Answers:
    """Answers the requests of one server. `upgrades` are the paths of other protocols; replies of
    actions are compressed from `packs_from` bytes on."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        routes: Routes,
        files: StaticFiles,
        *,
        probes: Mapping[str, Probe],
        upgrades: Container[str],
        origins: Origins | None = None,
        packs_from: int = sys.maxsize,
    ) -> None:
        self._dispatcher = dispatcher
        self._routes = routes
        self._files = files
        self._probes = probes
        self._upgrades = upgrades
        self._origins = origins
        self._packs_from = packs_from
        self._fixed = {
            (method, f"/api{path}"): match
            for (method, path), match in routes.fixed.items()
            if origins is None or method != "OPTIONS"  # a preflight is no action's
        }
        names = {match.action for match in routes.fixed.values()}
        self._unseen = frozenset(name for name in names if not dispatcher.sees_connection(name))
        self._nobody = Connection("http", max_pending=sys.maxsize)
        self._raw = frozenset(name for name in names if dispatcher.takes_raw(name))
        self._read_call = self._read_any if self._raw else read_call

    def begin(
        self, request: Request, peer: Peer, request_id: str
    ) -> Answer | Coroutine[Any, Any, AnyAnswer]:
        """Answer one request, at once or by what is to be awaited in the same task. Neither
        raises anything but cancellation."""
        path, _, query = request.target.partition("?")
        match = self._fixed.get((request.method, path))
        try:
            if match is None:
                other = self._begin_other(request, path, request_id)
                if other is not None:
                    return other
                match = self._routes.match(request.method, path[4:])
            words = read_fields(query) if query else {}
            if request.sink is not None:
                return self._answer_form(request, peer, match, words, request_id)
            if request.body or match.words or "apiVersion" in words:
                call = self._read_call(request, match, words, request_id)
            else:
                call = Call(match.action, words, None, match.version, request_id, request.headers)
            unseen = match.action in self._unseen  # then one connection serves for all of them
            connection = self._nobody if unseen else RequestConnection(request, peer)
            reply = self._dispatcher.begin(call, connection)
            if isinstance(reply, Reply):
                if connection.reply_file is not None:
                    return self._show(reply, request, connection, request_id)
                answer = show(reply, connection, request_id)
                is_small = len(answer.body) < self._packs_from
                return answer if is_small else self._pack(answer, request)
            return self._answer_later(reply, request, connection, request_id)
        except Exception as exc:
            return _refuse(exc, request, request_id)

    async def _answer_later(
        self,
        coming: Awaitable[Reply],
        request: Request,
        connection: Connection,
        request_id: str,
    ) -> AnyAnswer:
        """The answer of an action that waits."""
        try:
            reply = await coming
            if isinstance(reply.value, Stream):
                return StreamAnswer(reply.value, connection)
            shown = self._show(reply, request, connection, request_id)
        except Exception as exc:
            return _refuse(exc, request, request_id)
        return shown if isinstance(shown, Answer) else await shown

    def _show(
        self, reply: Reply, request: Request, connection: Connection, request_id: str
    ) -> Answer | Coroutine[Any, Any, AnyAnswer]:
        """What an action answered: at once, or a file, or something to be compressed first."""
        if connection.reply_file is not None and reply.error is None:
            return self._send_file(connection.reply_file, request, connection, request_id)
        answer = show(reply, connection, request_id)
        return answer if len(answer.body) < self._packs_from else self._pack(answer, request)

    def _pack(self, answer: Answer, request: Request) -> Answer | Coroutine[Any, Any, Answer]:
        """A long answer: at once, or to be compressed first."""
        if len(answer.body) > LARGEST:
            return answer
        answer, coding = choose_coding(answer, request)
        return _compress(answer, coding) if coding else answer

    def bodies_for(self, settings: WebSettings, limits: Limits) -> Bodies:
        """Who takes in bodies that are not simply kept."""
        return Bodies(settings, limits, self._dispatcher, self.action_of)

    def action_of(self, method: str, target: str) -> str:
        """The action that a target means. Raises an `ActionHeroError` if there is none."""
        path = target.partition("?")[0]
        match = self._fixed.get((method, path))
        if match is None:
            if not path.startswith("/api/"):
                raise NotFoundError(f"there is no action at {path}")
            match = self._routes.match(method, path[4:])
        return match.action

    def _read_any(self, request: Request, match: Match, words: Words, request_id: str) -> Call:
        """A call of any action, of one that takes the body as it is, too."""
        if match.action not in self._raw:
            return read_call(request, match, words, request_id)
        kind = request.headers.get(b"content-type", b"").decode("latin-1")
        content = RawBody(request.body or b"", kind)
        call = read_call(structs.replace(request, body=None), match, words, request_id)
        return structs.replace(call, content=content)

    async def _answer_form(
        self, request: Request, peer: Peer, match: Match, words: Words, request_id: str
    ) -> AnyAnswer:
        """The answer to a form of several parts; its fields win over the query."""
        form = cast("Upload", request.sink)
        try:
            await form.wait_stored()
            words.update(form.fields)
            call = read_call(request, match, words, request_id)
            call = structs.replace(call, content=form.files)
            connection = RequestConnection(request, peer)
        except Exception as exc:
            return _refuse(exc, request, request_id)
        coming = self._dispatcher.dispatch(call, connection)
        return await self._answer_later(coming, request, connection, request_id)

    async def _send_file(
        self, file: FileReply, request: Request, connection: Connection, request_id: str
    ) -> AnyAnswer:
        try:
            answer = await self._files.answer_reply(request, file)
        except Exception as exc:
            return _refuse(exc, request, request_id)
        if connection.reply_headers is None:
            return answer
        if isinstance(answer, Answer):
            return shape(answer, connection)
        return FileAnswer(shape(answer.start, connection), answer.rest)

    def _begin_other(
        self, request: Request, path: str, request_id: str
    ) -> Answer | Coroutine[Any, Any, AnyAnswer] | None:
        """The answer to what means no action; None if it may mean one."""
        if request.method == "OPTIONS" and self._origins is not None:
            allowed = self._origins.preflight(request.headers)
            if allowed:
                return Answer(204, fields=allowed)
        return None if path.startswith("/api/") else self._answer_other(request, path, request_id)

    async def _answer_other(self, request: Request, path: str, request_id: str) -> AnyAnswer:
        """The answer to what means no action."""
        try:
            return await self._find_other(request, path, request_id)
        except Exception as exc:
            return _refuse(exc, request, request_id)

    async def _find_other(self, request: Request, path: str, request_id: str) -> AnyAnswer:
        if path.startswith("/public/"):
            _only_reading(request)
            return await self._files.answer(request, read_path(path[len("/public/") :]))
        probe = self._probes.get(path)
        if probe is not None:
            _only_reading(request)
            status, value = probe()
            later = (("Retry-After", "1"),) if status == 503 else ()
            return Answer(status, encode_json(value), fields=later)
        if path == "/":
            _only_reading(request)
            return await self._welcome()
        if path == "/public":
            return Answer(308, content_type=NO_TYPE, fields=(("Location", "/public/"),))
        if path in self._upgrades:
            return self._ask_to_upgrade(path, request_id)
        if path == "*":
            return _allow(METHODS)
        if path == "/api":
            raise UnknownActionError("no action is named; use /api/<name>")
        raise NotFoundError(f"there is nothing at {path}; actions are at /api/<name>")

    async def _welcome(self) -> Answer:
        if await self._files.has_index():
            return Answer(302, content_type=NO_TYPE, fields=(("Location", "/public/"),))
        return Answer(200, encode_json(_WELCOME))

    def _ask_to_upgrade(self, path: str, request_id: str) -> Answer:
        error = HttpProtocolError(f"{path} speaks WebSocket; connect with a WebSocket client", 426)
        return problem(error, request_id)


def read_call(request: Request, match: Match, words: Words, request_id: str) -> Call:
    """A call with inputs from several places. Where a name is given more than once, the path
    wins over the form and the form over the query (whose `words` these are)."""
    body = request.body or None
    if body and read_content_type(request.headers.get(b"content-type")) != JSON:
        words.update(read_form(body))
        body = None
    version = match.version
    if "apiVersion" in words:
        asked = words.pop("apiVersion")
        version = asked if isinstance(asked, str) else asked[-1]
    words.update(match.words)
    return Call(match.action, words, body, version, request_id, request.headers)


async def _compress(answer: Answer, coding: str) -> Answer:
    compress = partial(codings()[coding], answer.body)
    body = await asyncio.get_running_loop().run_in_executor(None, compress)
    return structs.replace(answer, body=body)


def _refuse(exc: Exception, request: Request, request_id: str) -> Answer:
    """The answer to a request that raised `exc`."""
    if isinstance(exc, MethodNotAllowedError) and request.method == "OPTIONS":
        return _allow(exc.allow)
    if not isinstance(exc, ActionHeroError):
        path = request.target.partition("?")[0]
        _log.error("request failed", exc_info=exc, extra={"path": path, "request_id": request_id})
    return problem(public_error(exc), request_id)


def _allow(methods: Iterable[str]) -> Answer:
    return Answer(204, fields=(("Allow", ", ".join(methods)),))


def _only_reading(request: Request) -> None:
    """Raise `MethodNotAllowedError` for what is no GET or HEAD."""
    if request.method not in {"GET", "HEAD"}:
        raise MethodNotAllowedError(
            f"{request.method} is not allowed here; use {', '.join(_READING)}", _READING
        )
