"""Answers as those of ActionHero v4.1.0 (`web.envelope = "classic"`), for the clients that know
nothing else.

- The fields of the action's value, then `serverInformation`, `requestorInformation` and, last,
  `error`, a text. A value that is no object is the field `data`. The status is always 200, unless
  `web.return_error_codes`.
- `action` in the query names the action; else the path does, with or without `/api`.
- `limit` and `offset` are always among the parameters; of the others only those that some action
  takes are told back.
- What an action sends as bytes, as a file, as a text of another type or as a stream, and what is
  refused before it is a request, has no envelope.
"""

import logging
from collections.abc import Coroutine
from time import time
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from msgspec import Struct, structs

from actionhero.actions.routes import Match
from actionhero.actions.streams import Stream
from actionhero.codec import decode_json, encode_json
from actionhero.errors import (
    ActionError,
    ActionHeroError,
    InvalidInputError,
    MalformedError,
    NotFoundError,
    UnknownActionError,
    public_error,
)
from actionhero.messages import Call, Reply, Words
from actionhero.protocols.http1 import Peer, Request
from actionhero.protocols.http1_fields import read_fields
from actionhero.protocols.http1_formats import Format, read_format, reshape
from actionhero.protocols.http1_replies import JSON_TYPE, Answer, problem
from actionhero.protocols.replies import splice
from actionhero.rooms.guests import guest_of
from actionhero.transports.http_answers import Answers, AnyAnswer
from actionhero.transports.http_events import StreamAnswer
from actionhero.transports.http_replies import RequestConnection, shape, show

if TYPE_CHECKING:
    from actionhero.transports.http_uploads import Upload

_NO_FILE = Answer(404, b"Sorry, that file is not found :(", "text/html")
_OWN_PARAMS = ("callback", "action", "limit", "offset", "outputType", "fileName")
_DEFAULTS = {"limit": "100", "offset": "0"}
_log = logging.getLogger("actionhero.http")


class _Asked(Struct):
    """What is known so far of a request that is being answered."""

    connection: RequestConnection
    begun: float
    params: dict[str, Any]


