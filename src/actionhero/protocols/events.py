"""Server-sent events (WHATWG HTML, "Server-sent events"): values into the lines of a stream.

Every event has an `id` and one line of `data`, which is JSON: so no value breaks a line. Ids count
from 1 unless a value has its own. The stream ends with the event `end`, or with `error` and the
problem; that the connection was cut looks like neither.
"""

from actionhero.codec import encode_json
from actionhero.messages import Event

EVENTS_TYPE = "text/event-stream"
HEARTBEAT = b":\n\n"
"""A comment: clients skip it, and what lies between sees that the connection is in use."""
END = b"event: end\ndata: null\n\n"


def encode_event(number: int, value: object) -> bytes:
    """The value that is the `number`th of its stream. Raises whatever the encoder does for one
    that is not JSON's."""
    kind = b""
    if isinstance(value, Event):
        if value.event is not None:
            kind = b"event: %b\n" % value.event.encode()
        own, value = value.id, value.data
        given = b"%d" % number if own is None else str(own).encode()
    else:
        given = b"%d" % number
    return b"id: %b\n%bdata: %b\n\n" % (given, kind, encode_json(value))


def encode_failure(problem: bytes) -> bytes:
    """The end of a stream that failed, with its problem as JSON."""
    return b"event: error\ndata: %b\n\n" % problem


def chunk(data: bytes) -> bytes:
    """A part of a body in the chunked coding (RFC 9112, 7.1). Empty data would end it."""
    return b"%x\r\n%b\r\n" % (len(data), data)
