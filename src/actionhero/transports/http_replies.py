"""What an action answered, as HTTP shows it: JSON, bytes, texts of another type, no body at all.

Errors are problem details with their own status. The fields that an action has set take the place
of ours of the same name.
"""

from collections.abc import Mapping
from time import time

from msgspec import structs

from actionhero.codec import encode_json
from actionhero.connections import Connection
from actionhero.messages import Reply
from actionhero.protocols.http1 import Peer, Request
from actionhero.protocols.http1_codings import Accepted
from actionhero.protocols.http1_fields import Headers
from actionhero.protocols.http1_replies import JSON_TYPE, NO_TYPE, Answer, Fields, problem
from actionhero.transports.http_packing import codings, is_compressible

_BYTES_TYPE = "application/octet-stream"
_BODILESS = frozenset((204, 205, 301, 302, 303, 304, 307, 308))


class RequestConnection(Connection):
    """The connection of one request. It is made for each, so it is made without detours, and its
    header fields are decoded only for who looks at them."""

    __slots__ = ("_fields",)

    def __init__(self, request: Request, peer: Peer) -> None:
        self._id = None
        self.transport = "http"
        self.remote_ip, self.remote_port, self.scheme, self.forwarded_host = peer
        self.session_id = None
        self.method = request.method
        self._fields = request.headers
        self._headers = None
        self.max_pending = 1
        self.connected_at = time()
        self.params = {}
        self.rooms = []
        self.total_actions = 0
        self.pending_actions = 0
        self.status = None
        self.reply_headers = self.reply_file = None

    @property
    def headers(self) -> Mapping[str, str]:
        if self._headers is None:
            self._headers = Headers(self._fields)
        return self._headers


def show(reply: Reply, connection: Connection, request_id: str) -> Answer:
    """What an action answered, with the status and the fields it has set; an error keeps its own
    status and type. Raises whatever the encoding of the value raises."""
    is_plain = connection.reply_headers is None
    if reply.error is not None:
        answer = problem(reply.error, request_id)
        return answer if is_plain else shape(answer, connection, with_type=False)
    value = reply.value
    status = connection.status
    if status is None:
        status = 200
    elif status in _BODILESS:
        value = b""
    if type(value) is bytes:
        answer = Answer(status, value, NO_TYPE if status in _BODILESS else _BYTES_TYPE)
    elif is_plain or type(value) is not str:
        answer = Answer(status, encode_json(value))
    else:
        answer = _show_text(status, value, _type_of(connection))
    return answer if is_plain else shape(answer, connection)


def is_bodiless(connection: Connection) -> bool:
    """Whether the status that the action has set is one of replies without a body."""
    return connection.status in _BODILESS


def shape(answer: Answer, connection: Connection, with_type: bool = True) -> Answer:
    """An answer with the fields that the action has set."""
    own = connection.reply_headers or ()
    names = {name.lower() for name, _ in own if name.lower() != "vary"}
    kept = [field for field in answer.fields if field[0].lower() not in names]
    kept.extend(field for field in own if field[0].lower() != "content-type")
    content_type = answer.content_type
    if with_type and content_type.partition(";")[0] != _type_of(connection):
        content_type = _type_of(connection) or content_type
    return structs.replace(answer, content_type=content_type, fields=tuple(kept))


def choose_coding(answer: Answer, request: Request) -> tuple[Answer, str]:
    """The coding that the body of an answer is to be packed in, empty for none, and the answer
    with the fields that say so."""
    names = {name.lower() for name, _ in answer.fields}
    if "content-encoding" in names or not is_compressible(answer.content_type):
        return answer, ""
    accepted = Accepted(request.headers.get(b"accept-encoding"))
    coding = accepted.choose(tuple(codings())) or ""
    fields: Fields = (*answer.fields, ("Vary", "Accept-Encoding"))
    if coding:  # a strong tag is that of the bytes as they were
        fields = tuple((n, _weak(v) if n.lower() == "etag" else v) for n, v in fields)
        fields += (("Content-Encoding", coding),)
    return structs.replace(answer, fields=fields), coding


def _show_text(status: int, text: str, content_type: str) -> Answer:
    """A text: JSON, unless the action has set another type."""
    if content_type in {"", JSON_TYPE} or content_type.partition(";")[0].endswith("+json"):
        return Answer(status, encode_json(text))
    _, said, charset = content_type.lower().partition("charset=")
    if not said and content_type.startswith("text/"):
        content_type += "; charset=utf-8"
    return Answer(status, text.encode(charset.strip('" ') or "utf-8"), content_type)


def _type_of(connection: Connection) -> str:
    """The content type that the action has set; the last one counts."""
    found = ""
    for name, value in connection.reply_headers or ():
        if name.lower() == "content-type":
            found = value
    return found


def _weak(tag: str) -> str:
    return tag if tag.startswith("W/") else f"W/{tag}"