class ClassicAnswers(Answers):
    """Answers the requests of one server, in the old envelope."""

    def __init__(self, *args: Any, name: str, version: str, has_codes: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._name = name
        self._version = version
        self._has_codes = has_codes
        self._shown = self._dispatcher.param_names() | set(_OWN_PARAMS)

    def begin(
        self, request: Request, peer: Peer, request_id: str
    ) -> Answer | Coroutine[Any, Any, AnyAnswer]:
        path = request.target.partition("?")[0]
        is_other = path in self._probes or path in self._upgrades or path == "/public"
        if is_other or path.startswith("/public/") or request.method == "OPTIONS":
            return super().begin(request, peer, request_id)
        return self._answer(request, peer, request_id)

    async def _find_other(self, request: Request, path: str, request_id: str) -> AnyAnswer:
        try:
            return await super()._find_other(request, path, request_id)
        except NotFoundError:
            if path.startswith("/public/"):
                return _NO_FILE
            raise

    async def _answer(self, request: Request, peer: Peer, request_id: str) -> AnyAnswer:
        path = request.target.partition("?")[0]
        if path == "/" and await self._files.has_index():
            return await self._welcome()
        asked = _Asked(RequestConnection(request, peer), time(), {"limit": 100, "offset": 0})
        connection = asked.connection
        try:
            call = await self._ask(request, asked, request_id)
            reply = await self._dispatcher.dispatch(call, connection)
        except Exception as exc:
            reply = self._failed(exc, request_id)
        if isinstance(reply.value, Stream):
            return StreamAnswer(reply.value, connection)
        if connection.reply_file is not None and reply.error is None:
            return await self._send_file(connection.reply_file, request, connection, request_id)
        try:
            answer = self._wrap(reply, asked, request_id)
        except Exception as exc:
            answer = self._wrap(self._failed(exc, request_id), asked, request_id)
        packed = self._pack(answer, request) if len(answer.body) >= self._packs_from else answer
        return packed if isinstance(packed, Answer) else await packed

    def action_of(self, method: str, target: str) -> str:
        path, _, query = target.partition("?")
        return self._find_match(method, path, read_fields(query), {}).action

    # What is asked.

    async def _ask(self, request: Request, asked: _Asked, request_id: str) -> Call:
        """The call that a request means; `asked` learns of it as far as it can be read."""
        path, _, query = request.target.partition("?")
        words = read_fields(query) if query else {}
        asked.params.update(words)
        match = self._find_match(request.method, path, words, asked.params)
        form = cast("Upload | None", request.sink)
        if form is not None:
            await form.wait_stored()
            words.update(form.fields)
        call = self._read_call(request, match, words, request_id)
        if form is not None:
            call = structs.replace(call, content=form.files)
        self._tell(call, asked)
        return call

    def _find_match(self, method: str, path: str, words: Words, params: dict[str, Any]) -> Match:
        named = words.get("action", "")
        name = named if isinstance(named, str) else named[-1]
        if name:
            path = f"/{name}"
        elif path == "/api" or path.startswith("/api/"):
            path = path[4:]
        first = name or unquote(path.strip("/").partition("/")[0])
        if first:
            params["action"] = first
        try:
            return self._fixed.get((method, f"/api{path}")) or self._routes.match(method, path)
        except (NotFoundError, UnknownActionError):
            raise UnknownActionError(f"{first or '{no action}'} is not a known action.") from None

    def _tell(self, call: Call, asked: _Asked) -> None:
        """Note the parameters of a call, and give it those that are always there."""
        params = asked.params
        given = decode_json(call.body) if call.body is not None else {}
        if isinstance(given, dict):
            params.update(given)
        for name, default in _DEFAULTS.items():
            if name not in call.words and name not in given:
                call.words[name] = default
        params.update(call.words)
        params.update({name: _number(params[name]) for name in _DEFAULTS})
        params["action"] = call.action

    # What is answered.

    def _failed(self, exc: Exception, request_id: str) -> Reply:
        if not isinstance(exc, ActionHeroError):
            _log.error("request failed", exc_info=exc, extra={"request_id": request_id})
        return Reply(error=public_error(exc))

    def _wrap(self, reply: Reply, asked: _Asked, request_id: str) -> Answer:
        """A reply in its envelope, in the form that is asked for."""
        connection = asked.connection
        form = Format()
        try:
            form = read_format(asked.params)
        except MalformedError as exc:
            reply = Reply(error=exc)
        guest = guest_of(connection)
        if reply.error is not None:
            answer = structs.replace(problem(reply.error, request_id), status=self._status(reply))
            body, is_json = b"{}", True
        else:
            answer = show(reply, connection, request_id)
            body = b"{}" if reply.value is None else answer.body
            is_json = answer.content_type == JSON_TYPE
        if not is_json:
            return answer
        trailer = encode_json(self._trailer(reply, asked, guest))[1:]
        wrapped = splice(body, b"," + trailer)
        answer = structs.replace(answer, body=wrapped, content_type=JSON_TYPE)
        return shape(reshape(answer, form), connection, with_type=False)

    def _trailer(self, reply: Reply, asked: _Asked, guest: str) -> dict[str, Any]:
        now = time()
        trailer: dict[str, Any] = {
            "serverInformation": {
                "serverName": self._name,
                "apiVersion": self._version,
                "requestDuration": round((now - asked.begun) * 1000),
                "currentTime": round(now * 1000),
            },
            "requestorInformation": {
                "id": guest,
                "remoteAddress": asked.connection.remote_ip,
                "receivedParams": {n: v for n, v in asked.params.items() if n in self._shown},
            },
        }
        if reply.error is not None:
            trailer["error"] = f"Error: {_text_of(reply.error)}"
        return trailer

    def _status(self, reply: Reply) -> int:
        error = reply.error
        if not self._has_codes or error is None:
            return 200
        if isinstance(error, (ActionError, UnknownActionError)):
            return error.status
        return 422 if _missing(error) else 400


def _missing(error: ActionHeroError) -> str:
    """The first input that is missing."""
    return next((one.path for one in error.problems if one.code == "missing"), "")


def _text_of(error: ActionHeroError) -> str:
    missing = _missing(error) if isinstance(error, InvalidInputError) else ""
    return f"{missing} is a required parameter for this action" if missing else error.message


def _number(value: Any) -> float | None:
    """A parameter as JavaScript's `parseFloat` has it; None for what is no number."""
    text = value[-1] if isinstance(value, list) and value else value
    try:
        number = float(text)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else number
