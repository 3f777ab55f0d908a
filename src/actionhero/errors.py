"""Every error the framework raises, in one tree.

Each class has a `code` (a stable word for programs), a `status` (the HTTP status it becomes)
and a `side`: "theirs" where the client can mend it, "ours" where only the operator can.
A client sees the message of every error of this tree; of any other exception it sees nothing
but `internal_error`.

    ActionHeroError
    ├── ActionError                 raise it in an action to answer with an error of your own
    ├── ClientError                 theirs
    │   ├── MalformedError          400  not readable as what it says it is
    │   ├── InvalidInputError       422  readable, but the inputs do not fit the signature
    │   ├── UnknownActionError      404
    │   ├── UnknownVersionError     404
    │   ├── NotFoundError           404  no such path or file
    │   ├── MethodNotAllowedError   405
    │   ├── RequestTimeoutError     408
    │   ├── TooLargeError           413
    │   ├── UnsupportedMediaError   415
    │   ├── TooManyRequestsError    429
    │   ├── CsrfError               403  a page of another site may have sent it
    │   ├── RoomError               400
    │   │   ├── UnknownRoomError        404
    │   │   ├── MembershipError         409  in the room already, or not in it
    │   │   ├── RoomFullError           409  as many members, or rooms, as there may be
    │   │   └── RoomForbiddenError      403  a rule of the room does not allow it
    │   ├── HttpProtocolError       400, 406, 412, 414, 416, 417, 421, 426, 431, 501, 505
    │   └── FrameError              the rules of WebSocket frames were broken
    ├── ServerError                 ours
    │   ├── InternalError           500
    │   ├── ActionTimeoutError      503
    │   ├── DrainingError           503
    │   ├── OverloadedError         503  as many connections as there may be
    │   └── StoreError              503
    │       ├── StoreUnavailableError    no connection, or it broke before the reply came
    │       ├── StoreReplyError          the store answered with an error
    │       │   └── StoreFullError           the store is out of memory
    │       └── StoreEngineError         too old, or not what we need
    ├── SetupError                  at definition or boot; the process does not start
    │   ├── DefinitionError
    │   ├── SettingsError
    │   ├── TargetError
    │   ├── StoreStartError
    │   ├── ListenError
    │   └── NotConnectedError
    ├── SessionError                it cannot be kept, or not so, or not here
    ├── CacheError
    │   ├── WrongKindError          the key holds something else: a list, no number
    │   ├── LockTimeoutError        503  the lock was not free in time (also a `TimeoutError`)
    │   └── LockLostError           the lock ran out while it was held
    ├── PeerError
    │   ├── UnknownPeerError        no live server has it
    │   ├── UnknownFunctionError    … has no such function for peers
    │   ├── PeerTimeoutError        503  it did not answer in time (also a `TimeoutError`)
    │   └── PeerCallError           it answered with an error
    └── TaskError
        ├── QueueFullError          503  the queue is as long as it may be
        ├── UnknownTaskError        no such task, or no such task type
        ├── TaskFailedError         a result was waited for, but its task failed
        ├── TaskCancelledError      … was cancelled or discarded
        ├── ResultTimeoutError      … has not ended in time (also a `TimeoutError`)
        └── NoResultError           … completed, but there is no result to be had
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from msgspec import Struct


class InputProblem(Struct, frozen=True):
    """One input that does not fit: where (`path`, as `address.street` or `tags[2]`), a stable
    `code` (`missing`, `wrong_type`, `too_small`, …) and a sentence."""

    path: str
    code: str
    message: str


class ActionHeroError(Exception):
    """The root. Never raised itself."""

    code: str = "error"
    status: int = 500
    side: ClassVar[Literal["theirs", "ours"]] = "ours"

    @property
    def message(self) -> str:
        return str(self)

    @property
    def problems(self) -> tuple[InputProblem, ...]:
        """What is wrong in detail; empty for most errors."""
        return ()


class ActionError(ActionHeroError):
    """Raise it in an action or a middleware to answer with an error of your own.

    `status` is the HTTP status, 400 to 599; the other transports carry `code` and the message.
    """

    side = "theirs"

    def __init__(self, message: str, *, code: str = "action_error", status: int = 400) -> None:
        if not 400 <= status <= 599:
            raise ValueError(f"status must be 400 to 599, not {status}")
        super().__init__(message)
        self.code = code
        self.status = status


class ClientError(ActionHeroError):
    """The client can mend it."""

    code = "bad_request"
    status = 400
    side = "theirs"


class MalformedError(ClientError):
    """The bytes cannot be read as what they say they are. The message names the position."""

    code = "malformed"


class InvalidInputError(ClientError):
    """The inputs do not fit the action's signature. `problems` holds every one of them."""

    code = "invalid_input"
    status = 422

    def __init__(self, problems: tuple[InputProblem, ...]) -> None:
        super().__init__(
            "; ".join(f"{p.path}: {p.message}" if p.path else p.message for p in problems)
        )
        self._problems = problems

    @property
    def problems(self) -> tuple[InputProblem, ...]:
        return self._problems


