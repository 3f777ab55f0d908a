"""Answers that are JSON, or what else a client asks for: JSONP or XML (`web.jsonp`)."""

from collections.abc import Coroutine
from typing import Any

from msgspec import structs

from actionhero.errors import ActionHeroError
from actionhero.protocols.http1 import Peer, Request
from actionhero.protocols.http1_fields import read_fields
from actionhero.protocols.http1_formats import Format, read_format, reshape
from actionhero.protocols.http1_replies import Answer, problem
from actionhero.transports.http_answers import Answers, AnyAnswer


class JsonpAnswers(Answers):
    """Heeds `callback` and `outputType` in the query of an action's path."""

    def begin(
        self, request: Request, peer: Peer, request_id: str
    ) -> Answer | Coroutine[Any, Any, AnyAnswer]:
        path, _, query = request.target.partition("?")
        if not path.startswith("/api/") or not ("callback=" in query or "outputType=" in query):
            return super().begin(request, peer, request_id)
        try:
            form = read_format(read_fields(query))
        except ActionHeroError as exc:
            return problem(exc, request_id)
        headers = {n: v for n, v in request.headers.items() if n != b"accept-encoding"}
        coming = super().begin(structs.replace(request, headers=headers), peer, request_id)
        return reshape(coming, form) if isinstance(coming, Answer) else _reshape(coming, form)


async def _reshape(coming: Coroutine[Any, Any, AnyAnswer], form: Format) -> AnyAnswer:
    answer = await coming
    return reshape(answer, form) if isinstance(answer, Answer) else answer
