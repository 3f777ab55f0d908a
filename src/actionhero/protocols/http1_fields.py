"""What the parts of a request say: query and form fields, content types, ids, header fields.

Percent-encoding is undone once and strictly as UTF-8; a `%` that begins no escape stands for
itself, as browsers have it (WHATWG URL, "percent-decode").
"""

from collections.abc import Iterator, Mapping
from urllib.parse import unquote_to_bytes

from actionhero.errors import MalformedError, UnsupportedMediaError
from actionhero.messages import Words

MOST_FIELDS = 1000
"""How many fields a query or a form may have."""
JSON = "json"
FORM = "form"

_ID_SIGNS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:+/=@")
_LONGEST_ID = 128


class Headers(Mapping[str, str]):
    """The header fields by lower-case name, decoded when looked at."""

    __slots__ = ("_fields",)

    def __init__(self, fields: dict[bytes, bytes]) -> None:
        self._fields = fields

    def __getitem__(self, name: str) -> str:
        try:
            return self._fields[name.lower().encode("latin-1")].decode("latin-1")
        except (KeyError, UnicodeEncodeError):
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return (name.decode("latin-1") for name in self._fields)

    def __len__(self) -> int:
        return len(self._fields)


def read_fields(text: str) -> Words:
    """The fields of a query or form. Raises `MalformedError`."""
    if "&" not in text and "%" not in text and "+" not in text:
        name, _, value = text.partition("=")
        return {name: value} if text else {}
    fields = text.split("&", MOST_FIELDS)
    if len(fields) > MOST_FIELDS:
        raise MalformedError(f"more than {MOST_FIELDS} fields were sent")
    words: Words = {}
    for field in fields:
        if not field:
            continue
        name, _, value = field.partition("=")
        name, value = _unescape(name), _unescape(value)
        known = words.get(name)
        if known is None:
            words[name] = value
        elif isinstance(known, list):
            known.append(value)
        else:
            words[name] = [known, value]
    return words


def read_form(body: bytes) -> Words:
    """The fields of an urlencoded body. Raises `MalformedError`."""
    try:
        return read_fields(body.decode())
    except UnicodeDecodeError as exc:
        raise MalformedError(f"the form is not UTF-8 (byte {exc.start})") from exc


def read_path(path: str) -> str:
    """A percent-encoded path as text. Raises `MalformedError`."""
    return _decode(path, "the path") if "%" in path else path


def read_content_type(value: bytes | None) -> str:
    """Whether a body is `JSON` or `FORM`. Raises `UnsupportedMediaError` for all else."""
    if value == b"application/json":
        return JSON
    text = "" if value is None else value.decode("latin-1")
    kind, _, parameters = text.partition(";")
    kind = kind.strip().lower()
    charset = _charset(parameters)
    if charset not in {"", "utf-8", "utf8"}:
        raise UnsupportedMediaError(f"the charset {charset!r} is not read; send utf-8")
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return JSON
    if kind == "application/x-www-form-urlencoded":
        return FORM
    said = f"the content type {kind!r} is not read" if kind else "the body has no content type"
    raise UnsupportedMediaError(f"{said}; send application/json or a urlencoded form")


def read_request_id(value: bytes) -> str | None:
    """The id that a client gave its request, if it is a sane one; else None."""
    if not 0 < len(value) <= _LONGEST_ID:
        return None
    text = value.decode("latin-1")
    return text if _ID_SIGNS.issuperset(text) else None


def _charset(parameters: str) -> str:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return ""


def _unescape(text: str) -> str:
    if "+" in text:
        text = text.replace("+", " ")
    return _decode(text, "a field") if "%" in text else text


def _decode(text: str, what: str) -> str:
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError as exc:
        raise MalformedError(f"{what} is not UTF-8: {text[:100]!r}") from exc