class UnknownActionError(ClientError):
    """No action of this name is served over this transport."""

    code = "unknown_action"
    status = 404


class UnknownVersionError(ClientError):
    """The action exists, but not in the version asked for."""

    code = "unknown_version"
    status = 404


class NotFoundError(ClientError):
    """No such path or file."""

    code = "not_found"
    status = 404


class MethodNotAllowedError(ClientError):
    """The path exists, but not for this method. `allow` lists the methods it has."""

    code = "method_not_allowed"
    status = 405

    def __init__(self, message: str, allow: tuple[str, ...]) -> None:
        super().__init__(message)
        self.allow = allow


class RequestTimeoutError(ClientError):
    """The client took too long to send its request."""

    code = "request_timeout"
    status = 408


class TooLargeError(ClientError):
    """The body, line or message is over its limit."""

    code = "too_large"
    status = 413


class UnsupportedMediaError(ClientError):
    """The body's content type is not one that actions take."""

    code = "unsupported_media_type"
    status = 415


class TooManyRequestsError(ClientError):
    """The client is over a rate limit or has too many requests under way."""

    code = "too_many_requests"
    status = 429

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CsrfError(ClientError):
    """The request has a session's cookie, but may have been sent by a page of another site."""

    code = "csrf"
    status = 403


class RoomError(ClientError):
    """It has to do with a room."""

    code = "room_error"


class UnknownRoomError(RoomError):
    """There is no such room."""

    code = "unknown_room"
    status = 404


class MembershipError(RoomError):
    """The connection is in the room already, or is not in it."""

    code = "membership"
    status = 409


class RoomFullError(RoomError):
    """The room has as many members as it may have, or the connection as many rooms."""

    code = "room_full"
    status = 409


class RoomForbiddenError(RoomError):
    """A rule of the room does not let the connection in, or its message pass."""

    code = "room_forbidden"
    status = 403


