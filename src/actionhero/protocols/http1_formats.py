"""A JSON reply in another form: as a script that calls a function (JSONP), or as XML.

Both are what ActionHero's own clients ask for, by `callback=f` and `outputType=xml`.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct, structs

from actionhero.codec import decode_json, encode_json
from actionhero.errors import MalformedError
from actionhero.protocols.http1_replies import NO_TYPE, Answer

_CALLBACK = re.compile(r"[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*", re.ASCII)
_LONGEST_CALLBACK = 128
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_HEADER = '<?xml version="1.0" encoding="utf-8"?>\n'
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, however it is written (2.2)."""
_NO_NAME = re.compile(r"[^\w.-]", re.ASCII)
_NO_BEGINNING = re.compile(r"[\d.-]|xml", re.IGNORECASE | re.ASCII)


class Format(Struct, frozen=True):
    """What a client asks for: a call of `callback`, or XML; with neither, JSON."""

    callback: str = ""
    is_xml: bool = False


def read_format(params: Mapping[str, Any]) -> Format:
    """The form that the parameters of a request ask for. Raises `MalformedError` for a callback
    that is no name of a function: it would be code of the client's in a page of another."""
    callback, kind = _last(params.get("callback")), _last(params.get("outputType"))
    if callback and (len(callback) > _LONGEST_CALLBACK or not _CALLBACK.fullmatch(callback)):
        raise MalformedError("callback is not the name of a JavaScript function")
    return Format(callback, kind.lower() == "xml")


def reshape(answer: Answer, form: Format) -> Answer:
    """A reply in the form that is asked for, if it is JSON; others stay as they are."""
    kind = answer.content_type.partition(";")[0]
    if kind == NO_TYPE or not (kind == "application/json" or kind.endswith("+json")):
        return answer
    if form.callback:
        body = f"{form.callback}({_NOT_ASCII.sub(_escape, answer.body.decode())});".encode()
        return structs.replace(answer, body=body, content_type="application/javascript")
    if form.is_xml:
        body = write_xml(decode_json(answer.body)).encode()
        return structs.replace(answer, body=body, content_type="application/xml")
    return answer


def write_xml(value: Any) -> str:
    """A value as an XML document: fields are elements, a list is its field's element again and
    again. What is no name becomes one with underscores."""
    root = value if not isinstance(value, list) else {"data": value}
    return _HEADER + "".join(_element("XML", root))


def _element(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _element(name, item)
        return
    yield f"<{name}>"
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _element(_name(key), item)
    elif value is not None:
        text = value if isinstance(value, str) else encode_json(value).decode()
        yield _NO_XML.sub("\ufffd", text).translate(_ESCAPES)
    yield f"</{name}>"


def _name(key: str) -> str:
    name = _NO_NAME.sub("_", key)
    return f"_{name}" if not name or _NO_BEGINNING.match(name) else name


def _escape(found: re.Match[str]) -> str:
    """A sign as its escape, so that no charset and no old browser reads it otherwise."""
    return json.dumps(found[0])[1:-1]


def _last(value: Any) -> str:
    """A parameter as text; of several the last."""
    if isinstance(value, list):
        value = value[-1] if value else ""
    return value if isinstance(value, str) else ""
