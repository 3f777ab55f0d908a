"""What fuzzing begins with: for each target, inputs that are right or nearly so."""

import gzip
import zlib

from tests.protocols.framing import BROKEN, SMUGGLED, SOUND

_WHOLE = b"\x10\x10\x10"
"""Goes before what is cut into pieces."""
_REQUESTS = [
    *(data for _, data in BROKEN.values() if len(data) < 600),
    *(data for _, data in SOUND.values() if len(data) < 600),
    b"GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x00",
    b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
]
_FORMS = [
    b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n',
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="../a.txt"\r\n'
    b"Content-Type: text/plain\r\n\r\nline\r\n--bee\r\n--b\r\n"
    b"Content-Disposition: form-data; name=g; filename*=UTF-8''%c3%a4\r\n\r\n\r\n--b--",
    b"multipart/form-data; boundary=x",
]
_PACKED = [gzip.compress(b"abc"), gzip.compress(b"a" * 200), gzip.compress(b"abc")[:-3]]
_REQUESTS.append(
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%b"
    % (len(_PACKED[0]), _PACKED[0])
)
_REQUESTS.append(_REQUESTS[-1].replace(b"Host", b"Connection: Upgrade\r\nUpgrade: h2c\r\nHost", 1))
_FIELDS = [
    b"a=b&c=%41+d&a=e",
    b"%zz=%&&=&",
    b"/a%2fb%c3%a4",
    b'application/json; charset="UTF-8"',
    b"text/xml;a=b;charset=latin-1",
    b"[::1]:80",
    b"a.b.org:8080",
    b"203.0.113.7, 10.0.0.2, 2001:db8::1",
]
_COOKIES = [b'a=1; b="2"; a=3; =x; y', b"sessionID=0123456789abcdef.sig; theme=dark"]
_CONDITIONS = [
    b"bytes=0-9",
    b"bytes=-5\n" + b'"a"',
    b'bytes=0-1,3-4\nW/"a"\n"b", "a"\n*\nTue, 15 Nov 1994 12:45:26 GMT',
    b"gzip;q=0.5, br;q=1.0, *;q=0",
    b"identity;q=0, x-gzip",
    b"Tuesday, 15-Nov-94 12:45:26 GMT",
]
_LINES = [
    b"hello name=Ada\r\nparamAdd a=b\n",
    b'{"action": "hello", "params": {"name": "Ada"}, "messageId": 1}\r\n',
    b"\xff\xf4\xff\xfd\x06",
    b"a\x04b\n",
    b'["a"]\n{"params":{"action":"x","messageId":"y"}}\n',
]
_MESSAGES = [
    b'{"event":"action","params":{"action":"hello","name":"Ada"},"messageId":1}',
    b'{"event":"say","room":"r","message":{"a":[1,null]},"messageId":"x"}',
    b'{"event":"file","file":"a.html"}',
    b'{"params":{"action":1}}',
]
_JSON = [
    b'{"text":"a","number":1,"ratio":1.5,"flag":true,"when":"2026-01-31T12:00:00Z"}',
    b'{"text":"a","day":"2026-01-31","colour":"blue","leaf":{"name":"x","size":3}}',
    b'{"text":"a","leaves":[{"name":"x"}],"tags":["a","b"],"table":{"x":1e5},"raw":"YQ=="}',
    b'{"text":"\\ud83d\\ude00","either":"a","free":{"a":[[[{}]]]}}',
    b'{"text":"\\ud800","number":NaN,"text":1}',
    b'\xfftext=a&number=1&tags=a&tags=b&leaves=[{"name":"x"}]&ratio=nan&when=2026-01-31',
    b'{"text":"a","ratio":1e999,"free":-1e999,"unknown":1e999}',
    b"[" * 60 + b"]" * 60,
]


def _frame(opcode: int, payload: bytes, first: int = 0x80) -> bytes:
    """A client's frame, masked by zeros."""
    size = (
        bytes((0x80 | len(payload),))
        if len(payload) < 126
        else b"\xfe" + (len(payload).to_bytes(2, "big"))
    )
    return bytes((first | opcode,)) + size + bytes(4) + payload


def _press(content: bytes) -> bytes:
    pressing = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (pressing.compress(content) + pressing.flush(zlib.Z_SYNC_FLUSH))[:-4]


_FRAMES = [
    *(_frame(1, text) for text in _MESSAGES),
    _frame(1, _press(_MESSAGES[0]), 0xC0),
    _frame(1, "Grü".encode(), 0) + _frame(9, b"in between") + _frame(0, "ße".encode()),
    _frame(8, b"\x03\xe8bye") + _frame(1, b"after"),
    _frame(2, b"\x00" * 200),
    _frame(1, b"x" * 301),
]
_OPENINGS = [
    b"GET /ws HTTP/1.1\nwebsocket\nkeep-alive, Upgrade\n13\ndGhlIHNhbXBsZSBub25jZQ==\nhttps://a.org",
    b"GET /ws HTTP/1.1\nwebsocket\nUpgrade\n13\nMTIzNDU2Nzg5MDEyMzQ1Ng==\nhttp://b:80\nb",
]

SEEDS: dict[str, list[bytes]] = {
    "http1": [_WHOLE + data + more for data in _REQUESTS for more in (b"", SMUGGLED)],
    "forms": [_WHOLE + form for form in _FORMS],
    "packed": [_WHOLE + one for one in _PACKED],
    "fields": _FIELDS,
    "cookies": _COOKIES,
    "conditions": _CONDITIONS,
    "tcp_lines": [_WHOLE + line for line in _LINES],
    "web_socket": [_WHOLE + data for data in _FRAMES],
    "ws_text": _FRAMES + _MESSAGES,
    "ws_opening": _OPENINGS,
    "unfolding": [
        _press(b"a" * 5000),
        _press(b"abc"),
        b"permessage-deflate; server_max_window_bits=9",
    ],
    "json_inputs": _JSON,
}