class HttpProtocolError(ClientError):
    """The request breaks HTTP, or asks of it what is not served. `status` says which; `fields`
    are the header fields that belong to it."""

    code = "http_protocol"

    def __init__(
        self, message: str, status: int = 400, fields: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.fields = fields


class FrameError(ClientError):
    """The peer broke the rules of WebSocket frames.

    `close_code` says which, as RFC 6455 section 7.4.1 numbers them.
    """

    code = "bad_frame"

    def __init__(self, close_code: int, message: str) -> None:
        super().__init__(message)
        self.close_code = close_code


class ServerError(ActionHeroError):
    """Only the operator can mend it."""

    code = "internal_error"


class InternalError(ServerError):
    """An action raised something that is not of this tree. The client gets no more than this."""


class ActionTimeoutError(ServerError):
    """The action ran longer than its `timeout` and was cancelled."""

    code = "action_timeout"
    status = 503


class DrainingError(ServerError):
    """The server is shutting down and takes no new work."""

    code = "shutting_down"
    status = 503


class OverloadedError(ServerError):
    """The server has as many connections as it may have."""

    code = "overloaded"
    status = 503


class StoreError(ServerError):
    """Something went wrong with Valkey/Redis."""

    code = "store_error"
    status = 503


class StoreUnavailableError(StoreError):
    """There is no connection to the store, or it broke before the reply came.

    In the second case (`maybe_done`) the command may or may not have been carried out.
    """

    code = "store_unavailable"

    def __init__(self, message: str, *, maybe_done: bool = False) -> None:
        super().__init__(message)
        self.maybe_done = maybe_done


class StoreReplyError(StoreError):
    """The store answered with an error. `kind` is its first word (`WRONGTYPE`, `NOSCRIPT`, …)."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.kind = message.partition(" ")[0]


class StoreFullError(StoreReplyError):
    """The store reached its `maxmemory` and takes no more."""

    code = "store_full"


class StoreEngineError(StoreError):
    """The store is too old, or set up in a way that would lose data."""

    code = "store_engine"


class SetupError(ActionHeroError):
    """Something is wrong before the first request; the process does not start."""

    code = "setup_error"


class DefinitionError(SetupError):
    """An action, task, middleware or initializer is defined in a way that cannot work."""

    code = "definition_error"


class SettingsError(SetupError):
    """A setting is unknown or ill-typed. The message names it and where it comes from."""

    code = "settings_error"


class TargetError(SetupError):
    """The app that a command was pointed at cannot be found or imported."""

    code = "target_error"


class StoreStartError(SetupError):
    """The embedded store could not be started."""

    code = "store_start"


class ListenError(SetupError):
    """A port or socket could not be opened."""

    code = "listen_error"


class NotConnectedError(SetupError):
    """A service was used while the app neither runs nor is `connected()`."""

    code = "not_connected"


class TaskError(ActionHeroError):
    """Something about tasks."""

    code = "task_error"


class QueueFullError(TaskError):
    """The queue is as long as it may be. `ids` are the tasks that did not fit; all others that
    were enqueued with them are in."""

    code = "queue_full"
    status = 503

    def __init__(self, message: str, ids: tuple[str, ...]) -> None:
        super().__init__(message)
        self.ids = ids


class UnknownTaskError(TaskError):
    """There is no such task, or no such task type."""

    code = "unknown_task"
    status = 404


class TaskFailedError(TaskError):
    """The task whose result was waited for has failed. `error` has the `type`, `message` and
    `traceback` of what it raised last."""

    code = "task_failed"

    def __init__(self, message: str, error: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.error = error


class TaskCancelledError(TaskError):
    """The task whose result was waited for was cancelled, or asked to be discarded."""

    code = "task_cancelled"


class ResultTimeoutError(TaskError, TimeoutError):
    """The task has not ended in the time that its result was waited for. It goes on."""

    code = "result_timeout"
    status = 503


class NoResultError(TaskError):
    """There is no result to be had: its type does not keep any, or it could not be kept."""

    code = "no_result"


class SessionError(ActionHeroError):
    """What is set in a session cannot be kept: it is no JSON, or too much. Or a session is to be
    rotated where its client cannot be told."""

    code = "session"


class CacheError(ActionHeroError):
    """Something about the cache."""

    code = "cache"


class WrongKindError(CacheError):
    """The key holds something else than was asked for."""

    code = "wrong_kind"


class LockTimeoutError(CacheError, TimeoutError):
    """The lock was not free in time."""

    code = "lock_timeout"
    status = 503


class LockLostError(CacheError):
    """The lock ran out while it was held: the store was away, or the loop stood still, too long."""

    code = "lock_lost"


class PeerError(ActionHeroError):
    """Something about the other servers."""

    code = "peer"


class UnknownPeerError(PeerError):
    """No live server is so called, or has the function."""

    code = "unknown_peer"


class UnknownFunctionError(PeerError):
    """The server has no such function for its peers."""

    code = "unknown_function"


class PeerTimeoutError(PeerError, TimeoutError):
    """The server did not answer in time. It may have done what it was asked."""

    code = "peer_timeout"
    status = 503


class PeerCallError(PeerError):
    """The server answered with an error; `code` is its code."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


def public_error(error: BaseException) -> ActionHeroError:
    """What a client may see of `error`: itself if it is of this tree, else `InternalError`."""
    if isinstance(error, ActionHeroError):
        return error
    return InternalError("the server could not complete this; the error has been logged")


def wire_error(error: ActionHeroError) -> dict[str, Any]:
    """The error as WebSocket, TCP, MCP and the terminal show it; `retryAfter` is in seconds."""
    shown: dict[str, Any] = {"code": error.code, "message": error.message}
    if isinstance(error, TooManyRequestsError) and error.retry_after is not None:
        shown["retryAfter"] = round(error.retry_after, 3)
    if error.problems:
        shown["details"] = error.problems
    return shown
